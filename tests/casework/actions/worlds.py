"""A world of dossiers over the real engine. `World.make` makes one attempt through the verbs, and then checks what must hold.

That is: the answer as the model foretold it, one LEAD, intervals that tile, clocks that stay, a trail that replays, one due row; and after
an attempt that came to nothing, that nothing changed.
"""

import hashlib
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Self

from casework.actions.dossiers import Asked, Submission, move, submit
from casework.adapters.dynamo.models import DueItem
from casework.audit.canonical import canonical
from casework.audit.chain import GENESIS, committed
from casework.commits import REMEMBERED, Written
from casework.model.alert import Alert, DeadlineKind
from casework.model.errors import Conflict, Fault, Invalid, NotFound, Refused
from casework.model.moves import SKEW, MoveName
from casework.model.next_moves import next_moves
from casework.model.packing import instant, moment
from casework.model.parties import Role, Viewer
from casework.model.procedure import Channel
from casework.model.record import AssignmentRole, Dossier, DossierId, HolderKind, Interval, IntervalKind
from casework.noticing import settle
from casework.ports import Held, Services
from casework.views import decided, setting
from tests.casework.actions.expected import (
    DONE,
    MAKINGS,
    NAMES,
    POINT,
    REPEATED,
    SECOND,
    SWITCHES,
    TAKEN_IN,
    WORKED,
    Case,
    Given,
    M,
    Memory,
    Warned,
    bar,
    flaws,
    follow,
    relations,
    truth,
)
from tests.casework.actions.falling import OWN, Rung, Watch, own_due


@dataclass(frozen=True)
class Seen:
    """All that the store holds of a dossier."""

    held: Held
    lines: tuple[str, ...]
    disclosed: frozenset[str]
    due: frozenset[tuple[str, str, str]]


