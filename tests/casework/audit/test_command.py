"""`giamsat verify` as a shell sees it, by itself and as the one file that an inspector carries."""

import importlib.util
import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from casework.actions.exports import Wanted
from casework.audit import command
from casework.audit.bundle import DISCLOSURES, ENTRIES
from casework.audit.command import FAILED, LIMITED, UNREADABLE, USAGE, VERIFIED, main, period
from casework.audit.note import Note
from casework.audit.verify import Report, Scope, Trust, verify
from casework.model.export import ExportForm, ExportScope
from tests.bags import WITNESS, Exporting, full, light, lines_changed

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("verifier", ROOT / "tools" / "verifier.py")
assert spec
assert spec.loader
verifier = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verifier)


class Desk:
    """An inspector's folder: a bundle, and keys and a checkpoint from elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        world = self.world = Exporting(folder / "service")
        self.subject = world.received()
        for _ in range(12):
            world.insisted(world.some(self.subject))
        self.put("held", str(world.witnessed()))
        self.raw = world.exported(full(self.subject), witnessed=True)
        self.put("export.zip", self.raw)
        self.put("log.vkey", f"{world.key}\n")
        self.put("witness.vkey", f"{WITNESS}\n")

    def put(self, name: str, content: str | bytes) -> Path:
        place = self.folder / name
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def asked(self, *more: str, bundle: str = "export.zip", vkey: str = "log.vkey") -> int:
        return main([str(self.folder / bundle), "--vkey", str(self.folder / vkey), *more])

    def wary(self, *more: str, bundle: str = "export.zip") -> int:
        brought = ("--witness", str(self.folder / "witness.vkey"), "--held", str(self.folder / "held"))
        return self.asked("--dossier", self.subject, *brought, *more, bundle=bundle)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def test_it_is_verified(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.wary() == VERIFIED
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("VERIFIED: ")
    assert "of 1 subjects, in the log giamsat.test/trail of " in first
    assert "personal and left out" in second


def test_it_is_verified_with_limits_each_of_which_is_named(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.asked("--dossier", desk.subject) == LIMITED
    said = capsys.readouterr().out
    assert said.startswith("VERIFIED WITH LIMITS: ")
    assert "NO_WITNESS: " in said
    assert "NO_HELD_CHECKPOINT: " in said
    coded = urlsafe_b64encode(f"dossier:{desk.subject}".encode()).rstrip(b"=").decode()
    assert desk.asked("--dossier", coded, "--json") == LIMITED
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["limits"], told["failure"]) == ("LIMITED", ["NO_HELD_CHECKPOINT", "NO_WITNESS"], None)


def test_it_fails_and_names_the_entry(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put(
        "edited.zip",
        lines_changed(desk.raw, ENTRIES, lambda lines: [*lines[:1], lines[1].replace(b'"action":"', b'"action":"X'), *lines[2:]]),
    )
    assert desk.wary(bundle="edited.zip") == FAILED
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"FAILED (LOG): entry 2 of {desk.subject}: ")
    assert second.startswith("Keep the file")
    assert desk.wary("--json", bundle="edited.zip") == FAILED
    told = json.loads(capsys.readouterr().out)["failure"]
    assert (told["check"], told["subject"], told["seq"]) == ("LOG", desk.subject, 2)
    assert desk.asked("--dossier", "0" * 32) == FAILED
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("FAILED (REQUEST): it is an export of {")
    assert second.startswith("Name the scope that the export was asked for")


def test_texts_that_are_withheld_are_named(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put("withheld.zip", lines_changed(desk.raw, DISCLOSURES, lambda lines: lines[1:]))
    assert desk.wary(bundle="withheld.zip") == LIMITED
    said = capsys.readouterr().out
    assert "WITHHELD: " in said
    assert f"    entry " in said  # noqa: F541 - as it is printed
    assert desk.wary("--json", bundle="withheld.zip") == LIMITED
    assert len(json.loads(capsys.readouterr().out)["withheld"]) == 1


def test_an_old_cosignature_fails(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.wary("--max-age", "24h") == FAILED  # the second store's time is far ahead
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("FAILED (WITNESS): ")
    assert second.startswith("Keep the file, and ask for the export again")


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--dossier", "x"],
        ["--dossier", "d29ybGQ"],
        ["--dossier", "é"],
        ["--all", "--dossier", "0" * 32],
        ["--unit", "22-XD"],
        ["--period", "2026", "--all"],
        ["--unit", "22-XD", "--period", "2026-13"],
        ["--unit", "22-XD", "--period", "2026-01-01/2026-02-01"],
        ["--unit", "22-XD", "--period", "2026-02-01T00:00:00Z/2026-01-01T00:00:00Z"],
        ["--unit", "22-XD", "--period", "yesterday"],
        ["--all", "--max-age", "24h"],
        ["--unit", "22-XD", "--period", "0001"],
        ["--unit", "22-XD", "--period", "9999"],
        ["--unit", "22-XD", "--period", "0001-01-01T00:00:00+07:00/2026-01-01T00:00:00Z"],
        ["--unit", "22-XD", "--period", "2026-01-01T00:00+0700/2026-02-01T00:00Z"],
        ["--unit", "22-XD", "--period", "2026-01-01T24:00:00Z/2026-02-01T00:00:00Z"],
        ["--unit", "22-XD", "--period", "2026-01-01T00:00:00Z/2026-02-30T00:00:00Z"],
        ["--all", "--vkey", "again"],
        ["--al"],
        ["--all", "--max-age", "soon"],
    ],
)
def test_wrong_usage_is_one_line_and_status_2(desk: Desk, capsys: pytest.CaptureFixture[str], given: list[str]) -> None:
    try:
        status = desk.asked(*given)
    except SystemExit as ended:
        status = int(str(ended.code))
    said = capsys.readouterr()
    assert (status, said.out) == (USAGE, "")
    assert len(said.err.splitlines()) == 1


def changed_root(desk: Desk) -> str:
    origin, size, rest = (desk.folder / "held").read_text().split("\n", 2)
    return f"{origin}\n{int(size) + 1}\n{rest}"


def test_an_answer_that_cannot_be_written_is_no_verdict(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "giamsat-verify.pyz"
    place.write_bytes(verifier.built())
    given = [
        sys.executable,
        str(place),
        str(desk.folder / "export.zip"),
        "--dossier",
        desk.subject,
        "--vkey",
        str(desk.folder / "log.vkey"),
    ]
    with Path("/dev/full").open("wb") as full_disk:
        done = subprocess.run(given, stdout=full_disk, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (UNREADABLE, "giamsat-verify.pyz: the answer cannot be written: No space left on device\n")


def test_a_full_disk_is_no_verdict_either(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/full").open("w") as full_disk:
        monkeypatch.setattr(sys, "stdout", full_disk)
        assert desk.wary() == UNREADABLE
        monkeypatch.undo()
    assert capsys.readouterr().err == "giamsat verify: the answer cannot be written: No space left on device\n"


def test_that_a_unit_opened_nothing_is_said(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2021))
    desk.put("empty.zip", desk.world.exported(Wanted(ExportScope.UNIT, ExportForm.FULL, "22-XD", begin, end), witnessed=True))
    period = "2020-01-01T00:00:00Z/2021-01-01t00:00:00z"
    assert desk.asked("--unit", "22-XD", "--period", period, bundle="empty.zip") == LIMITED
    assert "  the unit opened no dossier in this period" in capsys.readouterr().out


def test_what_cannot_be_read_is_status_3(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put("junk.zip", b"junk")
    desk.put("junk.vkey", b"\xff\xfe")
    scope = ("--dossier", desk.subject)
    assert desk.asked(*scope, bundle="nothing.zip") == UNREADABLE
    assert desk.asked(*scope, bundle="junk.zip") == UNREADABLE
    assert desk.asked(*scope, "--held", str(desk.folder / "log.vkey")) == UNREADABLE
    for key in ("nothing.vkey", "junk.vkey", "held", "witness.vkey"):
        assert desk.asked(*scope, vkey=key) == UNREADABLE
    assert desk.asked(*scope, "--witness", str(desk.folder / "log.vkey")) == UNREADABLE
    said = capsys.readouterr()
    assert said.out == ""
    other = str(desk.world.witnessed()).replace("giamsat.test/trail", "another/trail")
    for name, content in (
        ("crlf", (desk.folder / "held").read_text().replace("\n", "\r\n")),
        ("changed", changed_root(desk)),
        ("other", other),
    ):
        desk.put(name, content)
        assert desk.asked(*scope, "--held", str(desk.folder / name)) == UNREADABLE
    assert len(said.err.splitlines()) == 8
    assert "giamsat verify: " + str(desk.folder / "nothing.zip") + ": No such file or directory" in said.err
    assert Note.read((desk.folder / "held").read_text())


def test_what_is_needed_is_told_where_nothing_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == USAGE
    assert "BUNDLE, --vkey and what it is of: --dossier ID" in capsys.readouterr().err


def test_a_light_export_and_a_checkpoint_of_another_size(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.put("light.zip", desk.world.exported(light(desk.subject), witnessed=True))
    assert desk.wary(bundle="light.zip") == LIMITED
    assert "NO_HELD_CHECKPOINT: it is LIGHT, and the checkpoint that you hold is of another size" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026", "2025-12-31T17:00:00.000000Z", "2026-12-31T17:00:00.000000Z"),
        ("2026-Q1", "2025-12-31T17:00:00.000000Z", "2026-03-31T17:00:00.000000Z"),
        ("2026-Q4", "2026-09-30T17:00:00.000000Z", "2026-12-31T17:00:00.000000Z"),
        ("2026-12", "2026-11-30T17:00:00.000000Z", "2026-12-31T17:00:00.000000Z"),
        ("2026-01-05T00:00:00+07:00/2026-01-06T00:00:00Z", "2026-01-04T17:00:00.000000Z", "2026-01-06T00:00:00.000000Z"),
    ],
)
def test_periods(text: str, begin: str, end: str) -> None:
    assert period(text) == (begin, end)


def test_texts_that_are_here_although_they_were_erased_are_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def some(file: BinaryIO, scope: Scope, trust: Trust, *, deep: bool | None) -> Report:
        report = verify(file, scope, trust, deep=deep)
        report.unerased = 2
        return report

    monkeypatch.setattr(command, "verify", some)
    assert desk.wary() == VERIFIED
    assert "2 texts are here although" in capsys.readouterr().out


def test_the_one_file_needs_nothing_of_the_project(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "giamsat-verify.pyz"
    place.write_bytes(verifier.built())
    assert verifier.built() == verifier.built()
    given = [
        sys.executable,
        "-I",
        str(place),
        str(desk.folder / "export.zip"),
        "--dossier",
        desk.subject,
        "--vkey",
        str(desk.folder / "log.vkey"),
    ]
    done = subprocess.run(given, cwd=tmp_path, capture_output=True, text=True, check=False, env={}, timeout=60)
    assert (done.returncode, done.stderr) == (LIMITED, "")
    code = f"import sys; sys.path.insert(0, {str(place)!r}); import casework.audit.verify as v; print(v.__file__, *sys.modules)"
    loaded = subprocess.run([*given[:2], "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "giamsat-verify.pyz" in loaded
    assert not {"orjson", "pynamodb", "casework.model"} & set(loaded.split())


def test_the_one_file_says_what_it_lacks(tmp_path: Path) -> None:
    place = tmp_path / "giamsat-verify.pyz"
    place.write_bytes(verifier.built())
    given = [sys.executable, "-I", "-S", str(place), "x.zip"]
    done = subprocess.run(given, cwd=tmp_path, capture_output=True, text=True, check=False, env={}, timeout=60)
    assert (done.returncode, done.stdout) == (UNREADABLE, "")
    assert done.stderr.startswith(
        "giamsat-verify.pyz: it needs Python 3.11 or later and the package cryptography (pip install cryptography): "
    )
    assert len(done.stderr.splitlines()) == 1
    for more, status in (["--help"], 0), ([], USAGE):
        done = subprocess.run([*given[:2], str(place), *more], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status
        assert "giamsat-verify.pyz" in done.stdout + done.stderr
        assert "giamsat verify" not in done.stdout + done.stderr
