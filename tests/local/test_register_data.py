"""The register's files: whole, consistent with each other, computable by the clock, and written in three languages."""

import json
import runpy
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from casework.model.clock import Course, reckoned
from casework.model.limit import Limit, LimitUnit
from casework.model.moves import Assign
from casework.model.packing import packed, unpacked
from casework.model.parties import Role
from casework.model.procedure import Channel, Component, DossierKind, Fee, ProcedureVersion, StepOrder, StepRule, Texts
from casework.model.texts import LONGEST_NAME, text
from casework.model.unit import Officer, PointKind, ReceptionPoint, Unit
from casework.model.workdays import Calendar, Override
from local.register import Thing, digest, named, things
from local.register.reading import FOLDER, NATION, belonging

TOOL = Path(__file__).parents[2] / "tools" / "read_units.py"
REFORM = date(2025, 7, 1)
STAFFED = ("01", "22", "48", "79")
LANGUAGES = ("vi", "en", "fr")
# Which of the clock's units a version in the register may use: a fixed date comes with an imported dossier alone.
COMPUTED = set(LimitUnit) - {LimitUnit.FIXED_DATE}


@dataclass
class Register:
    """Everything that is read, by kind and code; `province` has the province each unit, point and officer came with."""

    units: dict[str, Unit] = field(default_factory=dict)
    points: dict[str, ReceptionPoint] = field(default_factory=dict)
    officers: dict[str, Officer] = field(default_factory=dict)
    procedures: dict[tuple[str, int], ProcedureVersion] = field(default_factory=dict)
    overrides: dict[date, Override] = field(default_factory=dict)
    province: dict[Thing, str] = field(default_factory=dict)

    @property
    def provinces(self) -> list[Unit]:
        return [unit for unit in self.units.values() if unit.kind == "PROVINCE" and unit.valid_to is None]

    @property
    def former(self) -> list[Unit]:
        return [unit for unit in self.units.values() if unit.valid_to is not None]

    @property
    def communes(self) -> list[Unit]:
        return [unit for unit in self.units.values() if unit.kind in {"WARD", "COMMUNE", "SPECIAL_ZONE"}]

    @property
    def departments(self) -> list[Unit]:
        return [unit for unit in self.units.values() if unit.kind == "DEPARTMENT"]


@pytest.fixture(scope="module")
def register() -> Register:
    """Read it all once; a code that is there twice fails here."""
    found = Register()
    for province, thing in things():
        match thing:
            case Unit():
                assert found.units.setdefault(thing.code, thing) is thing
            case ReceptionPoint():
                assert found.points.setdefault(thing.code, thing) is thing
            case Officer():
                assert found.officers.setdefault(thing.code, thing) is thing
            case ProcedureVersion():
                assert found.procedures.setdefault((thing.code, thing.version), thing) is thing
            case Override():
                assert found.overrides.setdefault(thing.day, thing) is thing
        found.province[thing] = province
    return found


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    """All the YAML files as they are written."""
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.yml")}


def test_the_administration_has_two_tiers(register: Register) -> None:
    assert len(register.provinces) == 34
    assert Counter(unit.kind for unit in register.communes) == {"WARD": 687, "COMMUNE": 2621, "SPECIAL_ZONE": 13}
    assert all(unit.valid_from == REFORM and unit.valid_to is None for unit in (*register.provinces, *register.communes))
    assert {(len(unit.code), unit.code.isdigit()) for unit in register.provinces} == {(2, True)}
    assert {(len(unit.code), unit.code.isdigit()) for unit in register.communes} == {(5, True)}
    assert register.units["22"].name == Texts("Tỉnh Quảng Ninh", "Quảng Ninh province", "province de Quảng Ninh")
    assert register.units["00097"].parent == "01"
    assert register.units["06994"].kind == "SPECIAL_ZONE"


def test_a_kind_of_commune_is_what_its_name_says(register: Register) -> None:
    words = {"WARD": "Phường ", "COMMUNE": "Xã ", "SPECIAL_ZONE": "Đặc khu "}
    assert [unit.code for unit in register.communes if not unit.name.vi.startswith(words[unit.kind])] == []