def must(what: str, found: object, wanted: object) -> None:
    """Complain, by a name that says what does not hold."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


@dataclass(repr=False)
class World:
    """A few dossiers, and the time they live in."""

    services: Services
    now: datetime
    cases: list[Case] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)
    opened: list[tuple[Viewer, Submission, str, Case, str | None]] = field(default_factory=list)
    done: Counter[MoveName] = field(default_factory=Counter)
    refused: Counter[tuple[MoveName, str]] = field(default_factory=Counter)
    drawn: list[bytes] = field(default_factory=list)
    noticed: int = 0  # entries of the sweep
    whole: bool = True  # False while an attempt is checked, and for ever once a check has failed

    @classmethod
    def over(cls, services: Services, now: datetime) -> Self:
        """Begin one with a clock of its own."""
        world = cls(services, now)
        world.services = replace(services, now=lambda: world.now, entropy=world._entropy)
        return world

    def _entropy(self, size: int) -> bytes:
        self.drawn.append(secrets.token_bytes(size))
        return self.drawn[-1]

    @property
    def turn(self) -> int:
        """How many attempts were made."""
        return self.done.total() + self.refused.total()

    def submit(self, viewer: Viewer, submission: Submission) -> Case:
        """Open a dossier."""
        self.whole, key = False, secrets.token_hex(8)
        done, secret = submit(self.services, viewer, submission, Asked(key, "test", repr(submission)))
        account = viewer.on_behalf_of or (viewer.sub if viewer.role is Role.CITIZEN else None)
        (terms,) = [version for version in self.services.store.versions(submission.procedure) if version.in_force(self.now.date())]
        online = submission.channel is Channel.ONLINE
        case = Case(done.held.id, terms, account, online, submission.delivery_point or POINT, self.now)
        must("a fresh secret", secret, self.services.keys.tracking_secret(case.id, 1, 1))
        self.cases.append(case)
        self.opened.append((viewer, submission, key, case, secret))
        self.watches[case.id] = Watch(self.services.store.calendar())
        self.seen[case.id] = self._checked(case)
        self._passed(M.SUBMIT, DONE)
        return case

    def submit_badly(self, viewer: Viewer, submission: Submission, wanted: str, key: str | None = None) -> None:
        """Open none: be told `wanted`, and nothing is written."""
        self.whole = False
        self.drawn.clear()
        try:
            submit(self.services, viewer, submission, Asked(key or secrets.token_hex(8), "test", repr(submission)))
        except (Invalid, Refused) as fault:
            must("outcome of a submission", fault.code, wanted)
        else:
            raise AssertionError(f"outcome of a submission: a dossier, not {wanted}")
        if self.drawn:
            must("what a refused submission wrote", self.services.store.held(DossierId(self.drawn[0].hex())), None)
        self._passed(M.SUBMIT, wanted)

    def submit_again(self, number: int, *, other: bool) -> None:
        """Send a submission once more, with its key; `other` changes the input."""
        viewer, submission, key, case, secret = self.opened[number % len(self.opened)]
        if case.submitted_at + REMEMBERED <= self.now:
            return
        if other:
            self.submit_badly(viewer, replace(submission, rehearsal=True), "IDEMPOTENCY_KEY_REUSED", key)
        else:
            self.whole = False
            done, same = submit(self.services, viewer, submission, Asked(key, "test", repr(submission)))
            must("a repeated submission", (done.repeated, done.held.id, done.entry.seq), (True, case.id, 1))
            if case.generation == 1:
                must("its secret", same, secret)
            self._passed(M.SUBMIT, REPEATED)
        self._unchanged(case, "a repeated submission")

    def make(self, case: Case, viewer: Viewer, given: Given) -> str:
        """Attempt a move, and check all that must hold after it. Gives DONE, REPEATED or the code."""
        self.whole = False
        name, before = NAMES[type(given)], self.seen[case.id]
        at = self._event_time(case, given)
        wanted = self._foretold(case, name, viewer, given, at)
        held = before.held
        told = {found.name: found.code for found in next_moves(held.dossier, decided(self.services, viewer, held), at, self._setting(held))}
        if relations(viewer, case):
            must(f"next_moves of {name}", told[name], bar(case, name, viewer, at))
        outcome, done = self._tried(case, name, viewer, given)
        if outcome not in wanted:
            raise AssertionError(f"outcome of {name}: {outcome}, not one of {sorted(wanted)}")
        if outcome == DONE:
            assert done
            self._noticed_before(case)
            must("the entry", (done.repeated, done.entry.seq, done.entry.occurred_at), (False, case.version + case.noticed + 1, at))
            follow(case, name, given, at, viewer)
            self.watches[case.id].follow(case)
            case.memories[name, given.idempotency_key] = Memory(truth(viewer), given, done.entry.hash, self.now + REMEMBERED)
            self.seen[case.id] = after = self._checked(case)
            compared(name, before.held, after.held)
            must("the trail before", after.lines[: len(before.lines)], before.lines)
        else:
            self._unchanged(case, f"{name}, which came to {outcome},")
        if outcome == REPEATED:
            assert done
            must("a repeated entry", (done.repeated, done.entry.hash), (True, case.memories[name, given.idempotency_key].hash))
        self._passed(name, outcome)
        if at > self.now and case.last != at:
            self.now = at + SECOND  # Only what begins or ends an interval ahead of this machine's clock is waited for.
        return outcome

    def _noticed_before(self, case: Case) -> None:
        """Foretell what a move notices before it is made: all that its dossier's deadlines have reached by then."""
        watch = self.watches[case.id]
        while (ahead := watch.ahead(case)) and ahead[0].reached_at <= self.now:
            watch.raised[ahead[0]] = True, ahead[1][1]
            case.noticed += 1
            self.noticed += 1

    def sweep(self) -> None:
        """Let the sweep look at every dossier: it raises what was reached, in that order, each level of an arming once."""
        self.whole = False
        for case in self.cases:
            before, watch = self.seen[case.id], self.watches[case.id]
            while done := settle(self.services, case.id, "sweep"):
                ahead = watch.ahead(case)
                must("whether anything was reached", ahead is not None and ahead[0].reached_at <= self.now, True)  # noqa: FBT003 - wanted
                assert ahead
                rung, keeper = ahead
                raised = done.held.dossier.alerts[-1]
                must("what was raised", (told(raised), raised.unit, raised.officer, raised.observed_at), (rung, *keeper, self.now))
                entry = (done.entry.body["action"], done.held.version, done.entry.occurred_at)
                must("its entry", entry, ("ALERT_RAISED", case.version, rung.reached_at))
                watch.raised[rung] = True, keeper[1]
                case.noticed += 1
            left = watch.ahead(case)
            must("whether all that was reached is raised", left is None or left[0].reached_at > self.now, True)  # noqa: FBT003 - wanted
            self.seen[case.id] = after = self._checked(case)
            must("the trail before", after.lines[: len(before.lines)], before.lines)
            self.noticed += after.held.tip.seq - before.held.tip.seq
        self.whole = True

    def close(self) -> None:
        """Look at everything once more: no dossier was changed by what was done to another, no due row was left behind."""
        rows: dict[str, set[tuple[str, str, str]]] = {}
        for row in DueItem.scan(consistent_read=True):
            rows.setdefault(row.subject, set()).add((row.bucket, row.moment, row.level))
        for case in self.cases:
            must("a dossier at the end", self._checked(case), self.seen[case.id])
            must("due rows in the whole table", rows.get(case.id, set()), self.seen[case.id].due)

    def _passed(self, name: MoveName, outcome: str) -> None:
        if outcome == DONE:
            self.done[name] += 1
        else:
            self.refused[name, outcome] += 1
        self.now += SECOND
        self.whole = True

    def _event_time(self, case: Case, given: Given) -> datetime:
        if isinstance(at := getattr(given, "at", None), datetime):
            return at
        return case.last if self.now < case.last <= self.now + SKEW else self.now

    def _foretold(self, case: Case, name: MoveName, viewer: Viewer, given: Given, at: datetime) -> set[str]:
        """Foretell the outcome: one, or where several things are wrong any of them."""
        if not relations(viewer, case):
            return {"NOT_FOUND"}
        memory = case.memories.get((name, given.idempotency_key))
        if memory is not None and memory.until > self.now:
            same = (memory.viewer, memory.given) == (truth(viewer), given)
            return {REPEATED} if same else {"IDEMPOTENCY_KEY_REUSED"}
        if given.expected_version not in {None, case.version}:
            return {"CONFLICT"}
        barred = bar(case, name, viewer, at)
        if barred == "NOT_YOUR_MOVE":
            return {barred}
        return flaws(case, name, viewer, given, at, self.now) | ({barred} if barred else set()) or {DONE}

    def _tried(self, case: Case, name: MoveName, viewer: Viewer, given: Given) -> tuple[str, Written | None]:
        at, why = getattr(given, "at", None), getattr(given, "backdating_reason", None)
        asked = Asked(given.idempotency_key, "test", repr(given), given.expected_version, at, why)
        try:
            done = move(self.services, viewer, case.id, name, asked, MAKINGS[name](given))
        except (NotFound, Conflict, Refused, Invalid) as fault:
            return _code(fault, case), None
        return REPEATED if done.repeated else DONE, done

    def _setting(self, held: Held) -> Any:  # noqa: ANN401 - a Setting
        return setting(self.services, held.dossier)

    def _read(self, case: Case, known: tuple[str, ...] = ()) -> Seen:
        """Read what the store holds of a dossier; entries that are `known` are not read again."""
        store = self.services.store
        held = store.held(case.id)
        assert held
        if held.due and held.due.bucket not in case.buckets[-1:]:  # Another deadline may bring it back to where it was before.
            case.buckets = [*(bucket for bucket in case.buckets if bucket != held.due.bucket), held.due.bucket]
        buckets = case.buckets[-1:] if known else case.buckets[-3:]
        rows = [row for bucket in buckets for row in DueItem.query(bucket, consistent_read=True) if row.subject == case.id]
        lines = (*known, *(entry.line for entry in store.entries(case.id, len(known), 1000)))
        due = frozenset((row.bucket, row.moment, row.level) for row in rows)
        return Seen(held, lines, frozenset(store.disclosed(case.id)), due)

    def _unchanged(self, case: Case, what: str) -> None:
        before = self.seen[case.id]
        must(f"what {what} changed", self._read(case, before.lines), before)

    def _checked(self, case: Case) -> Seen:
        """Read a dossier and check what holds after every step."""
        seen = self._read(case)
        held, dossier = seen.held, seen.held.dossier
        works = [(w.number, w.lead, w.unit, w.officer, w.at, w.returned_at, w.vacant, w.ended) for w in case.works]
        found = [
            (
                a.number,
                a.role is AssignmentRole.LEAD,
                a.unit,
                a.officer,
                a.assigned_at,
                a.returned_at,
                a.vacant_at is not None,
                a.ended_at is not None,
            )
            for a in dossier.assignments
        ]
        must("state, version", (dossier.state.value, held.version), (case.state, case.version))
        led(dossier)
        tiled(dossier, case)
        must("entries", (held.tip.seq, len(seen.lines)), (case.version + case.noticed,) * 2)
        must("assignments", found, works)
        must("extensions", [one.amount for one in dossier.extended], case.longer)
        must("apology, fees", (dossier.apologised, [one.fee for one in dossier.payments]), (case.sorry, case.fees))
        must("blockers", {b.number: (b.at, b.stops_clock) for b in dossier.blockers if b.stands}, case.blockers)
        must("steps", [step.code for step in dossier.steps], case.steps)
        must("opinions", {opinion.assignment for opinion in dossier.opinions}, case.answered)
        must("rating, secret", (dossier.rating is not None, dossier.secret_generation), (case.rated, case.generation))
        must("who took note of what", {str(a.number): a.acknowledged_by for a in dossier.alerts if a.acknowledged_at}, case.noted)
        case.warnings = {
            str(a.number): Warned(a.of if a.kind is DeadlineKind.COORDINATION else None, a.level.value, a.observed_at, a.open)
            for a in dossier.alerts
        }
        for name, kept in case.kept.items():
            must(f"kept {name}", canonical(held.flat.get(name)), kept)
        over = [f"intervals.{interval.number}" for interval in dossier.intervals if interval.to_at]
        past = [*over, *(f"reopenings.{reopening.number}" for reopening in dossier.reopenings)]
        case.kept |= {name: canonical(held.flat[name]) for name in past}
        digests, personal = replayed(seen)
        must("what is erased", {digest for row in dossier.erasures for digest in row.digests}, personal if case.erased else set())
        must("the trail's digests", digests - personal if case.erased else digests, seen.disclosed)
        must("in the applicant's list", held.applicant_key is not None, case.account is not None and not case.erased)
        row = held.due and (held.due.bucket, held.due.moment, held.due.level)
        must("due rows", seen.due, frozenset([row] if row else []))
        self._awaited(case, held)
        return seen

    def _awaited(self, case: Case, held: Held) -> None:
        """Hold dates, alerts and the due row of a dossier to what the model foretells of its deadlines."""
        watch, dossier = self.watches[case.id], held.dossier
        if case.state in TAKEN_IN:
            case.due_at = own_due(case, watch.calendar)
        must("the due date", dossier.due_at, case.due_at)
        rows = {(row.kind.value, row.of): (row.arming, row.due_at) for row in dossier.armed}
        must("armings", rows | {OWN: (dossier.arming, dossier.due_at)} if case.started else rows, watch.armed)
        must("alerts", {told(alert): (alert.closed_at is None, alert.officer) for alert in dossier.alerts}, watch.raised)
        must("as many", len(dossier.alerts), len(watch.raised))
        ahead = watch.ahead(case)
        must("whether a level is ahead", held.due is not None, ahead is not None)
        if ahead and held.due and held.tip.recorded_at:
            at = ahead[0].reached_at
            must("due row", (held.due.moment, held.due.level), (f"{moment(at)}#{case.id}", ahead[0].level))
            must("its hour", held.due.bucket[:13], moment(max(at, held.tip.recorded_at))[:13])


