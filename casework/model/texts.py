"""Checks on what people type: length and characters. It trims nothing and translates nothing."""

import unicodedata

from casework.model.errors import Invalid

LONGEST_NAME = 200
BLANK = frozenset({"Cf"})  # characters that are there and show nothing
LONGEST_TEXT = 4000
_HIDDEN = frozenset("\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")


def text(value: str, *path: str, longest: int = LONGEST_TEXT) -> str:
    """Give the text in Unicode's composed form (NFC).

    Raises:
        Invalid: empty, too long, or with control characters or marks that turn the direction of writing.
    """
    value = value.replace("\r\n", "\n")
    if not value.strip():
        raise Invalid("a text is needed here", path=path, code="EMPTY")
    if len(value) > longest:
        raise Invalid(f"longer than {longest} characters", path=path, code="TOO_LONG")
    for char in value:
        if (unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"} and char not in "\n\t") or char in _HIDDEN:
            raise Invalid(f"the character U+{ord(char):04X} is not allowed here", path=path, code="BAD_CHARACTER")
    if all(unicodedata.category(char) in BLANK or char.isspace() for char in value):
        raise Invalid("a text is needed here", path=path, code="EMPTY")
    return unicodedata.normalize("NFC", value)


def optional_text(value: str | None, *path: str, longest: int = LONGEST_TEXT) -> str | None:
    """As `text`; None for None."""
    return None if value is None else text(value, *path, longest=longest)
