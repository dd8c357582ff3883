"""Read the administrative units of Viet Nam from the PyPI package `vietnamadminunits` into `local/register/units.csv`.

It runs when the register is made, never when the service runs: the package is no dependency of the project. It fetches nothing, and it
translates nothing: codes and names are written as the package has them.

Written: the 34 provinces and 3,321 communes in force from 1 July 2025, and the 29 province codes that were given up on that day, each with
the province that its wards went to. Seven former provinces are not there, because their code was issued again to the province that took
them in (15 was Yên Bái and is Lào Cai, whose own former code was 10). Former wards are not there for the same reason: their five-digit
codes were issued again to new communes, and one code names one unit.

The kind of a commune is read from its name: the package's column `wardType` contradicts it in four rows, and the names are right.
"""

import argparse
import csv
import io
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PACKAGE = "vietnamadminunits"
UNITS = Path(__file__).resolve().parent.parent / "local" / "register" / "units.csv"
COLUMNS = ("code", "parent", "kind", "valid_from", "valid_to", "successors", "name_vi")
REFORM, DAY_BEFORE = "2025-07-01", "2025-06-30"
# When each former province was founded is not in the package; the day the State was founded stands for it.
FOUNDED = "1945-09-02"
KINDS = {"Phường": "WARD", "Xã": "COMMUNE", "Đặc khu": "SPECIAL_ZONE"}
EXAMPLE = """example:
  pip download --no-deps vietnamadminunits==1.0.4
  python -m zipfile -e vietnamadminunits-1.0.4-py3-none-any.whl unpacked
  python tools/read_units.py unpacked/vietnamadminunits"""

Row = tuple[str, str, str, str, str, str, str]


class BadSource(Exception):
    """The package is not what this tool can read."""


def read(database: sqlite3.Connection, converter: Mapping[str, Any]) -> list[Row]:
    """Give the rows of the file: present provinces, former ones, communes, each in the order of their codes.

    Raises:
        BadSource: a name says no kind of commune, or a former province has no successor.
    """
    present = database.execute("SELECT DISTINCT provinceCode, province, provinceKey FROM admin_units ORDER BY 1").fetchall()
    former = database.execute("SELECT DISTINCT provinceCode, province, provinceKey FROM admin_units_legacy ORDER BY 1").fetchall()
    communes = database.execute("SELECT wardCode, provinceCode, ward FROM admin_units ORDER BY 2, 1").fetchall()
    codes = {key: code for code, _, key in present}
    went = _went(converter)
    rows: list[Row] = [(code, "", "PROVINCE", REFORM, "", "", name) for code, name, _ in present]
    for code, name, key in former:
        if code in codes.values():
            continue
        counted = [(-wards, codes[new]) for (old, new), wards in went.items() if old == key]
        if not counted:
            raise BadSource(f"{name} ({code}) has no successor")
        rows.append((code, "", "PROVINCE", FOUNDED, DAY_BEFORE, " ".join(new for _, new in sorted(counted)), name))
    rows += [(code, province, _kind(name), REFORM, "", "", name) for code, province, name in communes]
    return rows


def _went(converter: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """Count the wards that went from each former province to each new one; a ward that was divided counts as one."""
    went: Counter[tuple[str, str]] = Counter()
    for new, communes in converter["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        went.update((ward.split("_")[0], new) for wards in communes.values() for ward in wards)
    for new, wards in converter["DICT_PROVINCE_WARD_DIVIDED"].items():
        went.update((ward.split("_")[0], new) for ward in wards)
    return went


def _kind(name: str) -> str:
    for word, kind in KINDS.items():
        if name.startswith(f"{word} "):
            return kind
    raise BadSource(f"{name!r} names no kind of commune")


def written(rows: Iterable[Row], version: str, licence: str) -> str:
    """Give the file: where it comes from, the licence of the source in full, and the rows."""
    head = [
        "Provinces and communes of Viet Nam (official codes), written by tools/read_units.py: change the tool, not this file.",
        f"Source: {PACKAGE} {version}, https://pypi.org/project/{PACKAGE}/{version}/, under the MIT licence:",
        "",
        *licence.strip().splitlines(),
    ]
    out = io.StringIO()
    out.writelines(f"# {line}".rstrip() + "\n" for line in head)
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows)
    return out.getvalue()


def source(package: Path) -> tuple[list[Row], str, str]:
    """Read an unpacked package: the rows, its version, its licence.

    Raises:
        BadSource: a part of it is missing.
    """
    infos = sorted(package.parent.glob(f"{PACKAGE}-*.dist-info"))
    if len(infos) != 1:
        raise BadSource(f"{package.parent} holds {len(infos)} folders {PACKAGE}-*.dist-info; one is wanted, beside the package")
    version = infos[0].name.removeprefix(f"{PACKAGE}-").removesuffix(".dist-info")
    data = package / "data"
    try:
        licence = (infos[0] / "licenses" / "LICENSE").read_text(encoding="utf-8")
        converter = json.loads((data / "converter_2025.json").read_text(encoding="utf-8"))
        database = sqlite3.connect(f"{(data / 'dataset.db').resolve().as_uri()}?mode=ro", uri=True)
        try:
            return read(database, converter), version, licence
        finally:
            database.close()
    except (OSError, sqlite3.Error, ValueError, KeyError) as error:
        raise BadSource(f"{package} cannot be read: {error}") from error


def main() -> int:
    parser = argparse.ArgumentParser(
        description=f"Write the provinces and communes of Viet Nam from an unpacked {PACKAGE}.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", type=Path, help=f"folder of the unpacked package {PACKAGE}, with its dist-info beside it")
    parser.add_argument("--to", type=Path, default=UNITS, metavar="FILE", help="file to write (default: local/register/units.csv)")
    arguments = parser.parse_args()
    if not arguments.package.is_dir():
        parser.error(f"{arguments.package} is no folder")
    try:
        rows, version, licence = source(arguments.package)
        arguments.to.write_text(written(rows, version, licence), encoding="utf-8", newline="\n")
    except (BadSource, OSError) as error:
        print(f"read_units: {error}", file=sys.stderr)
        return 1
    kinds = Counter("former PROVINCE" if valid_to else kind for _, _, kind, _, valid_to, _, _ in rows)
    print(f"{arguments.to}: {len(rows)} units, " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