def told(alert: Alert) -> Rung:
    """Put an alert as the model has it."""
    return Rung((alert.kind.value, alert.of), alert.arming, alert.level.value, alert.due_at, alert.reached_at)


def led(dossier: Dossier) -> None:
    """Check that nobody leads before the first assignment, one from then until the end, and never two."""
    leads = [a for a in dossier.assignments if a.role is AssignmentRole.LEAD]
    must("leads now", sum(a.ended_at is None for a in leads), int(dossier.state in WORKED))
    must("the first is a lead", [a.role for a in dossier.assignments][:1], [AssignmentRole.LEAD] * bool(leads))
    starts = {reopening.at for reopening in dossier.reopenings}
    for one, other in pairwise(leads):
        assert one.ended_at
        if not (one.ended_at == other.assigned_at or (other.assigned_at in starts and one.ended_at < other.assigned_at)):
            raise AssertionError(f"leads follow each other: {one.ended_at}, then {other.assigned_at}")


def tiled(dossier: Dossier, case: Case) -> None:
    """Check that the intervals of each clock tile it from its start to its end, and that the last names who holds the dossier."""
    tiles = dossier.intervals
    must("numbers of tiles", [tile.number for tile in tiles], list(range(1, len(tiles) + 1)))
    must("tiles from receipt on", bool(tiles), case.started is not None)
    if not tiles:
        return
    starts = [dossier.received_at, *(kept.at for kept in dossier.reopenings)]
    ends = [*(kept.decided_at for kept in dossier.reopenings), dossier.decided_at or dossier.ended_at]
    cuts = [0, *(kept.last_interval for kept in dossier.reopenings), len(tiles)]
    for (begun, over), start, end in zip(pairwise(cuts), starts, ends, strict=True):
        clock = tiles[begun:over]
        must("tiles begin", clock[0].from_at, start)
        must("tiles end", clock[-1].to_at, end)
        must("tiles adjoin", [one.to_at for one in clock[:-1]], [other.from_at for other in clock[1:]])
        must("tiles go on", [tile for tile in clock if tile.to_at and tile.to_at < tile.from_at], [])
    last = tiles[-1]
    must("tiles are open", last.to_at is None, case.state in TAKEN_IN)
    must("the last tile", (last.from_at, dossier.started_at), (case.since, case.started))
    if case.state in TAKEN_IN:
        must("who holds it", _holder(last), _held_by(case))