def test_former_provinces_name_their_successors(register: Register) -> None:
    assert len(register.former) == 29
    present = {unit.code for unit in register.provinces}
    for unit in register.former:
        assert unit.kind == "PROVINCE"
        assert unit.valid_to == REFORM - timedelta(1)
        assert unit.valid_from < unit.valid_to
        assert unit.successors
        assert set(unit.successors) <= present
    assert register.units["49"].successors == ("48",)  # Quảng Nam is part of Đà Nẵng
    assert register.units["10"].successors == ("15",)  # Lào Cai took the code of Yên Bái
    assert not any(unit.successors for unit in register.units.values() if unit.valid_to is None)


def test_every_parent_is_there_and_as_old_as_what_is_below_it(register: Register) -> None:
    for unit in (*register.communes, *register.departments):
        assert unit.parent is not None
        parent = register.units[unit.parent]
        assert parent.kind == "PROVINCE"
        assert parent.valid_to is None
        assert parent.valid_from <= unit.valid_from
    assert all(unit.parent is None for unit in (*register.provinces, *register.former))


def test_every_province_has_its_departments_and_points(register: Register, raw: dict[str, Any]) -> None:
    suffixes = [row["code"] for row in raw["provinces"]["departments"]]
    assert len(suffixes) >= 12
    for province in register.provinces:
        own = {unit.code for unit in register.departments if unit.parent == province.code}
        assert own == {f"{province.code}-{suffix}" for suffix in suffixes}
        kinds = Counter(point.kind for point in register.points.values() if point.unit == province.code)
        assert kinds == {PointKind.CENTRE: 1, PointKind.BRANCH: 2, PointKind.ONLINE: 1}
    assert register.points["22-MC"].kind is PointKind.CENTRE
    assert register.points["22-DVC"].kind is PointKind.ONLINE


def test_every_commune_has_a_counter_and_a_postal_agent(register: Register) -> None:
    for commune in register.communes:
        counter, agent = register.points[f"{commune.code}-MC"], register.points[f"{commune.code}-BD"]
        assert (counter.unit, counter.kind) == (commune.code, PointKind.COMMUNE_COUNTER)
        assert (agent.unit, agent.kind) == (commune.code, PointKind.POSTAL_AGENT)
    assert len(register.points) == 4 * 34 + 2 * 3321


def test_every_point_is_run_by_a_unit_that_exists(register: Register) -> None:
    assert [point.code for point in register.points.values() if register.units[point.unit].valid_to is not None] == []
    assert not register.units.keys() & register.points.keys()


def test_everything_lies_in_its_province(register: Register) -> None:
    for thing, province in register.province.items():
        match thing:
            case Unit():
                assert thing.province == province == (thing.parent or thing.code)
            case ReceptionPoint() | Officer():
                assert register.units[thing.unit].province == province
            case ProcedureVersion() | Override():
                assert province == NATION


def test_every_officer_works_where_there_is_a_place(register: Register) -> None:
    for officer in register.officers.values():
        assert register.units[officer.unit].valid_to is None
        assert (officer.point is not None) is (officer.role is Role.RECEPTION)
        if officer.point is not None:
            assert register.points[officer.point].unit == officer.unit
    assert {officer.role for officer in register.officers.values()} == set(Role) - {Role.PUBLIC, Role.IMPORT, Role.CITIZEN}


def test_the_seven_are_kept(register: Register) -> None:
    kept = [officer for officer in register.officers.values() if not officer.code[0].isdigit()]
    assert kept == [
        Officer("reception-1", Role.RECEPTION, "22", "22-MC"),
        Officer("officer-1", Role.OFFICER, "22-XD"),
        Officer("officer-2", Role.OFFICER, "22-MT"),
        Officer("head-1", Role.HEAD, "22-XD"),
        Officer("supervisor-1", Role.SUPERVISOR, "22"),
        Officer("inspector-1", Role.INSPECTOR, "22"),
        Officer("admin-1", Role.ADMIN, "22"),
    ]


