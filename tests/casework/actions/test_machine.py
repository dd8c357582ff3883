"""Every move, by every maker, with good and bad input, over the engine: a state machine against a small model of the domain (`expected`).

A failure prints the seed and the steps; GIAMSAT_MACHINE_SEED=<seed> walks them again, and GIAMSAT_MACHINE_EXAMPLES walks more (usually 40).
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from casework.actions.dossiers import Person, Submission
from casework.adapters.dynamo.models import DueItem
from casework.audit import chain
from casework.model import alert, course, ending, intervals, raising
from casework.model.clock import Reckoning
from casework.model.dossier import MOVES
from casework.model.moves import Move, MoveName, Setting
from casework.model.parties import Relation, Viewer
from casework.model.procedure import Channel
from casework.model.record import AssignmentRole, Dossier, Interval, Medium, Outcome
from casework.ports import Services
from schema import inputs
from tests.casework.actions.expected import (
    BESIDE,
    BRANCH,
    DAY,
    DONE,
    FROM,
    HOUR,
    MAKERS,
    NAMES,
    OPEN,
    PEOPLE,
    POINT,
    REPEATED,
    SECOND,
    UNIT,
    Case,
    Given,
    M,
    addressed,
    relations,
    truth,
)
from tests.casework.actions.worlds import World

EXAMPLES, STEPS = int(os.environ.get("GIAMSAT_MACHINE_EXAMPLES", "40")), 60
MOST_OPEN, MOST = 3, 9  # dossiers of one run
INPUTS = {name: kind for kind, name in NAMES.items()}
LEAD, COORDINATING = AssignmentRole.LEAD, AssignmentRole.COORDINATING
# Before Tet, on a working afternoon after the cut-off, on a Saturday, before the days off of April: years away, as the engine drops what
# expired by its own clock.
STARTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in ("2031-01-17T02:00", "2031-06-04T09:30", "2031-08-02T03:00", "2032-04-26T01:00")
)
BLANK, WHY = " \n", "mất điện tại quầy"
PAST, FAR = datetime(2030, 1, 1, tzinfo=UTC), datetime(2039, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class How:
    """How a move is attempted: by whom (a right maker where it does not say), with which flaw, when, upon which version."""

    who: str | None = None
    flaw: int | None = None
    when: str = "now"
    version: int | None = None  # 0 is the current one, 1 the one before
    variant: int = 0


HOWS = st.builds(
    How,
    who=st.sampled_from([None] * (4 * len(PEOPLE)) + list(PEOPLE)),
    flaw=st.sampled_from([None] * 24 + list(range(6))),
    when=st.sampled_from(["now"] * 24 + ["ahead", "future", "earlier", "since", "before", "unsaid", "blank"]),
    version=st.sampled_from([None] * 8 + [0] * 6 + [1]),
    variant=st.integers(0, 5),
)


def attempted(world: World, case: Case, name: MoveName, how: How) -> tuple[Viewer, Given]:
    """Make up the maker and the input of an attempt."""
    viewer = PEOPLE[how.who] if how.who else _right(case, name, how.variant)
    given: dict[str, Any] = {**GOOD[name](world, case, viewer, how.variant), **({} if name is M.ERASE else _when(world, case, how.when))}
    if name is M.REQUEST_SUPPLEMENT and "HEAD" in relations(viewer, case):
        given["override_reason"] = WHY
    wrong = FLAWED.get(name, [])
    if how.flaw is not None and wrong:
        given |= wrong[how.flaw % len(wrong)]
    if how.version is not None:
        given["expected_version"] = case.version - how.version
    return viewer, INPUTS[name](idempotency_key=secrets.token_hex(8), dossier=case.id, **given)


def _right(case: Case, name: MoveName, variant: int) -> Viewer:
    """Find somebody who may make the move, best one with an assignment to act on."""
    makers = [viewer for viewer in PEOPLE.values() if relations(viewer, case) & MAKERS[name]]
    if name is M.ACKNOWLEDGE:
        told = [one for one in case.warnings.values() if one.open]
        makers = [viewer for viewer in makers if any(addressed(case, one, viewer) for one in told)] or makers
    if name in {M.RETURN, M.GIVE_OPINION}:
        busy = [viewer for viewer in makers if any(work.stands and work.whose(truth(viewer)) for work in case.works)]
        makers = busy or makers
    return makers[variant % len(makers)] if makers else PEOPLE["head"]


def _when(world: World, case: Case, when: str) -> dict[str, Any]:
    dates: dict[str, datetime] = {
        "ahead": world.now + 4 * SECOND, "future": world.now + HOUR, "earlier": max(world.now - HOUR, case.last), "since": case.last,
        "before": case.last - HOUR, "unsaid": world.now - HOUR, "blank": world.now - HOUR,
    }  # fmt: skip
    if when not in dates:
        return {}
    at = dates[when]
    return {"at": at, "backdating_reason": None if when == "unsaid" else BLANK if when == "blank" else WHY}


def _assigning(world: World, case: Case, viewer: Viewer, variant: int) -> dict[str, Any]:  # noqa: ARG001 - one shape for all
    given: dict[str, Any]
    if variant in {0, 1, 2} or case.state == "RECEIVED":
        due_at = world.now + 2 * DAY
        if case.runs and case.due_at and world.now < case.due_at:
            due_at = case.due_at
        given = {"role": LEAD, "unit": UNIT, "officer": ("01-XD-1", "01-XD-2")[variant % 2], "due_at": due_at}
    else:
        given = {"role": COORDINATING, "unit": BESIDE, "officer": (None, "01-MT-1")[variant % 2], "due_at": world.now + variant * HOUR}
    return given | {"task": "việc", "responsibility": "trách nhiệm", "expected_result": "kết quả"}


def _number(case: Case, viewer: Viewer, variant: int, *, opinion: bool) -> dict[str, Any]:
    standing = [work for work in case.works if work.stands and not (opinion and work.lead)]
    standing = [work for work in standing if work.whose(truth(viewer))] or standing
    return {"assignment": str(standing[variant % len(standing)].number if standing else 1)}


def _alert(case: Case, viewer: Viewer, variant: int) -> str:
    waiting = [number for number, one in case.warnings.items() if one.open and addressed(case, one, viewer)]
    return waiting[variant % len(waiting)] if waiting else "1"


def _items(case: Case) -> list[inputs.SupplementItemInput]:
    return [inputs.SupplementItemInput(component=case.terms.components[-1].code, legal_basis="luật")]


def _documents(case: Case) -> list[inputs.DocumentInput]:
    return [inputs.DocumentInput(component=code, digest="a" * 64) for code in sorted(case.wanted) or ["FORM"]]


GROUNDS = {"reason": "lý do", "legal_basis": "luật"}
GOOD: dict[MoveName, Callable[[World, Case, Viewer, int], dict[str, Any]]] = {
    M.RECEIVE: lambda world, case, viewer, variant: {"checked": [component.code for component in case.terms.components]},
    M.REFUSE: lambda *_: GROUNDS,
    M.ASSIGN: _assigning,
    M.RETURN: lambda world, case, viewer, variant: {"reason": "lý do", **_number(case, viewer, variant, opinion=False)},
    M.COMPLETE_STEP: lambda world, case, viewer, variant: {"step": case.stage or case.terms.steps[0].code},
    M.GIVE_OPINION: lambda world, case, viewer, variant: {"opinion": "được", **_number(case, viewer, variant, opinion=True)},
    M.REQUEST_SUPPLEMENT: lambda world, case, viewer, variant: {"items": _items(case)},
    M.SUPPLY: lambda world, case, viewer, variant: {"documents": _documents(case)},
    M.DECIDE: lambda world, case, viewer, variant: {"outcome": Outcome.GRANTED, "waive_opinions_reason": (None, WHY)[variant % 2]},
    M.DELIVER: lambda *_: {"medium": Medium.PAPER, "reference": "12/GP"},
    M.WITHDRAW: lambda *_: {},
    M.STOP: lambda *_: GROUNDS,
    M.ROTATE: lambda *_: {},
    M.REOPEN: lambda *_: {"reason": "lý do"},
    M.RATE: lambda world, case, viewer, variant: {"score": 1 + variant % 5},
    M.EXTEND: lambda world, case, viewer, variant: {"amount": 1 + variant, "reason": "lý do", "notice": (None, "12/TB")[variant % 2]},
    M.APOLOGISE: lambda world, case, viewer, variant: {"promised_due_at": world.now + (1 + variant) * DAY, "letter": "12/XL"},
    M.REQUIRE_PAYMENT: lambda world, case, viewer, variant: {"fee": case.terms.fees[0].code if case.terms.fees else "PERMIT"},
    M.RECORD_PAYMENT: lambda world, case, viewer, variant: {"reference": "BL-1", "online": bool(variant % 2)},
    M.RAISE_BLOCKER: lambda world, case, viewer, variant: {"reason": "chưa có con dấu", "stops_clock": variant % 3 > 0},
    M.CLEAR_BLOCKER: lambda world, case, viewer, variant: {"blocker": str((*case.blockers, 1)[0])},
    M.ACKNOWLEDGE: lambda world, case, viewer, variant: {"note": "thêm người", "alert": _alert(case, viewer, variant)},
    M.ERASE: lambda world, case, viewer, variant: {"legal_basis": "luật", "reason": (None, "lý do")[variant % 2]},
}
STRAY = [inputs.SupplementItemInput(component="XX", legal_basis="luật")]
FLAWED: dict[MoveName, list[dict[str, Any]]] = {
    M.RECEIVE: [{"checked": None}, {"checked": ["FORM", "DEED", "LETTER", "XX"]}],
    M.REFUSE: [{"reason": BLANK}, {"legal_basis": ""}],
    M.ASSIGN: [{"unit": "XX"}, {"officer": "01-XD-H"}, {"task": BLANK}, {"task": None}, {"due_at": PAST}, {"due_at": FAR}],
    M.RETURN: [{"assignment": "99"}, {"reason": ""}, {"assignment": "1"}, {"assignment": "2"}],
    M.COMPLETE_STEP: [{"step": "XX"}, {"step": "DRAFT"}],
    M.GIVE_OPINION: [{"assignment": "x"}, {"opinion": BLANK}, {"assignment": "1"}, {"assignment": "2"}],
    M.REQUEST_SUPPLEMENT: [
        {"items": []},
        {"items": STRAY},
        {"override_reason": BLANK},
        {"override_reason": None},
        {"override_reason": WHY},
    ],
    M.SUPPLY: [{"documents": []}, {"documents": [inputs.DocumentInput(component="XX", digest="ff")]}],
    M.DECIDE: [{"reason": BLANK}, {"waive_opinions_reason": None}],
    M.DELIVER: [{"reference": ""}],
    M.WITHDRAW: [{"reason": BLANK}],
    M.STOP: [{"legal_basis": ""}, {"reason": BLANK}],
    M.REOPEN: [{"reason": BLANK}],
    M.RATE: [{"score": 0}, {"score": 6}, {"comment": BLANK}],
    M.EXTEND: [{"amount": 0}, {"amount": 99}, {"reason": BLANK}, {"notice": ""}],
    M.APOLOGISE: [{"promised_due_at": PAST}, {"letter": BLANK}],
    M.REQUIRE_PAYMENT: [{"fee": "XX"}],
    M.RECORD_PAYMENT: [{"reference": ""}],
    M.RAISE_BLOCKER: [{"reason": BLANK}, {"legal_basis": ""}],
    M.CLEAR_BLOCKER: [{"blocker": "99"}, {"blocker": "x"}, {"reason": BLANK}],
    M.ERASE: [{"legal_basis": BLANK}, {"reason": ""}],
    M.ACKNOWLEDGE: [{"alert": "99"}, {"alert": "x"}, {"note": BLANK}, {"alert": "1"}, {"alert": "2"}],
}
SUBMISSION = Submission("XD-01", POINT, Channel.ONLINE, Person("Nguyễn Văn Ý"))
TIMED = "XD-LATE"  # as XD-01, with a time for its applicant, and two extensions
SUBMITTERS = ["applicant", "proxy", "desk", "desk for him"]
SUBMISSIONS = st.builds(
    partial(replace, SUBMISSION),
    procedure=st.sampled_from(["XD-01", TIMED, "KN-01"]),
    delivery_point=st.sampled_from([None, BRANCH]),
    channel=st.sampled_from([Channel.ONLINE, Channel.COUNTER]),
)
BAD_SUBMISSIONS: list[tuple[dict[str, Any], str]] = [
    ({"procedure": "XX-01"}, "UNKNOWN_PROCEDURE"), ({"procedure": "LL-01"}, "NOT_IN_FORCE"), ({"reception_point": "XX"}, "UNKNOWN_POINT"),
    ({"delivery_point": "XX"}, "UNKNOWN_POINT"), ({"channel": Channel.EMAIL}, "CHANNEL_NOT_ALLOWED"), ({"unit": "XX"}, "UNKNOWN_UNIT"),
    ({"unit": "22-XD"}, "OTHER_PROVINCE"), ({"unit": "01-YT"}, "NOT_COMPETENT"), ({"applicant": Person(BLANK)}, "EMPTY"),
]  # fmt: skip
WAY = (M.RECEIVE, M.ASSIGN, M.ASSIGN, M.REQUEST_SUPPLEMENT, M.SUPPLY, M.GIVE_OPINION, M.DECIDE, M.DELIVER, M.REOPEN)
OTHERS = [name for name in PEOPLE if name not in {*SUBMITTERS, "other citizen"}]


@pytest.fixture(autouse=True)
def timed(services: Services) -> None:
    """Have a procedure in the register that gives its applicant so many days."""
    (last,) = (version for version in services.store.versions("XD-01") if version.in_force(STARTS[0].date()))
    more = replace(last, code=TIMED, version=1, field="x", supplement_days=5, payment_days=3, most_extensions=2)
    services.store.register([more], "VN")


class Province(RuleBasedStateMachine):
    """A few dossiers, on which all kinds of people attempt all kinds of moves."""

    dossiers = Bundle("dossiers")

    def __init__(self, services: Services, tally: Counter[str]) -> None:
        super().__init__()
        self.world, self.tally = World.over(services, STARTS[0]), tally

    def worth(self, name: MoveName) -> bool:
        """Whether a move is possible somewhere; what ends a dossier for good, or is always possible, is tried more seldom."""
        often = name not in {M.REFUSE, M.WITHDRAW, M.STOP, M.ROTATE, M.ERASE}
        if name is M.ACKNOWLEDGE:
            often = any(one.open for case in self.world.cases for one in case.warnings.values())
        return any(case.state in FROM[name] for case in self.world.cases) and (often or self.seldom)

    @property
    def seldom(self) -> bool:
        return self.world.turn % 5 == 0

    @property
    def room(self) -> bool:
        return len(self.world.cases) < MOST and sum(case.state in OPEN for case in self.world.cases) < MOST_OPEN

    @initialize(target=dossiers, start=st.sampled_from(STARTS), submission=SUBMISSIONS, variants=st.lists(st.integers(0, 5), max_size=9))
    def begin(self, start: datetime, submission: Submission, variants: list[int]) -> Case:
        """Bring a first dossier some way, so that what lies far is walked too."""
        self.world.now = start
        case = self.world.submit(PEOPLE["applicant"], submission)
        for name, variant in zip(WAY, variants, strict=False):
            self.world.make(case, *attempted(self.world, case, name, How(variant=variant)))
            self.world.now += HOUR
        return case

    @precondition(lambda self: self.room)
    @rule(target=dossiers, who=st.sampled_from(SUBMITTERS), submission=SUBMISSIONS)
    def submit(self, who: str, submission: Submission) -> Case:
        return self.world.submit(PEOPLE[who], submission)

    @precondition(lambda self: self.seldom)
    @rule(bad=st.sampled_from(BAD_SUBMISSIONS))
    def submit_badly(self, bad: tuple[dict[str, Any], str]) -> None:
        self.world.submit_badly(PEOPLE["applicant"], replace(SUBMISSION, **bad[0]), bad[1])

    @precondition(lambda self: self.seldom)
    @rule(who=st.sampled_from(OTHERS))
    def submit_as_another(self, who: str) -> None:
        self.world.submit_badly(PEOPLE[who], SUBMISSION, "NOT_YOUR_MOVE")

    @precondition(lambda self: self.seldom)
    @rule(number=st.integers(0, MOST), other=st.booleans())
    def submit_again(self, number: int, *, other: bool) -> None:
        self.world.submit_again(number, other=other)

    @precondition(lambda self: any(case.memories for case in self.world.cases))
    @rule(
        case=dossiers.filter(lambda case: case.memories),
        number=st.integers(0, 20),
        who=st.sampled_from([None, None, *PEOPLE]),
        other=st.booleans(),
    )
    def again(self, case: Case, number: int, who: str | None, *, other: bool) -> None:
        """Use a key once more."""
        memory = list(case.memories.values())[number % len(case.memories)]
        given = replace(memory.given, expected_version=99) if other else memory.given
        self.world.make(case, PEOPLE[who] if who else memory.viewer, given)

    @rule(hours=st.sampled_from([1, 5, 5, 24, 24, 49, 72, 24 * 9, 24 * 20]), swept=st.booleans())
    def wait(self, hours: int, swept: bool) -> None:  # noqa: FBT001 - drawn
        self.world.now += timedelta(hours=hours)
        if swept:
            self.world.sweep()

    def teardown(self) -> None:
        if self.world.whole:
            self.world.close()
            self.tally.update({name.value: count for name, count in self.world.done.items()})
            self.tally["ALERT_RAISED"] += self.world.noticed
            self.tally.update(code for _, code in self.world.refused.elements())


def _attempt(name: MoveName) -> Callable[..., None]:
    """Make the rule that attempts a move, mostly on a dossier in a state that allows it."""
    suited = Province.dossiers.filter(lambda case: case.state in FROM[name])

    def attempt(self: Province, case: Case, how: How) -> None:
        self.world.make(case, *attempted(self.world, case, name, how))

    attempt.__name__ = name.value
    made: Callable[..., None] = rule(case=st.one_of(suited, suited, Province.dossiers), how=HOWS)(attempt)
    return precondition(lambda self: self.worth(name))(made)


for _name in FROM:
    setattr(Province, _name.name.lower(), _attempt(_name))


# A walk that makes every move, in order.

ALL_DAY = 24 * HOUR
SWEEP = timedelta(0)
SCRIPT: list[tuple[MoveName, How, str] | timedelta] = [
    (M.RECEIVE, How("stranger"), "NOT_FOUND"), (M.RECEIVE, How("branch"), "NOT_YOUR_MOVE"), (M.RECEIVE, How(flaw=0), "INCOMPLETE"),
    (M.ASSIGN, How(), "STATE"), (M.RECEIVE, How(version=1), "CONFLICT"), (M.RECEIVE, How(version=0, when="earlier"), DONE),
    (M.ACKNOWLEDGE, How("head"), "ALERT_CLOSED"), HOUR,
    (M.ASSIGN, How(flaw=2), "EMPTY"), (M.ASSIGN, How(variant=0), DONE), (M.ASSIGN, How("lead"), "NOT_YOUR_MOVE"),
    (M.ASSIGN, How("pretender"), "NOT_YOUR_MOVE"), (M.ASSIGN, How(variant=5), DONE), (M.ASSIGN, How("beside"), "NOT_YOUR_MOVE"),
    (M.DECIDE, How(), "OPINION_MISSING"),
    (M.GIVE_OPINION, How("lead"), "NOT_YOUR_MOVE"), (M.GIVE_OPINION, How(), DONE), (M.COMPLETE_STEP, How(flaw=1), "STEP_ORDER"),
    (M.COMPLETE_STEP, How(), DONE),
    (M.CLEAR_BLOCKER, How(), "UNKNOWN_BLOCKER"), (M.RAISE_BLOCKER, How("supervisor", variant=1), DONE), HOUR,
    (M.RAISE_BLOCKER, How("head"), DONE), (M.EXTEND, How(flaw=1), "EXTENSION_LIMIT"), (M.EXTEND, How("lead"), "NOT_YOUR_MOVE"),
    (M.EXTEND, How(variant=1), DONE), (M.EXTEND, How(), "EXTENSION_LIMIT"), HOUR, (M.CLEAR_BLOCKER, How(), DONE),
    (M.CLEAR_BLOCKER, How("supervisor"), DONE), (M.REQUIRE_PAYMENT, How(flaw=0), "UNKNOWN_FEE"), (M.REQUIRE_PAYMENT, How(), DONE), HOUR,
    (M.RECORD_PAYMENT, How("lead"), "NOT_YOUR_MOVE"), (M.RECORD_PAYMENT, How(), DONE), (M.REQUIRE_PAYMENT, How(), "UNKNOWN_FEE"),
    ALL_DAY, (M.REQUEST_SUPPLEMENT, How("lead"), DONE), 3 * ALL_DAY, (M.DECIDE, How(), "STATE"),
    (M.SUPPLY, How(flaw=0), "INCOMPLETE"), (M.SUPPLY, How(), DONE), (M.REQUEST_SUPPLEMENT, How("lead"), "ONCE_PER_STAGE"),
    (M.REQUEST_SUPPLEMENT, How("head"), DONE), ALL_DAY, (M.SUPPLY, How("desk"), DONE), HOUR, (M.RETURN, How("lead"), DONE),
    (M.COMPLETE_STEP, How("lead"), "NOT_YOUR_MOVE"), HOUR, (M.ASSIGN, How("second head", variant=1), DONE), HOUR,
    (M.ASSIGN, How(variant=4), DONE), (M.ROTATE, How("desk"), DONE), 40 * ALL_DAY, SWEEP,
    (M.ACKNOWLEDGE, How("applicant"), "NOT_YOUR_MOVE"), (M.ACKNOWLEDGE, How("supervisor", flaw=2), "EMPTY"),
    (M.ACKNOWLEDGE, How("colleague"), DONE), (M.ACKNOWLEDGE, How("head"), DONE), (M.ACKNOWLEDGE, How("desk"), DONE),
    (M.ACKNOWLEDGE, How("supervisor"), DONE), (M.ACKNOWLEDGE, How("supervisor", flaw=0), "UNKNOWN_ALERT"),
    (M.REQUEST_SUPPLEMENT, How("head"), "AFTER_DUE"),
    (M.APOLOGISE, How(flaw=0), "DUE_BEFORE_START"), (M.APOLOGISE, How(), DONE), (M.APOLOGISE, How(), "ALREADY_APOLOGISED"),
    (M.DECIDE, How("colleague"), "OPINION_MISSING"), (M.DECIDE, How("colleague", variant=1), DONE), (M.STOP, How(), "STATE"),
    (M.DELIVER, How("desk"), "NOT_YOUR_MOVE"), (M.DELIVER, How(when="before"), "BEFORE_LAST_MOVE"), (M.DELIVER, How(), DONE),
    (M.RATE, How(flaw=0), "BAD_SCORE"), (M.RATE, How(), DONE), (M.RATE, How(), "ALREADY_RATED"), ALL_DAY,
    (M.ERASE, How("desk"), "NOT_YOUR_MOVE"), (M.REOPEN, How(), DONE), (M.ERASE, How("head"), "STATE"), (M.DECIDE, How("head"), DONE),
    # Each at one instant, and due at one: a clock of its own all the same.
    (M.REOPEN, How(when="ahead"), DONE), (M.DECIDE, How("head"), DONE), (M.REOPEN, How(), DONE), (M.DECIDE, How("head"), DONE),
]  # fmt: skip


def walked(world: World) -> None:
    """Walk the script, send its last request twice, and end three dossiers more in the other ways."""
    case = world.submit(PEOPLE["applicant"], replace(SUBMISSION, channel=Channel.COUNTER, delivery_point=BRANCH))
    world.submit_again(0, other=False)
    world.submit_again(0, other=True)
    for line in SCRIPT:
        if isinstance(line, timedelta):
            world.now += line
            if line == SWEEP:
                world.sweep()
            continue
        name, how, wanted = line
        assert world.make(case, *attempted(world, case, name, how)) == wanted, line
    last = list(case.memories.values())[-1]
    assert world.make(case, last.viewer, last.given) == REPEATED
    assert world.make(case, last.viewer, replace(last.given, reason="khác")) == "IDEMPOTENCY_KEY_REUSED"
    left_alone(world)
    for name in (M.REFUSE, M.WITHDRAW, M.STOP):
        other = world.submit(PEOPLE["desk for him"], SUBMISSION)
        for step in (M.RECEIVE, M.ASSIGN)[: {M.REFUSE: 0, M.WITHDRAW: 1, M.STOP: 2}[name]]:
            assert world.make(other, *attempted(world, other, step, How())) == DONE
        assert world.make(other, *attempted(world, other, name, How())) == DONE
        erased(world, other, "head" if name is M.STOP else "supervisor")
    whole = world.submit(PEOPLE["applicant"], SUBMISSION)
    for name in (M.RECEIVE, M.ASSIGN, M.DECIDE, M.DELIVER):
        assert world.make(whole, *attempted(world, whole, name, How())) == DONE
    erased(world, whole, "head")
    for name, wanted in ((M.REOPEN, "ERASED"), (M.RATE, DONE)):
        assert world.make(whole, *attempted(world, whole, name, How())) == wanted
    world.close()


def erased(world: World, case: Case, who: str) -> None:
    """Erase its applicant, who may then still act, and is named no more."""
    walk = [(M.ROTATE, "applicant", DONE), (M.ERASE, "applicant", "NOT_YOUR_MOVE"), (M.ERASE, who, DONE), (M.ERASE, who, "ERASED"),
            (M.ROTATE, "applicant", DONE), (M.ROTATE, "desk for him", DONE)]  # fmt: skip
    for name, maker, wanted in walk:
        assert world.make(case, *attempted(world, case, name, How(maker))) == wanted, name


WAITING: list[tuple[MoveName, How] | timedelta] = [
    (M.RECEIVE, How()), (M.ASSIGN, How()), (M.ASSIGN, How(variant=5)), 2 * ALL_DAY, (M.REQUEST_SUPPLEMENT, How("lead")), 4 * ALL_DAY,
    (M.RAISE_BLOCKER, How("head", variant=1)), 9 * ALL_DAY, (M.SUPPLY, How()), ALL_DAY, (M.CLEAR_BLOCKER, How("head")), ALL_DAY,
    (M.REQUIRE_PAYMENT, How()), 4 * ALL_DAY, (M.RECORD_PAYMENT, How()), (M.COMPLETE_STEP, How()), ALL_DAY,
    (M.EXTEND, How(variant=1)), ALL_DAY, (M.EXTEND, How(variant=1)), ALL_DAY, (M.RETURN, How("lead")), 9 * ALL_DAY,
    (M.ASSIGN, How(variant=1)), 20 * ALL_DAY, (M.DECIDE, How(variant=1)), ALL_DAY, (M.REOPEN, How()), 60 * ALL_DAY,
]  # fmt: skip


def left_alone(world: World) -> None:
    """Let a dossier lie again and again until levels of each kind of deadline were raised."""
    case = world.submit(PEOPLE["applicant"], replace(SUBMISSION, procedure=TIMED))
    for line in WAITING:
        if isinstance(line, timedelta):
            world.now += line
            world.sweep()
            continue
        name, how = line
        assert world.make(case, *attempted(world, case, name, how)) == DONE, line
    assert {rung.key[0] for rung in world.watches[case.id].raised} == {"DOSSIER", "STEP", "COORDINATION", "SUPPLEMENT", "PAYMENT"}


def test_after_any_walk_all_is_as_the_model_says(services: Services) -> None:
    number = int(os.environ.get("GIAMSAT_MACHINE_SEED") or secrets.randbits(32))
    print(f"GIAMSAT_MACHINE_SEED={number}")  # noqa: T201 - shown when the test fails
    tally: Counter[str] = Counter()
    often = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None, print_blob=True, report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip

    @seed(number)
    def province() -> Province:
        return Province(services, tally)

    run_state_machine_as_test(province, settings=often)  # type: ignore[arg-type] # its documentation says: a class or a function
    world = World.over(services, STARTS[0])
    walked(world)  # A walk of chance may miss a move; this one makes each.
    tally.update({name.value: count for name, count in world.done.items()})
    print(dict(tally))  # noqa: T201 - as above
    assert {"ALERT_RAISED", *(name.value for name in MoveName)} <= tally.keys()


# What the checker is worth: each of these faults makes it complain.


def row(name: MoveName, change: Callable[[Dossier, Dossier, datetime], Dossier]) -> Callable[[pytest.MonkeyPatch], None]:
    """Make a move do something else: `change` gets the record before and after it."""
    made = MOVES[name].made

    def wrong(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
        return change(dossier, made(dossier, move, at, setting), at)

    return lambda patch: patch.setitem(MOVES, name, replace(MOVES[name], made=wrong))


def put(name: str, wrong: object) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(name, wrong)


def gapped(dossier: Dossier, name: MoveName, following: Interval, at: datetime) -> Dossier:
    return SWITCHED(dossier, name, replace(following, from_at=at + SECOND), at)


def left_open(dossier: Dossier, at: datetime) -> Dossier:
    return replace(CLOSED(dossier, at), intervals=dossier.intervals)


def earlier(dossier: Dossier, setting: Setting, **more: Any) -> Reckoning:  # noqa: ANN401 - as it is
    found: Reckoning = CLOCK_OF(dossier, setting, **more)
    return replace(found, due_at=found.due_at - DAY) if len(dossier.supplements) > 1 else found


def unpaused(reckoning: Reckoning, *more: Any) -> alert.Levels:  # noqa: ANN401 - as it is
    return LEVELS(replace(reckoning, paused=False), *more)


def shifted(by: timedelta) -> Callable[[Dossier, Setting, datetime], Dossier | None]:
    return lambda dossier, setting, now: RAISED(dossier, setting, now + by)


SWITCHED, CLOSED, CLOCK_OF, CHANGED, LEVELS = intervals.switched, ending._closed, course.clock_of, chain.changed, alert.levels
RAISED = raising.raised


def again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    put("casework.model.raising.next_level", lambda levels, *_: next(iter(levels), None))(monkeypatch)
    put("casework.noticing.MOST_AT_ONCE", 2)(monkeypatch)


FAULTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "a return ends the lead": (
        row(M.RETURN, lambda old, new, at: replace(new, assignments=tuple(replace(a, ended_at=at) for a in new.assignments))), "leads now"),
    "a new lead stands beside the old one": (
        row(M.ASSIGN, lambda old, new, at: replace(new, assignments=(*old.assignments, new.assignments[-1]))), "leads now"),
    "the first assignment names none": (row(M.ASSIGN, lambda old, new, at: replace(new, assignments=old.assignments)), "leads now"),
    "an end leaves the interval open": (put("casework.model.ending._closed", left_open), "tiles end"),
    "intervals have a gap": (put("casework.model.handling.switched", gapped), "tiles adjoin"),
    "a reopening edits the old clock": (
        row(M.REOPEN, lambda old, new, at: replace(new, intervals=(replace(new.intervals[0], cause="X"), *new.intervals[1:]))),
        "kept intervals.1"),
    "a pause makes it due earlier": (put("casework.model.dossier.clock_of", earlier), "the due date"),
    "an officer assigns": (
        lambda patch: patch.setitem(MOVES, M.ASSIGN, replace(MOVES[M.ASSIGN], makers=MOVES[M.ASSIGN].makers | {Relation.COORDINATING})),
        "next_moves of assignDossier"),
    "what may be done next is not asked of the table": (put("casework.model.next_moves.permitted", lambda *_: None), "next_moves of"),
    "no opinion is waited for": (
        lambda patch: patch.setitem(MOVES, M.DECIDE, replace(MOVES[M.DECIDE], guard=lambda *_: None)), "next_moves of decideDossier"),
    "no level is ahead": (put("casework.actions.dossiers.next_alert", lambda *_: None), "whether a level is ahead"),
    "a step has no deadline": (put("casework.model.deadlines._of_step", lambda *_: ()), "armings"),
    "an applicant has all the time in the world": (put("casework.model.deadlines._of_applicant", lambda *_: ()), "armings"),
    "a clock that stands is looked at": (put("casework.model.raising.levels", unpaused), "a level is ahead|due row"),
    "a level is raised again and again": (
        again_and_again, "what was raised|the entry|as many"),
    "another date opens no arming": (put("casework.model.raising._arming", lambda *_: 1), "due row|what was raised"),
    "what was near stays open": (put("casework.model.raising.PASSING", frozenset()), "alerts"),
    "the next lead is told nothing": (put("casework.model.raising._keeper", lambda *_: "01-XD-1"), "alerts|what was raised"),
    "a sweep notices what is not there yet": (put("casework.noticing.raised", shifted(DAY)), "what was raised|the entry"),
    "a sweep overlooks what is reached": (put("casework.noticing.raised", lambda *_: None), "all that was reached|the entry"),
    "the old due row stays": (put("pynamodb.transactions.TransactWrite.delete", lambda *_, **__: None), "due rows"),
    "an entry leaves a change out": (
        put("casework.audit.chain.changed", lambda *states: [one for one in CHANGED(*states) if "version" not in str(one)]), "commitment"),
    "no request is remembered": (put("casework.commits.REMEMBERED", timedelta(0)), "a repeated submission|outcome of"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_makes_the_checker_complain(fault: str, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    patch, complaint = FAULTS[fault]
    patch(monkeypatch)
    with pytest.raises(AssertionError, match=complaint):
        walked(World.over(services, STARTS[0]))


def test_a_refusal_that_changes_something_makes_the_checker_complain(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def remembered(scopes: list[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        held = services.store.held(scopes[0][0])  # type: ignore[arg-type] # a dossier's id
        if held and held.due:
            DueItem(*held.due.place).delete()
        return {}

    monkeypatch.setattr(services.store, "remembered", remembered)
    with pytest.raises(AssertionError, match=r"what .* changed"):
        walked(World.over(services, STARTS[0]))