def _holder(tile: Interval) -> tuple[bool, str, str | None]:
    return tile.kind is IntervalKind.RUNNING, tile.holder.value, tile.officer


def _held_by(case: Case) -> tuple[bool, str, str | None]:
    if case.waits:
        return False, case.waits, None
    if case.lead and case.lead.stands:
        return True, HolderKind.OFFICER.value, case.lead.officer
    return True, HolderKind.UNIT.value, None


def replayed(seen: Seen) -> tuple[frozenset[str], set[str]]:
    """Replay the trail from nothing to the state, entry by entry, and check the chain.

    Gives the digests that it names, and which of them tell who a citizen is.
    """
    state: dict[str, Any] = {}
    digests: set[str] = set()
    personal: set[str] = set()
    prev, recorded = GENESIS, ""
    for seq, line in enumerate(seen.lines, start=1):
        body = json.loads(line)
        must("chain", (body["seq"], body["prev"], body["recorded_at"] > recorded), (seq, prev, True))
        prev, recorded = hashlib.sha256(line.encode()).hexdigest(), body["recorded_at"]
        must("event before record", instant(body["occurred_at"]) <= instant(recorded) + SKEW, True)  # noqa: FBT003 - what is wanted
        for change in body["changes"]:
            must("a change's former value", state.get(change["field"]), change["from"])
            if change["to"] is None:
                del state[change["field"]]
            else:
                state[change["field"]] = change["to"]
        must("commitment", committed(state), body["after"])
        must("digests told twice", digests & set(body["digests"]), set())
        digests |= set(body["digests"])
        parties = [party["identity"] for party in (body["actor"], body["on_behalf_of"]) if party and "identity" in party]
        values = [change["to"] for change in body["changes"] if change["field"] == "applicant"]
        personal |= {ref["digest"] for ref in (*parties, *(v for value in values for v in value.values())) if isinstance(ref, dict)}
    must("the trail replays", state, dict(seen.held.flat))
    must("head", (seen.held.tip.seq, seen.held.tip.hash, seen.held.tip.recorded_at), (len(seen.lines), prev, instant(recorded)))
    return frozenset(digests), personal


