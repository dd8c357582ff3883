"""Reads the register from the files beside this module: units, reception points, officers, procedures and the calendar's overrides.

What every province and commune has alike (departments, counters, staff) is written once and laid out here, and so are the English and
French names of places. It reads and derives; it checks little and stores nothing: tests hold the files to their rules.
"""

import csv
import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from casework.model.packing import unpacked
from casework.model.parties import Role
from casework.model.procedure import ProcedureVersion, Texts
from casework.model.unit import Officer, PointKind, ReceptionPoint, Unit
from casework.model.workdays import Override

Thing = Unit | ReceptionPoint | Officer | ProcedureVersion | Override

FOLDER = Path(__file__).parent
NATION = "VN"  # stands for a province where a thing belongs to none
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built with it: ten times as fast


class _Word(NamedTuple):
    """What a kind of place is called: in English after the name, in French before it."""

    en: str
    fr: str
    fr_article: str
    fr_link: bool = True  # "commune de Hiệp Hòa", but "quartier Hồng Hà"


_WORDS = {
    "Tỉnh": _Word("province", "province", "de la"),
    "Thành phố": _Word("city", "ville", "de la"),
    "Phường": _Word("ward", "quartier", "du", fr_link=False),
    "Xã": _Word("commune", "commune", "de la"),
    "Đặc khu": _Word("special zone", "zone spéciale", "de la"),
}


def things(folder: Path = FOLDER) -> Iterator[tuple[str, Thing]]:
    """Give everything in the register, each with the code of its province, or with `NATION`."""
    below, people = _read(folder / "provinces.yml"), _read(folder / "people.yml")
    places = list(_places(folder / "units.csv"))
    provinces = [place for place in places if place.parent is None and place.valid_to is None]
    communes = [place for place in places if place.parent is not None]
    yield from ((place.province, place) for place in places)
    yield from _departments(provinces, below["departments"], date.fromisoformat(below["valid_from"]))
    yield from _points(provinces, below["points"])
    yield from _points(communes, below["commune_points"])
    province_of = {place.code: place.province for place in places}
    for row in people["officers"]:
        yield province_of[row["unit"].split("-")[0]], unpacked(Officer, row)
    staff = people["staff"]
    departments = [row["code"] for row in below["departments"]]
    for province in staff["provinces"]:
        own = [commune.code for commune in communes if commune.province == province]
        first = islice(sorted(own), staff["first_communes"])
        yield from ((province, officer) for officer in _staff(staff, province, departments, first))
    yield from ((NATION, unpacked(ProcedureVersion, row)) for row in _read(folder / "procedures.yml")["procedures"])
    yield from ((NATION, unpacked(Override, row)) for row in _read(folder / "calendar.yml")["overrides"])


def digest(folder: Path = FOLDER) -> str:
    """Give the SHA-256 of all files that the register is made from, this module among them, as it derives names and codes."""
    found = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.suffix in {".csv", ".yml", ".py"}):
        content = file.read_bytes()
        found.update(f"{file.name} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def named(place: str) -> Texts:
    """Give a place's name in three languages: "Tỉnh Quảng Ninh", "Quảng Ninh province", "province de Quảng Ninh"."""
    word, name = _parted(place)
    return Texts(place, f"{name} {word.en}", word.fr + _linked(word, name))


def belonging(name: Texts, place: str) -> Texts:
    """Give the name of what belongs to a place: "Sở Xây dựng", "Tỉnh Quảng Ninh" make "Sở Xây dựng tỉnh Quảng Ninh"."""
    word, bare = _parted(place)
    return Texts(
        f"{name.vi} {place[0].lower()}{place[1:]}",
        f"{name.en} of {bare} {word.en}",
        f"{name.fr} {word.fr_article} {word.fr}{_linked(word, bare)}",
    )


def _parted(place: str) -> tuple[_Word, str]:
    """Part a name into what it says of the kind of place, and the rest.

    Raises:
        ValueError: it says no kind that is known.
    """
    for vi, word in _WORDS.items():
        if place.startswith(f"{vi} "):
            return word, place.removeprefix(f"{vi} ")
    raise ValueError(f"{place!r} names no kind of place")


def _linked(word: _Word, name: str) -> str:
    if not word.fr_link:
        return f" {name}"
    # Â and Ơ are vowels too: the decomposed form has the letter first and its marks behind.
    return f" d'{name}" if unicodedata.normalize("NFD", name)[0] in "AEIOU" else f" de {name}"


def _read(file: Path) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.load(file.read_bytes(), Loader=_LOADER)  # noqa: S506 - both loaders are safe ones
    return raw


def _places(file: Path) -> Iterator[Unit]:
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            yield Unit(
                code=row["code"],
                name=named(row["name_vi"]),
                kind=row["kind"],
                province=row["parent"] or row["code"],
                parent=row["parent"] or None,
                valid_from=date.fromisoformat(row["valid_from"]),
                valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
                successors=tuple(row["successors"].split()),
            )


def _departments(provinces: Iterable[Unit], rows: Collection[Mapping[str, Any]], valid_from: date) -> Iterator[tuple[str, Unit]]:
    names = {row["code"]: unpacked(Texts, row["name"]) for row in rows}
    for province in provinces:
        for suffix, name in names.items():
            full = belonging(name, province.name.vi)
            yield province.code, Unit(f"{province.code}-{suffix}", full, "DEPARTMENT", province.code, province.code, valid_from)


def _points(places: Iterable[Unit], rows: Collection[Mapping[str, Any]]) -> Iterator[tuple[str, ReceptionPoint]]:
    alike = [(row["code"], PointKind(row["kind"]), unpacked(Texts, row["name"])) for row in rows]
    for place in places:
        for suffix, kind, name in alike:
            yield place.province, ReceptionPoint(f"{place.code}-{suffix}", belonging(name, place.name.vi), kind, place.code)


def _staff(staff: Mapping[str, Any], province: str, departments: Iterable[str], communes: Iterable[str]) -> Iterator[Officer]:
    """Make the officers of one province, as `people.yml` says."""
    yield from _posts(province, staff["in_province"])
    for suffix in departments:
        yield from _posts(f"{province}-{suffix}", staff["in_department"])
    yield from _clerks(province, staff["at_points"])
    for commune in communes:
        yield from _posts(commune, staff["in_commune"])
        yield from _clerks(commune, staff["at_commune_points"])


def _posts(unit: str, posts: Mapping[str, str]) -> Iterator[Officer]:
    return (Officer(f"{unit}-{suffix}", Role(role), unit) for suffix, role in posts.items())


def _clerks(unit: str, at_points: Mapping[str, Iterable[str]]) -> Iterator[Officer]:
    for point, suffixes in at_points.items():
        for suffix in suffixes:
            yield Officer(f"{unit}-{point}-{suffix}", Role.RECEPTION, unit, f"{unit}-{point}")