@pytest.mark.parametrize("province", STAFFED)
def test_four_provinces_are_staffed(register: Register, province: str) -> None:
    expected = {f"{province}-S": Role.SUPERVISOR}
    for unit in register.departments:
        if unit.parent == province:
            expected |= {f"{unit.code}-H": Role.HEAD} | {f"{unit.code}-{number}": Role.OFFICER for number in (1, 2, 3)}
    clerks = ["MC-1", "MC-2", "CN1-1", "CN2-1", "DVC-1"]
    expected |= {f"{province}-{clerk}": Role.RECEPTION for clerk in clerks}
    for commune in sorted(unit.code for unit in register.communes if unit.parent == province)[:6]:
        expected |= {f"{commune}-H": Role.HEAD, f"{commune}-1": Role.OFFICER, f"{commune}-2": Role.OFFICER}
        expected |= {f"{commune}-MC-1": Role.RECEPTION, f"{commune}-BD-1": Role.RECEPTION}
    made = [o for o in register.officers.values() if register.province[o] == province and o.code[0].isdigit()]
    assert {officer.code: officer.role for officer in made} == expected
    for officer in made:
        place, _, suffix = officer.code.rpartition("-")
        assert suffix
        assert place == (officer.point or officer.unit)


def test_nobody_else_is_in_office(register: Register) -> None:
    assert {register.province[officer] for officer in register.officers.values()} == set(STAFFED)


def test_procedures_are_of_every_kind_tier_and_way(register: Register) -> None:
    versions = register.procedures.values()
    assert len({version.code for version in versions}) >= 16
    assert {version.kind for version in versions} == set(DossierKind)
    assert {version.tier for version in versions} == {"province", "commune"}
    assert {version.step_order for version in versions} == set(StepOrder)
    assert {version.limit.unit for version in versions} == COMPUTED
    assert {channel for version in versions for channel in version.channels} == set(Channel) - {Channel.INTERNAL}
    assert len({version.cut_off for version in versions}) > 1
    assert len({version.thresholds for version in versions}) > 1
    assert any(version.fees for version in versions)
    assert any(not version.fees for version in versions)
    named_fields = {
        "construction", "land", "business-registration", "civil-status", "judicial-records", "health", "education", "transport", "labour",
        "environment", "access-to-information", "complaints", "denunciations", "feedback", "certification", "residence", "science",
    }  # fmt: skip
    assert named_fields <= {version.field for version in versions}


def test_the_two_first_procedures_are_as_they_were(register: Register) -> None:
    permit, complaint = register.procedures["XD-01", 1], register.procedures["KN-01", 1]
    assert (permit.title.en, permit.limit.unit, permit.limit.amount) == ("Building permit for a single house", LimitUnit.WORKING_DAYS, 10)
    assert [(step.code, step.allotted_days) for step in permit.steps] == [("CHECK", 4), ("SITE", 3), ("DRAFT", 2)]
    assert [(part.code, part.mandatory) for part in permit.components] == [("FORM", True), ("DEED", True), ("PLAN", False)]
    assert permit.clarity_lead == ("officer", "task", "responsibility", "due_at", "expected_result")
    assert permit.fees
    assert (complaint.kind, complaint.limit.unit, complaint.limit.amount) == (DossierKind.COMPLAINT, LimitUnit.CALENDAR_DAYS, 30)
    assert (complaint.step_order, [step.code for step in complaint.steps]) == (StepOrder.FREE, ["VERIFY", "DIALOGUE"])
    assert complaint.clarity_lead == ("officer", "task", "due_at")
    assert (permit.legal_basis, complaint.legal_basis) == ("50/2014/QH13, 102", "02/2011/QH13, 28")
    for version in (permit, complaint):
        assert (version.department, version.tier, version.unit) == ("XD", "province", None)
        assert (version.valid_from, version.valid_to, version.cut_off) == (date(2025, 1, 1), None, time(15))
        assert version.channels == (Channel.ONLINE, Channel.COUNTER, Channel.POST)


def test_somebody_is_competent_for_every_procedure(register: Register) -> None:
    heads = {officer.unit for officer in register.officers.values() if officer.role is Role.HEAD}
    officers = {officer.unit for officer in register.officers.values() if officer.role is Role.OFFICER}
    for version in register.procedures.values():
        assert version.unit is None
        assert (version.department is not None) is (version.tier == "province")
        if version.department is not None:
            assert all(f"{province.code}-{version.department}" in register.units for province in register.provinces)
            assert all(f"{province}-{version.department}" in heads & officers for province in STAFFED)