def compared(name: MoveName, before: Held, after: Held) -> None:
    """Check what a move may not do to the dates: a pause makes none earlier, and other moves make no other."""
    old, new = before.dossier, after.dossier
    if name is M.REOPEN:
        kept = new.reopenings[-1]
        found = (kept.started_at, kept.decided_at, kept.due_at, kept.original_due_at, kept.promised_due_at, kept.outcome, kept.result)
        dates = (old.started_at, old.decided_at, old.due_at, old.original_due_at, old.promised_due_at, old.outcome, old.result)
        must("what a reopening keeps", found, dates)
    elif name in {M.EXTEND, *SWITCHES} or old.paused:
        assert old.due_at
        assert new.due_at
        if new.due_at < old.due_at:
            raise AssertionError(f"a pause or an extension made it earlier: {old.due_at}, then {new.due_at}")
    elif name is not M.RECEIVE:
        must(f"the due date after {name}", new.due_at, old.due_at)
    if name is M.EXTEND:
        must("what an extension promises", new.promised_due_at, new.due_at)
    elif name is M.APOLOGISE:
        must("what an apology promises", new.promised_due_at, new.apologies[-1].promised_due_at)
    elif name not in {M.RECEIVE, M.REOPEN}:
        must("the promise", (new.original_due_at, new.promised_due_at), (old.original_due_at, old.promised_due_at))


def _code(fault: Fault, case: Case) -> str:
    """Check what a fault tells beside its code."""
    match fault:
        case Conflict():
            must("conflict", (fault.subject, fault.version), (case.id, case.version))
        case Refused():
            must("the state in a refusal", fault.state, case.state)
    return fault.code
