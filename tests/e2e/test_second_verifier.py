"""The second verifier, in JavaScript and written from the format's document alone, agrees with the first on bundles good and bad."""

import json
import os
import random
import secrets
import shutil
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

from casework.actions.exports import Wanted
from casework.audit.bundle import CHECKPOINT, DISCLOSURES, ENTRIES, LEAVES, OUTSIDE, PAYLOAD, PROOFS, REQUEST, STATES, NoZip
from casework.audit.note import Note, cosigned
from casework.audit.verify import Report, Scope, Trust
from casework.model.export import ExportForm, ExportScope
from casework.model.packing import moment
from tests.bags import (  # fmt: skip
    ALL,
    LOG_SECRET,
    OTHER_SECRET,
    WITNESS,
    WITNESS_SECRET,
    Exporting,
    Forger,
    canonical,
    changed,
    dossier,
    full,
    judged,
    light,
    opened,
    packed,
    with_tail,
)

ROOT = Path(__file__).parents[2]
CASES = 1000
UNIT = "22-XD"

ODD = (
    "0001", "9999", "2026-01-01T00:00+0700/2026-02-01T00:00Z", "2026-01-01T24:00:00Z/2026-02-01T00:00:00Z",
    "2026-02-30T00:00Z/2026-03-01T00:00Z", "0001-01-01T00:00:00+07:00/2026-01-01T00:00:00Z", "20260101T000000Z/2026-02-01T00:00:00Z",
    "2026-01-01T00:00,5Z/2026-02-01T00:00Z", "2026-W40-4T00:00:00Z/2027-01-01T00:00:00Z", "2026-01-01T00:00:00+07/2026-02-01T00:00:00Z",
)  # fmt: skip

Case = tuple[bytes, Scope, Trust, bool]