def chains(register: Register) -> Iterator[list[ProcedureVersion]]:
    for _, versions in groupby(register.procedures.values(), key=lambda version: version.code):
        yield list(versions)


def test_versions_follow_each_other_without_gap_or_overlap(register: Register) -> None:
    found = list(chains(register))
    assert len(found) == len({code for code, _ in register.procedures})  # the versions of one procedure stand together
    assert sum(len(versions) > 1 for versions in found) >= 3
    for versions in found:
        assert [version.version for version in versions] == list(range(1, len(versions) + 1))
        for earlier, later in pairwise(versions):
            assert earlier.valid_to is not None
            assert later.valid_from == earlier.valid_to + timedelta(1)
            assert (earlier.kind, earlier.tier, earlier.field) == (later.kind, later.tier, later.field)
            assert (earlier.limit, earlier.steps, earlier.fees) != (later.limit, later.steps, later.fees)
        for version in versions:
            assert version.valid_to is None or version.valid_from <= version.valid_to
            assert version.published_on is not None
            assert version.published_on < version.valid_from


def test_only_judicial_records_are_closed(register: Register) -> None:
    last = [versions[-1] for versions in chains(register)]
    assert [version.code for version in last if version.valid_to is not None] == ["LL-01"]


def working_days(limit: Limit) -> int:
    """The working days that a limit holds at least, public holidays aside."""
    assert limit.amount is not None
    match limit.unit:
        case LimitUnit.WORKING_DAYS:
            return limit.amount
        case LimitUnit.WORKING_HOURS:
            return limit.amount // 8
        case LimitUnit.MONTHS:
            return limit.amount * 28 * 5 // 7
        case _:
            return limit.amount * 5 // 7


def test_no_allotment_exceeds_the_limit(register: Register) -> None:
    for version in register.procedures.values():
        assert sum(step.allotted_days or 0 for step in version.steps) <= working_days(version.limit), version.code
        assert all(step.allotted_days is None or step.allotted_days > 0 for step in version.steps)


def test_the_clock_computes_every_version(register: Register) -> None:
    calendar = Calendar(tuple(register.overrides.values()))
    received_at = datetime(2025, 12, 30, 2, tzinfo=UTC)
    for version in register.procedures.values():
        assert version.limit.unit in COMPUTED
        found = reckoned(version.rule, Course(received_at), calendar)
        assert found.due_at > received_at
        assert found.reasons[0].legal_basis == version.legal_basis
    ends = {
        "PA-02": "2026-01-08T17:00",
        "CU-01": "2025-12-30T14:30",
        "HT-03": "2025-12-31T09:00",
        "CT-01": "2025-12-31T09:00",
        "KH-01": "2026-03-30T17:00",
    }
    for code, ends_at in ends.items():
        found = reckoned(register.procedures[code, 1].rule, Course(received_at), calendar)
        assert found.due_at == datetime.fromisoformat(f"{ends_at}+07:00")


def test_what_a_version_lists_is_there_once_and_says_something(register: Register) -> None:
    for version in register.procedures.values():
        for listed in (version.steps, version.components, version.fees):
            codes = [entry.code for entry in listed]
            assert len(codes) == len(set(codes)), version.code
        assert version.steps
        assert any(component.mandatory for component in version.components)
        assert version.channels
        assert len(version.channels) == len(set(version.channels))
        assert all(fee.amount > 0 and fee.legal_basis for fee in version.fees)
        assert version.legal_basis
        assert version.field


def test_clarity_names_parts_of_an_assignment(register: Register) -> None:
    known = {part.name for part in fields(Assign)} - {"role", "unit"}
    sets = [version.clarity_lead for version in register.procedures.values()]
    for version in register.procedures.values():
        assert {*version.clarity_lead, *version.clarity_coordinating} <= known
        assert "officer" in version.clarity_lead
    assert {len(named_) for named_ in sets} >= {4, 5, 6}
    assert {version.code for version in register.procedures.values() if "authority" in version.clarity_lead} == {"TO-01"}


