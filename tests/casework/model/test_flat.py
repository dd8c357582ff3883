"""Flat fields of any record: a field for each element of a list, by its own number."""

from dataclasses import dataclass, replace

import pytest

from casework.model.flat import flattened, restored


@dataclass(frozen=True, slots=True)
class Page:
    """An element."""

    place: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """A record with two lists, of which one grows."""

    name: str
    pages: tuple[Page, ...] = ()
    marks: tuple[str, ...] = ()


LISTS = {"pages": "place"}
BOOK = Book("b", tuple(Page(n, ("w",) * (n % 2)) for n in range(1, 13)), ("m", "n"))


def test_a_list_that_grows_is_a_field_for_each_element() -> None:
    flat = flattened(BOOK, LISTS)
    assert flat == {
        "name": "b",
        "marks": ["m", "n"],
        **{f"pages.{n}": {"place": n, "words": ["w"]} if n % 2 else {"place": n} for n in range(1, 13)},
    }
    assert flattened(replace(BOOK, pages=(), marks=()), LISTS) == {"name": "b"}


@pytest.mark.parametrize("book", [BOOK, Book("b"), Book("", BOOK.pages[4:])])
def test_it_comes_back_in_any_order_of_its_fields(book: Book) -> None:
    flat = flattened(book, LISTS)
    assert restored(Book, flat, LISTS) == restored(Book, dict(sorted(flat.items())), LISTS) == book


def test_a_list_that_is_not_known_is_passed_over() -> None:
    assert restored(Book, {**flattened(BOOK, LISTS), "added.1": {"place": 1}}, LISTS) == BOOK