class Bundles:
    """Good bundles of all scopes and forms, and what chance makes of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - to be repeated by its seed
        world = self.world = Exporting(folder, seed % 1000)
        begin = world.clock.now
        subjects = [world.received() for _ in range(3)]
        for subject in subjects:
            for _ in range(10):
                world.insisted(world.some(subject))
        early = str(world.witnessed())
        middle = world.clock.now
        subjects += [world.received() for _ in range(2)]
        period = (begin - timedelta(days=1), middle)
        self.good: list[tuple[bytes, Scope]] = [(world.exported(ALL, witnessed=True), Scope("ALL"))]
        for form, one in ((ExportForm.FULL, full), (ExportForm.LIGHT, light)):
            raw = world.exported(Wanted(ExportScope.UNIT, form, UNIT, *period), witnessed=True)
            self.good.append((raw, Scope("UNIT", unit=UNIT, begin=moment(period[0]), end=moment(period[1]))))
            self.good += [(world.exported(one(subject), witnessed=True), dossier(subject)) for subject in subjects[:2]]
            asked = world.requested(one(subjects[2], pending=True))
            world.taken()
            world.insisted(world.some(subjects[2]))
            world.worked(asked.id)
            self.good.append((b"".join(world.depot.read(f"{asked.id}/giamsat-export.zip")), dossier(subjects[2])))
        held = str(world.taken())
        now = world.clock.now.timestamp()
        wary = Trust(world.key, WITNESS, early, timedelta(hours=24), now)
        self.trusts = [Trust(world.key, now=now), wary, wary, wary, replace(wary, held=None), replace(wary, witness=None, max_age=None)]
        self.trusts += [replace(wary, held=held), replace(wary, now=now + 10**6)]
        self.attacks: list[Callable[[dict[str, bytes]], bytes]] = [
            self.flipped, self.flipped, self.cut, self.lines, self.lines, self.member, self.rechained, self.rewritten, self.resigned,
            self.swapped,
        ]  # fmt: skip

    def case(self) -> Case:
        raw, scope = self.chance.choice(self.good)
        trust, deep = self.chance.choice(self.trusts), self.chance.random() < 0.6
        if self.chance.random() < 0.1:
            scope = self.chance.choice(self.good)[1]
        if self.chance.random() < 0.3:
            return raw, scope, trust, deep
        if self.chance.random() < 0.1:
            at = self.chance.randrange(len(raw))
            return raw[:at] + bytes([raw[at] ^ 1 << self.chance.randrange(8)]) + raw[at + 1 :], scope, trust, deep
        return self.chance.choice(self.attacks)(opened(raw)), scope, trust, deep

    def some(self, payload: dict[str, bytes]) -> str:
        form = "FULL" if LEAVES in payload else "LIGHT"
        return self.chance.choice([name for name in PAYLOAD[form] if payload[name]])

    def flipped(self, payload: dict[str, bytes]) -> bytes:
        name = self.some(payload)
        at, was = self.chance.randrange(len(payload[name])), payload[name]
        payload[name] = was[:at] + bytes([was[at] ^ 1 << self.chance.randrange(8)]) + was[at + 1 :]
        return packed(payload)

    def cut(self, payload: dict[str, bytes]) -> bytes:
        name = self.some(payload)
        at = self.chance.randrange(len(payload[name]))
        payload[name] = self.chance.choice([payload[name][:at], payload[name] + payload[name][at:], b""])
        return packed(payload)

    def lines(self, payload: dict[str, bytes]) -> bytes:
        name = self.chance.choice([name for name in payload if name.endswith(".jsonl")])
        rows = payload[name].split(b"\n")[:-1]
        if rows:
            at, other = self.chance.randrange(len(rows)), self.chance.randrange(len(rows))
            match self.chance.randrange(4):
                case 0:
                    del rows[at]
                case 1:
                    rows.insert(at, rows[other])
                case 2:
                    rows[at], rows[other] = rows[other], rows[at]
                case _:
                    rows[at] = self.edited(rows[at])
        payload[name] = b"".join(row + b"\n" for row in rows)
        return packed(payload)

    def edited(self, line: bytes) -> bytes:
        body = json.loads(line)
        if isinstance(body, dict) and body:
            name = self.chance.choice(sorted(body))
            body[name] = self.chance.choice([None, 1, "x", [], {}, True, body[self.chance.choice(sorted(body))]])
        return canonical(body)

    def member(self, payload: dict[str, bytes]) -> bytes:
        payload["data/request.json"] = self.edited(payload["data/request.json"])
        return packed(payload)

    def swapped(self, payload: dict[str, bytes]) -> bytes:
        other = opened(self.chance.choice(self.good)[0])
        name = self.some(payload)
        payload[name] = other.get(name, payload[name])
        return packed(payload)

    def forger(self, payload: dict[str, bytes], secret: Any = LOG_SECRET) -> Forger:  # noqa: ANN401 - a key
        forger = Forger(payload, secret, self.world.key.name)
        body = self.chance.choice(forger.bodies)
        name = self.chance.choice(["occurred_at", "request", "province", "action", "after", "reason", "digests"])
        body[name] = {"digests": [], "reason": None}.get(name, f"{body[name]}0")
        return forger.chained()

    def rechained(self, payload: dict[str, bytes]) -> bytes:
        return self.forger(payload).packed()

    def rewritten(self, payload: dict[str, bytes]) -> bytes:
        if LEAVES not in payload:
            return self.rechained(payload)
        return self.forger(payload).logged().signed()

    def resigned(self, payload: dict[str, bytes]) -> bytes:
        if LEAVES not in payload:
            return self.rechained(payload)
        return self.forger(payload, OTHER_SECRET).logged().signed()


def odd(bundles: Bundles) -> list[Case]:
    """What somebody with a file and an editor might think of: a tail of his own, other proofs, manifests and signatures."""
    world, trust = bundles.world, bundles.trusts[1]
    raw, scope = next((raw, scope) for raw, scope in bundles.good if scope.kind == "DOSSIER" and LEAVES in opened(raw))
    small, of_unit = next((raw, scope) for raw, scope in bundles.good if scope.kind == "UNIT" and PROOFS in opened(raw))
    digests = sorted(digest for line in opened(raw)[ENTRIES].splitlines() for digest in json.loads(line)["digests"])
    seq = len(opened(raw)[ENTRIES].splitlines()) + 1
    gone: dict[str, Any] = {"at": "x", "digests": digests, "number": 1}
    values: list[Any] = [
        1, True, 2**53 - 1, -(2**53) + 1, "\u2028\u2029\x7f\x85", "\U0001f600", "e\u0301", '\x00\x01\x1f\b\f\n\r\t"\\/',
        {"__proto__": {"a": 1}}, {"10": 1, "9": 2, "a": 3, "A": 4, "_": 5}, {"": 1}, {"a b": 1, "\x01": 2}, {"digest": "q", "entry": True},
        {"digest": 5, "entry": seq}, {"digest": "q", "entry": seq}, {"a": 1, "digests": ["k1", "k2"]}, json.loads("[" * 60 + "]" * 60),
        json.loads("[" * 70 + "]" * 70),
    ]  # fmt: skip
    tails = [with_tail(raw, "x", value) for value in values]
    tails += [with_tail(raw, name, "v") for name in ("__proto__", "constructor", "toString", "", "\x7f", "1", "changes")]
    for name, to in (("erasures.1", gone), ("erasures.x", gone), ("erasures.1", {"at": "x"}), ("erasures.1", {"digests": "abc"})):
        tails += [with_tail(raw, name, to), changed(with_tail(raw, name, to), DISCLOSURES, lambda _: b"")]
    changes: list[Any] = [{}, "", None, 0, [[]], [None], "abc", [{"field": "z", "from": None, "to": None}]]
    members: list[tuple[str, list[Any]]] = [
        ("changes", [*changes, [{"field": 1, "from": None, "to": 1}]]), ("reason", ["x", [1]]), ("actor", [None, [], "x"]),
        ("digests", [{}, None, "", ["b", "a"], ["a", "a"], [1], ["a]b"], ["a,b"], ["a"]]), ("after", [5]), ("v", [True]), ("log", [None]),
        ("recorded_at", [5, "2099-99-99T99:99:99.999999Z", "2099-01-01T00:00:00.000000Z\n"]), ("province", [{}]), ("request", [None]),
        ("occurred_at", [None]), ("action", [None]), ("seq", [True]),
    ]  # fmt: skip
    tails += [with_tail(raw, "x", 1, **{name: value}) for name, several in members for value in several]
    cases = [(tail, scope, trust, deep) for tail in tails for deep in (True, False)]
    sign = "\u2014 {} " + b64encode(b"abcd" + b"x" * 64).decode() + "\n"
    names = ["other", "a\ufeffb", "a\x85b", "a\x7fb", "a\xa0b", "a\u180eb", "a\u2028b", "a\u200bb", "a\u1680b", "a\x1cb", world.key.name]
    notes = [sign.format(name) for name in names] + [sign.format("o") * 62, sign.format("o") * 70, sign.format("o" * 3000) * 30]
    notes += ["\u2014 o YWJjZGU=\n", "\u2014 o YWJjZGU\n", "\u2014 o =\n", "\u2014 o \n", "\n"]
    seen = Note.read(opened(raw)[CHECKPOINT].decode())
    notes += [str(cosigned(seen.text, WITNESS, WITNESS_SECRET.sign, int(trust.now) + late)) for late in (-(10**6), 10**6, -5)]
    cases += [(changed(raw, CHECKPOINT, lambda was, more=more: was + more.encode()), scope, trust, True) for more in notes]  # type: ignore[misc]
    for name, value in (("index", 0), ("number", 1), ("index", 1)):
        there = [f'"{name}":{value}{end}' for end in ",}"]
        for text in there:
            other = text.replace(str(value), "true" if value else "false")
            cases.append((changed(small, PROOFS, lambda was, a=text, b=other: was.replace(a.encode(), b.encode())), of_unit, trust, False))  # type: ignore[misc]
    for name in (ENTRIES, STATES, DISCLOSURES, OUTSIDE, LEAVES, REQUEST):
        for change in (lambda was: was + b"\n", lambda was: was.replace(b"\n", b"\r\n"), lambda _: b"", lambda was: b"\xef\xbb\xbf" + was):
            cases.append((changed(raw, name, change), scope, trust, True))
    return cases


def first(case: Case) -> dict[str, Any]:
    """Judge a case by the first verifier."""
    raw, scope, trust, deep = case
    try:
        report = judged(raw, scope, trust, deep=deep)
    except NoZip as error:
        return {"verdict": "FAILED", "limits": [], "message": str(error)}
    return {
        "verdict": report.verdict,
        "limits": [] if report.failure else sorted(set(report.limits)),
        "counts": None if report.failure else counted(report),
        "message": report.failure and f"{report.failure.check}: {report.failure.message}",
    }


def counted(report: Report) -> list[int]:
    return [report.entries, report.subjects, report.pending, report.disclosed, report.personal, report.erased]


def options(case: Case) -> dict[str, Any]:
    """Give a case as the second verifier takes it."""
    _, scope, trust, deep = case
    asked = scope.asked
    return {
        "scope": asked,
        "logKey": str(trust.log),
        "witnessKey": trust.witness and str(trust.witness),
        "held": trust.held,
        "maxAgeSeconds": trust.max_age and trust.max_age.total_seconds(),
        "now": trust.now,
        "deep": deep,
    }


def test_both_verifiers_agree_on_a_thousand_bundles(tmp_path: Path) -> None:
    seed = secrets.randbits(31)
    print(f"seed {seed}")  # noqa: T201 - told when the test fails
    bundles = Bundles(tmp_path, seed)
    cases = [bundles.case() for _ in range(CASES)] + odd(bundles)
    listed = []
    for number, case in enumerate(cases):
        (tmp_path / f"{number}.zip").write_bytes(case[0])
        listed.append({"file": f"{number}.zip", "options": options(case)})
    (tmp_path / "cases.json").write_text(json.dumps(listed))
    command = [shutil.which("node") or "node", "tests/e2e/agree.mjs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    verdicts = []
    for number, (case, line) in enumerate(zip(cases, done.stdout.splitlines(), strict=True)):
        ours, theirs = first(case), json.loads(line)
        said = f"case {number} of seed {seed}: {ours} and {theirs}"
        assert (ours["verdict"], ours["limits"]) == (theirs["verdict"], theirs["limits"]), said
        if ours["verdict"] != "FAILED":
            names = ("entries", "subjects", "pending", "disclosures", "personal", "erased")
            assert ours["counts"] == [theirs["counts"][name] for name in names], said
        verdicts.append(ours["verdict"])
    assert min(verdicts.count(one) for one in ("FAILED", "LIMITED", "VERIFIED")) > 10, "of each kind there are some"


def test_both_commands_take_the_same_and_end_alike(tmp_path: Path) -> None:
    world = Exporting(tmp_path / "service")
    subject = world.received()
    for _ in range(5):
        world.insisted(world.some(subject))
    begin, held = world.clock.now - timedelta(days=1), str(world.witnessed())
    end = world.clock.now
    world.clock.now += timedelta(days=1)
    raw = world.exported(full(subject), witnessed=True)
    unit = world.exported(Wanted(ExportScope.UNIT, ExportForm.FULL, UNIT, begin, end), witnessed=True)
    files: dict[str, bytes] = {
        "one.zip": raw, "unit.zip": unit, "flat.zip": b"junk", "cut.zip": raw[:-1], "held": held.encode(), "flat": b"x",
        "light.zip": world.exported(light(subject), witnessed=True), "log.vkey": str(world.key).encode(), "wit.vkey": str(WITNESS).encode(),
        "bin": bytes([255, 254]), "crlf": held.replace("\n", "\r\n").encode(), "cr": held.replace("\n", "\r").encode(),
        "half": held.replace("\n", "\r\n", 1).encode(), "lied": held.replace("\n", "\n1", 1).encode(), "short.zip": raw[:30],
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    coded = urlsafe_b64encode(f"dossier:{subject}".encode()).decode()
    period = f"{begin.isoformat().replace('+00:00', 'Z')}/{end.astimezone(timezone(timedelta(hours=7))).isoformat()}"
    key, mine, wit = ["--vkey", "log.vkey"], ["--dossier", subject], ["--witness", "wit.vkey"]
    cases: dict[int, list[list[str]]] = {
        0: [["one.zip", *mine, *key, *wit, "--held", "held"], ["one.zip", "--dossier", coded, *key, *wit, "--held", "held"],
            ["one.zip", "--dossier", coded.rstrip("="), *key, *wit, "--held", "held", "--json"],
            ["unit.zip", "--unit", UNIT, "--period", period, *key, *wit, "--held", "held", "--deep"], ["--help"]],
        1: [["cut.zip", *mine, *key], ["unit.zip", "--unit", UNIT, "--period", "2026-Q1", *key], ["one.zip", "--all", *key],
            ["one.zip", "--dossier", "0" * 32, *key], ["one.zip", *mine, *key, *wit, "--max-age", "1s"]],
        2: [[], ["one.zip"], ["one.zip", *key], ["one.zip", *mine], ["one.zip", "--dossier", "x", *key], ["one.zip", *mine, "--all", *key],
            ["one.zip", "--unit", UNIT, *key], ["one.zip", "--all", "--period", "2026", *key],
            ["one.zip", "--all", "--max-age", "1h", *key],
            ["one.zip", *mine, *key, *wit, "--max-age", "1"], ["one.zip", "--unit", UNIT, "--period", "2026-13", *key],
            ["one.zip", "--unit", UNIT, "--period", "2026-01-01/2026-02-01", *key],
            *(["one.zip", "--unit", UNIT, "--period", odd, *key] for odd in ODD),
            ["one.zip", "--all", *key, *key],
            ["one.zip", "--al", *key],
            ["one.zip", "--dossier", f"{coded.rstrip('=')[:-1]}x", *key], ["one.zip", *mine, *key, "--colour"],
            ["one.zip", "--unit", UNIT, "--period", "2026-02-01T00:00:00Z/2026-01-01T00:00:00Z", *key]],
        3: [["none.zip", *mine, *key], ["flat.zip", *mine, *key], ["one.zip", *mine, "--vkey", "none"],
            ["one.zip", *mine, "--vkey", "flat"],
            ["one.zip", *mine, "--vkey", "wit.vkey"], ["one.zip", *mine, *key, "--witness", "log.vkey"],
            ["one.zip", *mine, "--vkey", "bin"],
            ["one.zip", *mine, *key, "--held", "flat"],
            *(["one.zip", *mine, *key, "--held", name] for name in ("crlf", "cr", "half", "lied")),
            ["short.zip", *mine, *key], ["one.zip", *mine, *key, "--held", "none"]],
        4: [["one.zip", *mine, *key], ["one.zip", *mine, *key, *wit], ["light.zip", *mine, *key, *wit, "--held", "held"]],
    }  # fmt: skip
    node, python = (
        [shutil.which("node") or "node", str(ROOT / "clients" / "verify.mjs")],
        [sys.executable, "-c", "from casework.audit.command import main; raise SystemExit(main())"],
    )
    for status, several in cases.items():
        for given in several:
            for command in (node, python):
                done = subprocess.run(
                    [*command, *given],
                    cwd=tmp_path,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                )
                assert done.returncode == status, f"{command[-1]} {given}: {done.returncode} {done.stdout} {done.stderr}"
                out, err = done.stdout.splitlines(), done.stderr.splitlines()
                if status in {2, 3}:
                    assert (out, len(err)) == ([], 1), given
                else:
                    assert out, given
                    assert err == [], given
                if "--json" in given:
                    assert json.loads(out[0])["verdict"] == "VERIFIED"
                elif status in {1, 4}:
                    assert out[0].startswith("FAILED" if status == 1 else "VERIFIED WITH LIMITS: "), given