def test_the_calendar_has_its_overrides(register: Register) -> None:
    assert {day.isoformat(): override.kind.value for day, override in register.overrides.items()} == {
        "2026-01-02": "OFF",
        "2026-01-10": "MAKEUP",
    }
    assert {override.document for override in register.overrides.values()} == {"12729/VPCP-KGVX"}


def all_texts(register: Register) -> Iterator[tuple[str, Texts]]:
    yield from ((unit.code, unit.name) for unit in register.units.values())
    yield from ((point.code, point.name) for point in register.points.values())
    for version in register.procedures.values():
        yield version.code, version.title
        listed: tuple[StepRule | Component | Fee, ...] = (*version.steps, *version.components, *version.fees)
        yield from ((f"{version.code} {entry.code}", entry.title) for entry in listed)


def test_every_text_is_clean_in_three_languages(register: Register) -> None:
    for code, texts in all_texts(register):
        for language in LANGUAGES:
            written = getattr(texts, language)
            # It refuses control characters and gives the composed form (NFC).
            assert text(written, code, language, longest=LONGEST_NAME) == written
            assert written == " ".join(written.split()), code
            assert "\n" not in written


def test_titles_are_translated(register: Register) -> None:
    assert [code for code, texts in all_texts(register) if texts.vi in {texts.en, texts.fr}] == []


def test_codes_and_laws_are_clean(register: Register) -> None:
    # A code becomes part of a dossier's code and of keys of the store.
    for code in (*register.units, *register.points, *register.officers, *(code for code, _ in register.procedures)):
        assert code.replace("-", "").isalnum()
        assert code.isascii()
    for version in register.procedures.values():
        assert text(version.legal_basis) == version.legal_basis
        assert all(text(fee.legal_basis) == fee.legal_basis for fee in version.fees)


def test_the_store_can_keep_all_of_it(register: Register) -> None:
    for thing in register.province:
        assert unpacked(type(thing), packed(thing)) == thing
    assert {type(thing) for thing in register.province} == set(get_args(Thing))


