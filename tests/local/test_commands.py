"""The command line as a shell sees it: what is printed where, the exit status, and what is left behind."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import jwt
import pytest

from casework.actions.recovering import Recovered
from casework.adapters.aside import FolderAside
from casework.model.errors import Corrupt
from casework.ports import Letter
from local import commands
from local import engine as engines
from local.commands import DONE, FAILED, UNREADABLE, USAGE
from local.eventlog import COLUMNS
from local.home import AUDIENCE, ISSUER, Home, Run
from tests.e2e.conftest import LONGEST_S, PROJECT, Service, command, environment, started
from tests.local.test_engine import ends

Done = subprocess.CompletedProcess[str]
COMMANDS = ("serve", "seed", "replay", "token", "due", "vkey", "witness", "redrive", "recover")
START = datetime(2024, 3, 4, 1, tzinfo=UTC)
NOON = "2025-01-24T12:00:00+07:00"


def run(*arguments: str | Path, data: Path, **more: str) -> Done:
    return subprocess.run(
        command(*arguments),
        cwd=PROJECT,
        env=environment(data, **more),
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


def one_line(done: Done, status: int) -> str:
    """The one line of a failed command."""
    assert done.returncode == status, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


def log(file: Path, cases: int, events: int) -> Path:
    lines = [",".join(COLUMNS)]
    for case in range(cases):
        start = START + timedelta(days=case)
        lines += [
            f"Desk,c{case},{start + timedelta(days=9)},,R,{start},c{case}-{event},S{event % 5},G,R,{start + timedelta(minutes=event)}"
            for event in range(events)
        ]
    file.write_text("\n".join(lines) + "\n")
    return file


def running_engines(data: Path) -> list[str]:
    """The engines that run on a folder, as the system lists them."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True)  # noqa: S607 - wherever it stands
    return [line for line in listed.stdout.splitlines() if "DynamoDBLocal.jar" in line and str(data / "store") in line]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that no test of this module ends."""
    with started(tmp_path_factory.mktemp("running") / "data") as found:
        yield found


# Usage


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(data: Path, name: str) -> None:
    done = run(name, "--help", data=data)
    assert done.returncode == DONE
    assert f"giamsat {name}" in done.stdout.split("Example: ")[1]
    assert "--data DIR" in done.stdout
    assert done.stderr == ""


def test_help_names_every_command(data: Path) -> None:
    done = run("--help", data=data)
    assert done.returncode == DONE
    assert all(f"\n    {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["seed", "more"], "unrecognized arguments: more"),
        (["seed", "--what"], "unrecognized arguments: --what"),
        (["replay"], "required: FILE.csv"),
        (["replay", "x.csv", "--speed", "0"], "a speed is a number above 0, not '0'"),
        (["replay", "x.csv", "--speed", "-1"], "a speed is a number above 0, not '-1'"),
        (["replay", "x.csv", "--speed", "nan"], "not 'nan'"),
        (["replay", "x.csv", "--speed", "inf"], "not 'inf'"),
        (["replay", "x.csv", "--speed", "fast"], "not 'fast'"),
        (["token"], "required: --role"),
        (["token", "--role", "KING"], "argument --role: "),
        (["token", "--role", "PUBLIC"], "argument --role: "),
        (["token", "--role", "IMPORT"], "argument --role: "),
        (["token", "--role", "ADMIN", "--ttl", "8"], "a time is as 30s, 15m, 8h or 7d, not '8'"),
        (["token", "--role", "ADMIN", "--ttl", "-8h"], "--ttl"),
        (["token", "--role", "ADMIN", "--ttl", "1.5h"], "not '1.5h'"),
        (["token", "--role", "ADMIN", "--ttl", "9999999d"], "not '9999999d'"),
        (["due"], "required: --procedure, --at"),
        (["due", "--procedure", "XD-01"], "required: --at"),
        (["due", "--procedure", "", "--at", NOON], "a code is 1 to 255 letters, digits, dots, dashes and underscores, not ''"),
        (["due", "--procedure", "XD 01", "--at", NOON], "not 'XD 01'"),
        (["due", "--procedure", "X" * 256, "--at", NOON], "a code is 1 to 255"),
        (["due", "--procedure", "XD-01", "--at", "2025-01-24T16:10:00"], "with an offset from UTC, as 2025-01-24T16:10:00+07:00, not"),
        (["due", "--procedure", "XD-01", "--at", "2025-01-24"], "not '2025-01-24'"),
        (["due", "--procedure", "XD-01", "--at", "2025-02-29T12:00:00Z"], "not '2025-02-29T12:00:00Z'"),
        (["due", "--procedure", "XD-01", "--at", "20250124T161000+0700"], "not '20250124T161000+0700'"),
        (["due", "--procedure", "XD-01", "--at", "now"], "not 'now'"),
        (["due", "--procedure", "XD-01", "--at", ""], "not ''"),
        (["due", "--procedure", "XD-01", "--at", NOON, "--lang", "de"], "argument --lang: invalid choice: 'de'"),
        (["seed", "--stage", "A b"], "--stage: a stage is 1 to 20 small letters, digits and dashes, not 'A b'"),
        (["redrive", "--stage", ""], "--stage: a stage is 1 to 20 small letters, digits and dashes, not ''"),
        (["witness"], "required: --keys"),
        (["witness", "--keys", "k", "--log", "https://log.example"], "--to: a log at an address needs a folder for what is cosigned"),
        (["serve", "--port", "0"], "a port is 1 to 65535, not '0'"),
        (["serve", "--port", "65536"], "a port is 1 to 65535"),
        (["serve", "--port", "http"], "a port is 1 to 65535"),
        (["serve", "--port", "²"], "a port is 1 to 65535"),
    ],
)
def test_wrong_usage_is_one_line(data: Path, arguments: list[str], reason: str) -> None:
    line = one_line(run(*arguments, data=data), USAGE)
    assert reason in line
    assert line.startswith("giamsat")
    assert line.endswith("--help)")
    assert not data.exists()


def test_a_bad_port_in_the_environment_is_wrong_usage(data: Path) -> None:
    assert "a port is 1 to 65535, not 'x'" in one_line(run("serve", data=data, PORT="x"), USAGE)


# Tokens


def claims(done: Done, data: Path) -> dict[str, object]:
    assert (done.returncode, done.stderr) == (DONE, "")
    token = done.stdout.removesuffix("\n")
    assert token.count(".") == 2
    assert token.split() == [token]
    key = jwt.PyJWKSet.from_json((data / "keys" / "key-set.json").read_text()).keys[0]
    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    return jwt.decode(token, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER)


def test_token_prints_a_token_and_nothing_else(data: Path) -> None:
    found = claims(run("token", "--role", "HEAD", data=data), data)
    assert found.keys() == {"iss", "aud", "sub", "role", "units", "iat", "exp"}
    assert (found["role"], found["sub"], found["units"]) == ("HEAD", "head-1", ["22-XD"])
    assert int(str(found["exp"])) - int(str(found["iat"])) == 8 * 3600


def test_token_as_asked_for(data: Path) -> None:
    asked = ("--subject", "h-9", "--unit", "22-MT", "--unit", "22-XD", "--on-behalf-of", "head-1", "--ttl", "15m")
    found = claims(run("token", "--role", "HEAD", *asked, data=data), data)
    assert (found["sub"], found["units"], found["on_behalf_of"]) == ("h-9", ["22-MT", "22-XD"], "head-1")
    assert int(str(found["exp"])) - int(str(found["iat"])) == 15 * 60


def test_another_subject_has_no_units_of_the_usual_one(data: Path) -> None:
    assert claims(run("token", "--role", "OFFICER", "--subject", "o-9", data=data), data)["units"] == []


def test_tokens_of_one_folder_have_one_key(data: Path) -> None:
    claims(run("token", "--role", "ADMIN", data=data), data)
    first = (data / "keys" / "key-set.json").read_bytes()
    claims(run("token", "--role", "CITIZEN", data=data), data)
    assert (data / "keys" / "key-set.json").read_bytes() == first


def test_data_is_chosen_before_the_environment(data: Path, tmp_path: Path) -> None:
    claims(run("token", "--role", "ADMIN", "--data", tmp_path / "other", data=data), tmp_path / "other")
    assert not data.exists()


# Due dates

LATE = "2025-01-24T16:10:00+07:00"
TOLD = {
    "vi": [
        "17:00, thứ Hai, 17/02/2025 (2025-02-17T17:00:00+07:00)",
        (
            "Tiếp nhận sau giờ chốt ngày thứ Sáu, 24/01/2025 nên coi như tiếp nhận thứ Hai, 03/02/2025; "
            "thời hạn 10 ngày làm việc tính từ ngày đó, chính ngày đó không được tính [50/2014/QH13, 102]."
        ),
        "Thứ Bảy, 25/01/2025 không phải là ngày làm việc (nghỉ hằng tuần).",
    ],
    "en": [
        "17:00 on Monday 17 February 2025 (2025-02-17T17:00:00+07:00)",
        (
            "Received on Friday 24 January 2025 after the cut-off hour, hence counted as received on Monday 3 February 2025; "
            "the time limit of 10 working days runs from that day, which is not itself counted [50/2014/QH13, 102]."
        ),
        "Saturday 25 January 2025 is not a working day (weekly rest).",
    ],
    "fr": [
        "17:00, le lundi 17 février 2025 (2025-02-17T17:00:00+07:00)",
        (
            "Reçu le vendredi 24 janvier 2025 après l'heure limite, donc compté comme reçu le lundi 3 février 2025 ; "
            "le délai de 10 jours ouvrés court à compter de ce jour, qui n'est pas lui-même compté [50/2014/QH13, 102]."
        ),
        "Le samedi 25 janvier 2025 n'est pas un jour ouvré (repos hebdomadaire).",
    ],
}


def due(data: Path, procedure: str, at: str, *more: str, **environ: str) -> Done:
    return run("due", "--procedure", procedure, "--at", at, *more, data=data, **environ)


@pytest.mark.parametrize("lang", TOLD)
def test_due_tells_the_date_and_each_reason(running: Service, lang: str) -> None:
    done = due(running.data, "XD-01", LATE, "--lang", lang)
    assert (done.returncode, done.stderr) == (DONE, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == TOLD[lang]
    assert len(lines) == 2 + 13  # Tết and three weekends
    assert all(line.endswith(").") for line in lines[2:])


def test_due_speaks_vietnamese_and_takes_a_time_and_a_code_as_they_are_typed(running: Service) -> None:
    usual = due(running.data, "XD-01", LATE, "--lang", "vi").stdout
    for code, at in (("XD-01", LATE), ("xd-01", "2025-01-24t09:10:00z"), (" Xd-01 ", "2025-01-24 04:10:00.0-05:00")):
        assert due(running.data, code, at).stdout == usual
    # Whatever the terminal speaks, it is UTF-8 that is written.
    assert due(running.data, "XD-01", LATE, PYTHONIOENCODING="ascii").stdout == usual


@pytest.mark.parametrize(
    ("code", "at", "first", "second"),
    [
        ("CU-01", "2025-01-24T16:10:00+07:00", "10:40 on Monday 3 February 2025 (2025-02-03T10:40:00+07:00)",
         "The time limit of 4 working hours runs from 16:10 on Friday 24 January 2025, inside opening hours alone"),
        ("KH-01", "2025-11-30T09:00:00+07:00", "17:00 on Monday 2 March 2026 (2026-03-02T17:00:00+07:00)",
         "Received on a day off, Sunday 30 November 2025 (weekly rest), hence counted as received on Monday 1 December 2025"),
        ("KN-03", "2026-01-16T09:00:00+07:00", "17:00 on Monday 23 February 2026 (2026-02-23T17:00:00+07:00)",
         "The time limit of 30 calendar days runs from Friday 16 January 2026"),
    ],
)  # fmt: skip
def test_due_counts_in_every_unit(running: Service, code: str, at: str, first: str, second: str) -> None:
    lines = due(running.data, code, at, "--lang", "en").stdout.splitlines()
    assert lines[0] == first
    assert lines[1].startswith(second)


def test_due_as_json(running: Service) -> None:
    done = due(running.data, "XD-01", LATE, "--lang", "fr", "--json")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (DONE, "", 1)
    found = json.loads(done.stdout)
    reasons = found.pop("reasons")
    assert found == {
        "procedure": "XD-01",
        "version": 1,
        "limit": {"unit": "WORKING_DAYS", "amount": 10},
        "received_at": LATE,
        "due_at": "2025-02-17T17:00:00+07:00",
        "calendar_version": 2,
    }
    assert reasons[0] == {
        "kind": "START",
        "on": "2025-02-03",
        "from": "2025-01-24",
        "to": "2025-02-03",
        "text": TOLD["fr"][1],
        "legal_basis": "50/2014/QH13, 102",
    }
    assert [reason["text"] for reason in reasons] == due(running.data, "XD-01", LATE, "--lang", "fr").stdout.splitlines()[1:]
    assert {reason["kind"] for reason in reasons} == {"START", "SKIPPED_DAY"}


@pytest.mark.parametrize(
    ("code", "at", "reason"),
    [
        ("XX-99", LATE, "there is no procedure 'XX-99'"),
        ("LL-01", "2025-03-01T00:00:00+07:00", "no version of LL-01 is in force on that day"),
        ("XD-01", "2024-12-31T23:59:59+07:00", "no version of XD-01 is in force on that day"),
        ("XD-01", "1900-01-01T09:00:00+07:00", "no version of XD-01 is in force on that day"),
        ("XD-01", "2200-01-01T09:00:00+07:00", "the year 2200 is outside 1950 to 2099"),
        ("XD-01", "2099-12-30T09:00:00+07:00", "the year 2100 is outside 1950 to 2099"),
        ("XD-01", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00 is outside every calendar"),
        ("XD-01", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00 is outside every calendar"),
    ],
)
def test_due_refuses_what_has_no_due_date(running: Service, code: str, at: str, reason: str) -> None:
    assert one_line(due(running.data, code, at), FAILED) == f"giamsat: {reason}"


def test_due_of_a_day_in_viet_nam(running: Service) -> None:
    """The version in force is that of the legal day: an evening in UTC is the next morning there."""
    assert due(running.data, "LL-01", "2025-02-28T16:59:59Z").returncode == DONE
    assert due(running.data, "LL-01", "2025-02-28T17:00:00Z").returncode == FAILED


def test_due_in_a_log_is_not_computed(running: Service, tmp_path: Path) -> None:
    assert run("replay", log(tmp_path / "fixed.csv", 1, 1), data=running.data).returncode == DONE
    line = one_line(due(running.data, "FIXED", "2024-03-05T09:00:00+07:00"), FAILED)
    assert line == "giamsat: FIXED takes each due date from its log as it stands there: there is none to compute"


def test_due_in_an_empty_folder(data: Path) -> None:
    line = one_line(due(data, "XD-01", LATE), FAILED)
    assert line == "giamsat: there is no procedure 'XD-01'; the store holds none yet: `giamsat seed` loads the register"
    assert not running_engines(data)


# Input and folders that are of no use


def test_an_unreadable_log_is_told_with_its_line(data: Path, tmp_path: Path) -> None:
    file = log(tmp_path / "log.csv", 2, 3)
    file.write_text(file.read_text().replace("c1-0,", "c0-0,"))
    assert one_line(run("replay", file, data=data), UNREADABLE) == "giamsat: log.csv: line 5: event 'c0-0' stands in line 2 already"
    assert not data.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "line 1: log.csv is empty"),
        (b"a,b\n", "line 1: missing columns"),
        (b"\xff\xfe", "line 1: not UTF-8"),
        (b"x" * 1_000_000, "line 1: no CSV"),
        (",".join([*COLUMNS, "a\x1b[2Jb"]).encode(), r"line 1: unknown columns: 'a\x1b[2Jb'"),
    ],
)
def test_a_file_that_is_no_log(data: Path, tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "log.csv"
    if content is not None:
        file.write_bytes(content)
    assert reason in one_line(run("replay", file, "--json", data=data), UNREADABLE)
    assert not data.exists()


@pytest.mark.parametrize(
    "arguments",
    [("serve",), ("seed",), ("token", "--role", "ADMIN"), ("due", "--procedure", "XD-01", "--at", NOON)],
    ids=lambda given: str(given[0]),
)
def test_a_folder_that_cannot_be_written(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    data = tmp_path / "file"
    data.touch()
    line = one_line(run(*arguments, data=data, PORT=str(engines.free_port())), FAILED)
    assert str(data) in line
    assert "exists" in line or "Not a directory" in line
    assert data.read_bytes() == b""


@pytest.mark.parametrize("name", ["serve", "seed"])
def test_a_missing_engine(data: Path, tmp_path: Path, name: str) -> None:
    done = run(name, data=data, GIAMSAT_ENGINE=str(tmp_path), PORT=str(engines.free_port()))
    assert one_line(done, FAILED) == f"giamsat: there is no engine in {tmp_path}: run `make setup`"
    assert not (data / "run.json").exists()


def test_an_engine_that_does_not_start(data: Path, tmp_path: Path) -> None:
    (tmp_path / "DynamoDBLocal.jar").touch()
    line = one_line(run("serve", data=data, GIAMSAT_ENGINE=str(tmp_path), PORT=str(engines.free_port())), FAILED)
    assert "the engine ended with status" in line


def test_a_taken_port(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line(run("serve", data=data, PORT=str(port)), FAILED)
    assert line == f"giamsat: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port with PORT="
    assert not running_engines(data)


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "3m") -> Iterator[Path]:
    """A file system that is soon full."""
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk cannot be mounted here: it takes root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607 - wherever it stands


def test_a_full_disk_during_a_replay(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as data:
        done = run("replay", log(tmp_path / "log.csv", 80, 20), "--json", data=data)
        assert done.returncode == FAILED
        assert done.stdout == ""
        *_, line = done.stderr.splitlines()
        assert line.startswith("giamsat: ")
        assert line.endswith(f"; the disk of {data} is full")
        assert "Traceback" not in done.stderr
        assert not running_engines(data)


@pytest.mark.parametrize(("name", "seeded"), [("serve", True), ("seed", False)])
def test_a_full_disk_at_the_start(tmp_path: Path, name: str, seeded: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    with small_disk(tmp_path / "disk", "60m" if seeded else "3m") as data:  # with the register, or too small for it
        if seeded:
            assert run("seed", data=data).returncode == DONE
        with contextlib.suppress(OSError), (data / "filling").open("wb", buffering=0) as filling:
            while filling.write(b"0" * 4096):
                pass
        assert "No space left on device" in one_line(run(name, data=data, PORT=str(engines.free_port())), FAILED)
        assert not (data / "run.json").exists()


# A running service


def test_a_second_service_on_one_folder(running: Service) -> None:
    line = one_line(run("serve", data=running.data, PORT=str(engines.free_port())), FAILED)
    assert f"an engine (process {running.engine}) already runs on {running.data}" in line
    assert running.ask("{ viewer { __typename } }")["data"]
    assert Home(running.data).running()


def test_the_environment_chooses_data_and_port(running: Service) -> None:
    found = Home(running.data).running()
    assert found is not None
    assert (found.pid, found.url) == (running.process.pid, f"http://127.0.0.1:{running.port}")


def test_commands_use_the_engine_of_the_running_service(running: Service, tmp_path: Path) -> None:
    assert run("seed", data=running.data).stdout == "the register was loaded before: nothing to do\n"
    done = run("replay", log(tmp_path / "small.csv", 2, 3), "--json", data=running.data)
    assert done.returncode == DONE, done.stderr
    *_, last = done.stdout.splitlines()
    told = json.loads(last)
    assert {name: told[name] for name in ("dossiers", "events", "entries", "ended", "ended_late")} == {
        "dossiers": 2, "events": 6, "entries": 12, "ended": 0, "ended_late": 0,
    }  # fmt: skip
    asked = running.ask('{ dossier(code: "SMALL-240304-0001") { entries } }', "INSPECTOR")
    assert asked["data"]["dossier"]["entries"] == 6
    assert len(running_engines(running.data)) == 1


def test_commands_start_an_engine_of_their_own_and_end_it(data: Path, tmp_path: Path) -> None:
    file = log(tmp_path / "small.csv", 2, 3)
    first = run("replay", file, "--json", data=data)
    assert first.returncode == DONE, first.stderr
    assert json.loads(first.stdout)["added"] == 12
    assert not running_engines(data)
    again = run("replay", file, data=data)
    assert again.stdout.startswith("dossiers 2  events 6  entries 12  ended 0  ended_late 0  added 0  moves_per_s ")
    assert again.stdout.count("\n") == 1
    assert not running_engines(data)


def test_a_run_file_of_a_dead_service_is_passed_over(data: Path) -> None:
    data.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    Home(data).announce(Run(dead.pid, "http://127.0.0.1:9", "http://127.0.0.1:9"))
    assert run("seed", data=data).returncode == DONE


def test_an_engine_that_hangs_up(data: Path) -> None:
    data.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as engine:

        def hang_up() -> None:
            with contextlib.suppress(OSError):  # the listener was shut
                while True:
                    engine.accept()[0].close()

        ending = threading.Thread(target=hang_up)
        ending.start()
        try:
            Home(data).announce(Run(os.getpid(), f"http://127.0.0.1:{engine.getsockname()[1]}", "http://127.0.0.1:9"))
            done = run("seed", data=data)
        finally:
            with contextlib.suppress(OSError):  # some systems shut no listener; closing it ends the thread there
                engine.shutdown(socket.SHUT_RDWR)
            engine.close()
            ending.join(LONGEST_S)
    assert one_line(done, FAILED).startswith("giamsat: the engine failed: ")


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_all(data: Path, by: signal.Signals) -> None:
    with started(data) as service:
        engine = service.engine
        assert Home(data).running()
        assert service.end(by) == DONE
        assert service.said() == ""
        assert not (data / "run.json").exists()
        assert ends(engine)
        assert not running_engines(data)


def test_a_service_ends_with_its_engine(data: Path) -> None:
    with started(data) as service:
        os.kill(service.engine, signal.SIGKILL)
        assert service.process.wait(LONGEST_S) == FAILED
        *warnings, line = service.said().splitlines()
        assert line == f"giamsat: the engine ended with status -9; see {data}/store/engine.log"
        assert all(warning.startswith("the stream could not be read, trying again: ") for warning in warnings)
        assert not (data / "run.json").exists()


def test_a_replay_whose_service_is_killed_goes_on_later(data: Path, tmp_path: Path) -> None:
    file = log(tmp_path / "long.csv", 6, 20)
    with started(data) as service:
        with subprocess.Popen(
            command("replay", file, "--json"), cwd=PROJECT, env=environment(data), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as replay:
            while not service.ask('{ dossier(code: "LONG-240305-0001") { entries } }', "INSPECTOR")["data"]["dossier"]:
                assert replay.poll() is None
            service.kill()
            told, errors = replay.communicate(timeout=LONGEST_S)
        assert (replay.returncode, told) == (FAILED, "")
        assert errors.splitlines()[-1].startswith("giamsat: ")
        assert "Traceback" not in errors
    done = run("replay", file, "--json", data=data)
    assert done.returncode == DONE, done.stderr
    found = json.loads(done.stdout)
    assert (found["dossiers"], found["events"], found["entries"]) == (6, 120, 138)
    assert 0 < found["added"] < 138


@pytest.mark.parametrize(("arguments", "tells"), [(["vkey"], "has no log yet"), (["redrive"], "there is no ")])
def test_a_folder_that_nobody_has_is_named_and_not_made(data: Path, arguments: list[str], tells: str) -> None:
    line = one_line(run(*arguments, data=data), FAILED)
    assert tells in line
    assert str(data) in line
    assert not data.exists()


def test_the_key_of_each_log_is_printed(data: Path) -> None:
    Home(data).environ("")
    printed = [run("vkey", *more, data=data).stdout for more in ([], ["--accesses"])]
    kept = [(data / "keys" / f"{name}.vkey").read_text() for name in ("log", "accesses")]
    assert printed == kept
    assert len(set(kept)) == 2


def test_what_was_set_aside_is_left_for_the_service(data: Path) -> None:
    data.mkdir()
    assert run("redrive", data=data).stdout == "nothing was set aside\n"
    FolderAside(data / "set-aside").put(Letter("stream", "trail", "0" * 32, 1, "Corrupt"))
    assert run("redrive", data=data).stdout.startswith("1 for the service to take again")
    assert run("redrive", data=data).stdout == "nothing was set aside\n"


def test_a_folder_of_which_nothing_was_published_is_no_success(data: Path) -> None:
    line = one_line(run("recover", "--data", str(data / "typo"), data=data), FAILED)
    assert line == f"giamsat: nothing was ever published from {data / 'typo'}: name the folder whose store was put back with --data"
    assert not (data / "typo").exists()


def test_what_was_put_back_of_one_log_is_told_where_the_other_fails(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> Recovered:
        fault = Corrupt("its journal is none")
        fault.add_note("2 entries of b were put back before that, and stay")
        raise fault

    there = SimpleNamespace(log="a", second=SimpleNamespace(log="b"))
    monkeypatch.setattr(commands, "_restored", lambda _: contextlib.nullcontext(there))
    monkeypatch.setattr(commands, "lacking", lambda _: 1)
    monkeypatch.setattr(commands, "recover", lambda *_: Recovered(5))
    monkeypatch.setattr(commands, "recover_accesses", fails)
    assert commands.main(["recover", "--data", str(data)]) == FAILED
    told = "its journal is none; 2 entries of b were put back before that, and stay; 5 entries of a were put back, and stay"
    assert capsys.readouterr().err.splitlines()[-1] == f"giamsat: {told}"


def test_a_store_from_a_backup_gets_back_what_was_published(data: Path, tmp_path: Path) -> None:
    """A folder's engine is put back to a copy of yesterday; `giamsat recover` reads the rest out of the journal."""

    def published(service: Service, least: int) -> int:
        for _ in range(200):
            size = (service.ask("{ auditCheckpoint { size } }", "INSPECTOR")["data"]["auditCheckpoint"] or {"size": 0})["size"]
            if size >= least:
                return int(size)
            time.sleep(0.2)
        raise AssertionError(f"{least} leaves were not published")

    with started(data) as service:
        assert run("replay", log(tmp_path / "first.csv", 1, 2), data=data).returncode == DONE
        before = published(service, 6)
        assert one_line(run("recover", data=data), FAILED).startswith("giamsat: a service runs on this folder: end it first")
        assert service.end(signal.SIGTERM) == DONE
    shutil.copytree(data / "store", tmp_path / "backup")
    with started(data) as service:
        assert run("replay", log(tmp_path / "second.csv", 2, 3), data=data).returncode == DONE
        size = published(service, before + 14)
        assert service.end(signal.SIGTERM) == DONE
    shutil.rmtree(data / "store")
    shutil.copytree(tmp_path / "backup", data / "store")
    for arguments in (["serve", "--port", str(engines.free_port())], ["replay", str(tmp_path / "second.csv")], ["seed"]):
        line = one_line(run(*arguments, data=data), FAILED)
        assert line.startswith("giamsat: the store is older than its logs, as one is that came from a backup: "), line
        assert f"`giamsat recover --data {data}`" in line
    done = run("recover", data=data)
    assert done.returncode == DONE, done.stderr
    assert re.match(
        r"put back [1-9][0-9]* entries, among them those of 2 new subjects, and 0 accesses; 0 disclosures erased again\. ", done.stdout
    )
    assert run("recover", data=data).stdout == "the store lacks nothing of what its logs have published: nothing to recover\n"
    with started(data) as service:
        assert published(service, size) >= size
        again = json.loads(run("replay", tmp_path / "second.csv", "--json", data=data).stdout)
        assert (again["dossiers"], again["added"]) == (2, 0), "its procedure is in the register again, and no case is there twice"
        assert run("replay", log(tmp_path / "third.csv", 1, 1), data=data).returncode == DONE
        assert published(service, size + 2) > size
        assert service.ask('{ dossier(code: "SECOND-240305-0001") { entries } }', "INSPECTOR")["data"]["dossier"]["entries"] >= 3


@pytest.mark.parametrize("arguments", [["seed"], ["vkey"], ["redrive"], ["recover"]])
def test_a_stage_without_an_answer_is_told_by_its_name(data: Path, arguments: list[str]) -> None:
    nowhere = {
        "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    line = one_line(run(*arguments, "--stage", "test", "--region", "nowhere-1", data=data, **nowhere), FAILED)
    assert "stage test, nowhere-1" in line