def strays(row: Any, kept: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - whatever YAML holds
    """Name the keys of a row that nothing was made of: a misspelt one is passed over in silence."""
    if isinstance(row, dict):
        for key, value in row.items():
            if key not in kept:
                yield f"{path}.{key}"
            else:
                yield from strays(value, kept[key], f"{path}.{key}")
    elif isinstance(row, list):
        assert len(row) == len(kept)
        for number, (value, inner) in enumerate(zip(row, kept, strict=True)):
            yield from strays(value, inner, f"{path}[{number}]")


def test_no_key_is_misspelt(raw: dict[str, Any]) -> None:
    assert list(strays({"cutoff": 1}, {"cut_off": 1})) == [".cutoff"]
    for row in raw["procedures"]["procedures"]:
        assert list(strays(row, packed(unpacked(ProcedureVersion, row)), row["code"])) == []
    for row in raw["people"]["officers"]:
        assert list(strays(row, packed(unpacked(Officer, row)))) == []
    for row in raw["calendar"]["overrides"]:
        assert list(strays(row, packed(unpacked(Override, row)))) == []
    for kind in ("departments", "points", "commune_points"):
        assert all(row.keys() - {"kind"} == {"code", "name"} and row["name"].keys() == set(LANGUAGES) for row in raw["provinces"][kind])


@pytest.mark.parametrize(
    ("vi", "en", "fr", "of_fr"),
    [
        ("Tỉnh Quảng Ninh", "Quảng Ninh province", "province de Quảng Ninh", "Guichet de la province de Quảng Ninh"),
        ("Tỉnh An Giang", "An Giang province", "province d'An Giang", "Guichet de la province d'An Giang"),
        ("Thành phố Hà Nội", "Hà Nội city", "ville de Hà Nội", "Guichet de la ville de Hà Nội"),
        ("Phường Hồng Hà", "Hồng Hà ward", "quartier Hồng Hà", "Guichet du quartier Hồng Hà"),
        ("Phường 1 Bảo Lộc", "1 Bảo Lộc ward", "quartier 1 Bảo Lộc", "Guichet du quartier 1 Bảo Lộc"),
        ("Xã Ô Lâm", "Ô Lâm commune", "commune d'Ô Lâm", "Guichet de la commune d'Ô Lâm"),
        ("Xã Đồng Phú", "Đồng Phú commune", "commune de Đồng Phú", "Guichet de la commune de Đồng Phú"),
        ("Đặc khu Vân Đồn", "Vân Đồn special zone", "zone spéciale de Vân Đồn", "Guichet de la zone spéciale de Vân Đồn"),
    ],
)
def test_names_are_derived(vi: str, en: str, fr: str, of_fr: str) -> None:
    assert named(vi) == Texts(vi, en, fr)
    what = belonging(Texts("Quầy", "Counter", "Guichet"), vi)
    assert what == Texts(f"Quầy {vi[0].lower()}{vi[1:]}", f"Counter of {en}", of_fr)


def test_a_name_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of place"):
        named("Huyện Cô Tô")


def test_the_digest_tells_one_register_from_another(tmp_path: Path) -> None:
    copy = tmp_path / "register"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = digest(copy)
    assert before == digest() == digest()
    assert len(before) == 64
    seen = {before}
    for file in sorted(copy.iterdir()):
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        seen.add(digest(copy))
        file.write_bytes(content)
    assert len(seen) == 1 + len(list(copy.iterdir()))
    (copy / "people.yml").rename(copy / "persons.yml")
    assert digest(copy) not in seen
    assert digest(FOLDER) == before


def test_a_changed_file_is_read(tmp_path: Path) -> None:
    copy = tmp_path / "register"
    shutil.copytree(FOLDER, copy)
    people = copy / "people.yml"
    people.write_text(people.read_text(encoding="utf-8").replace("first_communes: 6", "first_communes: 1"), encoding="utf-8")
    fewer = sum(isinstance(thing, Officer) for _, thing in things()) - sum(isinstance(thing, Officer) for _, thing in things(copy))
    assert fewer == 4 * 5 * 5


# The tool that wrote units.csv


def test_the_file_names_its_source_and_licence() -> None:
    head = [line for line in (FOLDER / "units.csv").read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    told = "\n".join(head)
    for wanted in (
        "tools/read_units.py",
        "vietnamadminunits 1.0.4",
        "https://pypi.org/project/vietnamadminunits/",
        "MIT License",
        "Copyright",
    ):
        assert wanted in told


def package(folder: Path) -> Path:
    """Make a package of two provinces, one of them new, in which one former ward was divided."""
    data = folder / "vietnamadminunits" / "data"
    licences = folder / "vietnamadminunits-9.9.9.dist-info" / "licenses"
    data.mkdir(parents=True)
    licences.mkdir(parents=True)
    (licences / "LICENSE").write_text("MIT License\n\nCopyright (c) Somebody\n", encoding="utf-8")
    with closing(sqlite3.connect(data / "dataset.db")) as database, database:
        database.execute("CREATE TABLE admin_units (provinceCode, province, provinceKey, wardCode, ward, wardType)")
        database.execute("CREATE TABLE admin_units_legacy (provinceCode, province, provinceKey, wardCode, ward)")
        database.executemany(
            "INSERT INTO admin_units VALUES (?, ?, ?, ?, ?, ?)",
            [
                ("15", "Tỉnh Lào Cai", "tinhlaocai", "02000", "Đặc khu Ba", "Đặc khu"),
                ("15", "Tỉnh Lào Cai", "tinhlaocai", "01000", "Xã Hai", "Phường"),
                ("01", "Thành phố Hà Nội", "thanhphohanoi", "09000", "Phường Một", "Phường"),
            ],
        )
        database.executemany(
            "INSERT INTO admin_units_legacy VALUES (?, ?, ?, ?, ?)",
            [
                ("15", "Tỉnh Yên Bái", "tinhyenbai", "01000", "Xã Sáu"),
                ("10", "Tỉnh Lào Cai", "tinhlaocai", "00010", "Xã Bảy"),
                ("01", "Thành phố Hà Nội", "thanhphohanoi", "00001", "Phường Tám"),
            ],
        )
    converter = {
        "DICT_PROVINCE_WARD_NO_DIVIDED": {
            "thanhphohanoi": {"phuongmot": ["thanhphohanoi_quana_phuongtam", "tinhlaocai_huyenb_xabay"]},
            "tinhlaocai": {"xahai": ["tinhlaocai_huyenb_xachin"]},
        },
        "DICT_PROVINCE_WARD_DIVIDED": {"tinhlaocai": {"tinhlaocai_huyenb_xamuoi": [{}, {}]}},
    }
    (data / "converter_2025.json").write_text(json.dumps(converter), encoding="utf-8")
    return data.parent


ROWS = [
    ("01", "", "PROVINCE", "2025-07-01", "", "", "Thành phố Hà Nội"),
    ("15", "", "PROVINCE", "2025-07-01", "", "", "Tỉnh Lào Cai"),
    ("10", "", "PROVINCE", "1945-09-02", "2025-06-30", "15 01", "Tỉnh Lào Cai"),
    ("09000", "01", "WARD", "2025-07-01", "", "", "Phường Một"),
    ("01000", "15", "COMMUNE", "2025-07-01", "", "", "Xã Hai"),
    ("02000", "15", "SPECIAL_ZONE", "2025-07-01", "", "", "Đặc khu Ba"),
]


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(TOOL))


def test_the_tool_reads_units_in_order_with_the_successor_of_most_wards_first(tool: dict[str, Any], tmp_path: Path) -> None:
    assert tool["source"](package(tmp_path)) == (ROWS, "9.9.9", "MIT License\n\nCopyright (c) Somebody\n")


@pytest.mark.parametrize(
    "statement", ["UPDATE admin_units SET ward = 'Thị trấn Một'", "UPDATE admin_units_legacy SET provinceKey = 'nowhere'"]
)
def test_the_tool_refuses_what_it_cannot_place(tool: dict[str, Any], tmp_path: Path, statement: str) -> None:
    folder = package(tmp_path)
    with closing(sqlite3.connect(folder / "data" / "dataset.db")) as database, database:
        database.execute(statement)
    with pytest.raises(tool["BadSource"], match=r"no kind of commune|no successor"):
        tool["source"](folder)


def test_the_tool_writes_a_file_that_is_read_back(
    tool: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "register"
    shutil.copytree(FOLDER, copy)
    (copy / "people.yml").write_text("officers: []\nstaff: {provinces: []}\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["read_units", str(package(tmp_path)), "--to", str(copy / "units.csv")])
    assert tool["main"]() == 0
    assert "6 units, 1 COMMUNE, 2 PROVINCE, 1 SPECIAL_ZONE, 1 WARD, 1 former PROVINCE" in capsys.readouterr().out
    first = (copy / "units.csv").read_bytes()
    assert first.startswith(b"# ")
    assert b"vietnamadminunits 9.9.9" in first
    assert b"# Copyright (c) Somebody\n" in first
    units = {thing.code: thing for _, thing in things(copy) if isinstance(thing, Unit) and thing.kind != "DEPARTMENT"}
    assert list(units) == [row[0] for row in ROWS]
    assert units["10"].successors == ("15", "01")
    assert units["09000"].province == "01"
    assert tool["main"]() == 0
    assert (copy / "units.csv").read_bytes() == first


@pytest.mark.parametrize("arguments", [[], ["no-such-folder"], ["--bogus"]])
def test_wrong_usage_of_the_tool_ends_with_2(tool: dict[str, Any], monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr("sys.argv", ["read_units", *arguments])
    with pytest.raises(SystemExit) as ended:
        tool["main"]()
    assert ended.value.code == 2


def test_the_tool_helps_with_an_example(tool: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["read_units", "--help"])
    with pytest.raises(SystemExit) as ended:
        tool["main"]()
    assert ended.value.code == 0
    assert "python tools/read_units.py unpacked/vietnamadminunits" in capsys.readouterr().out


def test_a_folder_that_is_no_package_is_refused_in_one_line(
    tool: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written_to = tmp_path / "units.csv"
    folder = package(tmp_path)
    (folder / "data" / "converter_2025.json").unlink()
    for wrong in (folder, tmp_path):
        monkeypatch.setattr("sys.argv", ["read_units", str(wrong), "--to", str(written_to)])
        assert tool["main"]() == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert not written_to.exists()
