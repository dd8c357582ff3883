"""The stories that demonstration dossiers live through: who does what, and how long after what came before.

Deterministic: a story follows from its number and the seed, its times from the day on which the demonstration began. It makes no move
itself: `demo` does, through the service's own verbs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from casework.actions.dossiers import Making, Person, Submission
from casework.audit.disclosure import Envelope
from casework.model import moves
from casework.model.alert import AlertLevel, level_at
from casework.model.clock import Course, reckoned
from casework.model.laying import months_after
from casework.model.limit import Limit, LimitUnit
from casework.model.moves import MoveName
from casework.model.parties import Ref, Role, Viewer
from casework.model.procedure import Channel, DossierKind, ProcedureVersion
from casework.model.record import AssignmentRole, Document, Medium, Outcome, SupplementItem
from casework.model.unit import competent
from casework.model.workdays import FULL_DAY, OPENS, Calendar, at_time, legal_day
from casework.ports import Held, Services, Span

SEED = 2026
COUNT = 300
CITIZENS = 90
COMMUNES = 6  # of each province, those that have people in the register
PAGE = 100
PROVINCES = ("22", "22", "01", "48", "79")  # the sample province of the README twice as often
USUAL = frozenset({Channel.ONLINE, Channel.COUNTER, Channel.POST})
DEPARTMENTS = frozenset({"XD", "MT", "TC", "NV", "YT", "KH"})
FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ")
MIDDLE = ("Văn", "Thị", "Minh", "Thu", "Đức", "Ngọc", "Quang", "Thanh")
GIVEN = ("An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Hùng", "Lan", "Mai", "Nam", "Phúc", "Sơn", "Tâm", "Uyên", "Yến")
URGENT = frozenset({"at_risk", "overdue"})
SOON = frozenset({AlertLevel.AT_RISK, AlertLevel.DUE_TODAY})
PAST = frozenset({AlertLevel.OVERDUE, AlertLevel.ESCALATED})
MOST_ROLLED_DAYS = 10  # working days by which a limit may end later than it is long, by cut-off and rolling
EARLY_MINUTES = 180
DAY_HOURS = 8
SLOWEST_HOURS = 60  # what a story takes at the most from receipt to the last move that wants a clock in time: three steps and a request


@dataclass(frozen=True, slots=True)
class Act:
    """One move of a story: by whom, how long after the one before, and what it asks for."""

    name: MoveName
    maker: Viewer
    after: timedelta
    making: Making


@dataclass(frozen=True, slots=True)
class Story:
    """A dossier's life: how it is opened and by whom, how many working days ago (or hours, of a limit in hours), and what follows."""

    submitter: Viewer
    submission: Submission
    age_days: int
    acts: tuple[Act, ...]
    age_hours: float | None = None
    early: bool = False  # in the day, so that it is received before the cut-off


STARTED = frozenset({"stepping", "at_risk", "overdue", "paused", "paying", "paid", "extended", "apologised", "blocked"})  # one step is done

# What becomes of a dossier, and how many of a hundred; `story` writes each.
PLOTS: dict[str, int] = {
    "submitted": 6, "refused": 4, "received": 5, "assigned": 8, "stepping": 7, "at_risk": 8, "overdue": 8, "paused": 7, "resumed": 4,
    "coordinated": 5, "answered": 3, "returned": 4, "decided": 6, "delivered": 8, "rated": 4, "withdrawn": 3, "stopped": 2, "reopened": 2,
    "paying": 2, "paid": 1, "extended": 1, "apologised": 1, "blocked": 1,
}  # fmt: skip


def told(services: Services, number: int, began_at: datetime, seed: int = SEED) -> Story:
    """Tell story `number` of a demonstration that began at that instant."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - chance, not a secret
    plots = [plot for plot, weight in PLOTS.items() for _ in range(weight)]
    # Stepping through the plots by a number prime to a hundred brings each in its share, early as well as late.
    return _written(services, plots[number * 37 % len(plots)], number, began_at, chance)


def _written(services: Services, plot: str, number: int, began_at: datetime, chance: Random) -> Story:
    province = PROVINCES[number % len(PROVINCES)]
    version = _procedure(services, number, began_at)
    point, unit = _place(services, province, version, chance)
    head, officer, colleague = _people(unit, chance)
    citizen = Viewer(Role.CITIZEN, f"citizen-{1 + number % CITIZENS}")
    channel = chance.choice([channel for channel in version.channels if channel in USUAL])
    clerk = Viewer(Role.RECEPTION, f"{point}-1", (point,))
    fetched = point if chance.random() < 0.8 else f"{province}-MC"  # noqa: PLR2004 - one in five fetches it elsewhere
    submission = Submission(
        procedure=version.code,
        reception_point=point,
        channel=channel,
        applicant=Person(_name(chance), f"09{chance.randrange(10**8):08d}"),
        unit=unit,
        delivery_point=fetched,
        rehearsal=number % 25 == 0,
    )
    submitter = citizen if channel is Channel.ONLINE else Viewer(Role.RECEPTION, clerk.sub, (point,), on_behalf_of=citizen.sub)
    giver = Viewer(Role.RECEPTION, f"{fetched}-1", (fetched,))
    cast = _Cast(citizen, clerk, giver, head, officer, colleague, version, unit, chance)
    days, hours = _age(plot, version, began_at, services.store.calendar(), chance)
    return Story(submitter, submission, days, tuple(_acts(plot, cast)), hours, early=plot in URGENT)


def _age(plot: str, version: ProcedureVersion, began_at: datetime, calendar: Calendar, chance: Random) -> tuple[int, float | None]:
    """Say how many working days ago a dossier came in, or how many working hours, so that its clock stands now where the plot wants it."""
    if version.limit.unit is LimitUnit.WORKING_HOURS:
        return 0, _age_hours(plot, version.limit.amount or 0, chance)
    days = _limit_days(version.limit, legal_day(began_at), calendar)
    match plot:
        case "submitted":
            return 0, None
        case "received" | "refused":
            return chance.randint(0, 1), None
        case "at_risk":
            return chance.choice(_ages(SOON, version, began_at, calendar) or [days]), None
        case "overdue":
            first = min(_ages(PAST, version, began_at, calendar), default=days + 1)
            return first + chance.randint(1, 8), None
        case "decided" | "delivered" | "rated" | "reopened":
            return days + chance.randint(1, 25), None
    return chance.randint(1, max(days - 3, 1)), None


def _ages(wanted: frozenset[AlertLevel], version: ProcedureVersion, began_at: datetime, calendar: Calendar) -> list[int]:
    """Find the ages in working days at which a dossier that came in before the cut-off has one of these levels now."""
    today = legal_day(began_at)

    def level(age: int) -> AlertLevel | None:
        received_at = at_time(calendar.nth_after(today, -age), OPENS)
        return level_at(reckoned(version.rule, Course(received_at), calendar, told=False), calendar, began_at, version.thresholds)

    return [age for age in range(1, _limit_days(version.limit, today, calendar) + MOST_ROLLED_DAYS) if level(age) in wanted]


def _limit_days(limit: Limit, today: date, calendar: Calendar) -> int:
    """Count the working days of a limit that ends about today."""
    amount = limit.amount or 0
    match limit.unit:
        case LimitUnit.CALENDAR_DAYS:
            return calendar.counted(today - timedelta(amount), today)
        case LimitUnit.MONTHS:
            return calendar.counted(months_after(today, -amount), today)
    return amount


def _age_hours(plot: str, limit: int, chance: Random) -> float:
    """Say how many working hours ago a dossier came in whose limit is in hours."""
    match plot:
        case "overdue":
            return limit + DAY_HOURS * chance.randint(1, 6)
        case "decided" | "delivered" | "rated" | "reopened":
            return limit + DAY_HOURS * chance.randint(1, 25)
        case "submitted" | "received" | "refused":
            return limit * chance.uniform(0.1, 0.3)
        case _:
            return limit * chance.uniform(0.4, 0.7)


@dataclass(frozen=True, slots=True)
class _Cast:
    citizen: Viewer
    clerk: Viewer
    giver: Viewer
    head: Viewer
    officer: Viewer
    colleague: Viewer
    version: ProcedureVersion
    unit: str
    chance: Random

    def hours(self, least: float, most: float) -> timedelta:
        """Choose how long something takes; where the limit itself is in hours, all of it is done within the limit."""
        limit = self.version.limit
        pace = (limit.amount or 0) / SLOWEST_HOURS if limit.unit is LimitUnit.WORKING_HOURS else 1.0
        return timedelta(hours=self.chance.uniform(least, most)) * min(pace, 1.0)


def _acts(plot: str, cast: _Cast) -> Iterator[Act]:
    """Write the moves of a plot."""
    if plot == "submitted":
        return
    if plot == "refused":
        yield Act(MoveName.REFUSE, cast.clerk, cast.hours(0.3, 3), _refusing)
        return
    components = tuple(component.code for component in cast.version.components if component.mandatory)
    yield Act(MoveName.RECEIVE, cast.clerk, cast.hours(0.2, 2), lambda *_: moves.Receive(components))
    if plot == "received":
        return
    yield Act(MoveName.ASSIGN, cast.head, cast.hours(1, 6), _assigning(AssignmentRole.LEAD, cast.unit, cast.officer))
    if plot not in {"assigned", "returned", "withdrawn", "stopped"}:
        yield from _steps(cast, 1 if plot in STARTED else None)
    if plot in MIDDLES:
        yield from MIDDLES[plot](cast)
    yield from _end(plot, cast)


def _returned(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.RETURN, cast.officer, cast.hours(1, 5), _returning)


def _paused(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.REQUEST_SUPPLEMENT, cast.officer, cast.hours(1, 8), _requesting(cast.version.components[0].code))


def _resumed(cast: _Cast) -> Iterator[Act]:
    yield from _paused(cast)
    yield Act(MoveName.SUPPLY, cast.citizen, cast.hours(20, 40), _supplying)


def _coordinated(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.ASSIGN, cast.head, cast.hours(1, 4), _assigning(AssignmentRole.COORDINATING, cast.unit, cast.colleague))


def _answered(cast: _Cast) -> Iterator[Act]:
    yield from _coordinated(cast)
    yield Act(MoveName.GIVE_OPINION, cast.colleague, cast.hours(3, 20), _answering)


def _withdrawn(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.WITHDRAW, cast.citizen, cast.hours(2, 20), _withdrawing)


def _stopped(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.STOP, cast.head, cast.hours(5, 30), _stopping)


def _paying(cast: _Cast) -> Iterator[Act]:
    if cast.version.fees:
        fee = cast.version.fees[0].code
        yield Act(MoveName.REQUIRE_PAYMENT, cast.officer, cast.hours(1, 6), lambda *_: moves.RequirePayment(fee))


def _paid(cast: _Cast) -> Iterator[Act]:
    for act in _paying(cast):
        yield act
        yield Act(MoveName.RECORD_PAYMENT, cast.clerk, cast.hours(2, 10), _paying_in)


def _extended(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.EXTEND, cast.head, cast.hours(1, 3), _extending)


def _apologised(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.APOLOGISE, cast.head, cast.hours(1, 3), _apologising)


def _blocked(cast: _Cast) -> Iterator[Act]:
    yield Act(MoveName.RAISE_BLOCKER, cast.head, cast.hours(1, 6), _blocking)


MIDDLES: dict[str, Callable[[_Cast], Iterator[Act]]] = {
    "returned": _returned,
    "paused": _paused,
    "resumed": _resumed,
    "coordinated": _coordinated,
    "answered": _answered,
    "withdrawn": _withdrawn,
    "stopped": _stopped,
    "paying": _paying,
    "paid": _paid,
    "extended": _extended,
    "apologised": _apologised,
    "blocked": _blocked,
}


def _end(plot: str, cast: _Cast) -> Iterator[Act]:
    if plot not in {"decided", "delivered", "rated", "reopened"}:
        return
    outcome = Outcome.GRANTED if cast.chance.random() < 0.85 else Outcome.REJECTED  # noqa: PLR2004 - most are granted
    yield Act(MoveName.DECIDE, cast.officer, cast.hours(4, 60), _deciding(outcome))
    if plot == "decided":
        return
    yield Act(MoveName.DELIVER, cast.giver, cast.hours(2, 30), _delivering(cast.chance.choice(list(Medium))))
    if plot == "rated":
        yield Act(MoveName.RATE, cast.citizen, cast.hours(2, 30), _rating(cast.chance.randint(2, 5)))
    if plot == "reopened":
        yield Act(MoveName.REOPEN, cast.head, cast.hours(5, 30), _reopening)


def _steps(cast: _Cast, most: int | None) -> Iterator[Act]:
    for step in cast.version.steps[:most]:
        yield Act(MoveName.COMPLETE_STEP, cast.officer, cast.hours(2, 12), _completing(step.code, cast.unit, cast.officer.sub or ""))


def _refusing(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    return moves.Refuse(
        _said(envelope, "reason", "Không thuộc phạm vi tiếp nhận"), _said(envelope, "legal_basis", "61/2018/NĐ-CP, Điều 17")
    )


def _assigning(role: AssignmentRole, unit: str, officer: Viewer) -> Making:
    def make(held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
        return moves.Assign(
            role,
            unit,
            officer.sub,
            held.dossier.due_at,
            _said(envelope, "task", "Thẩm định hồ sơ" if role is AssignmentRole.LEAD else "Cho ý kiến chuyên môn"),
            _said(envelope, "responsibility", "Chịu trách nhiệm về kết quả thẩm định"),
            _said(envelope, "authority", "Trình ký kết quả"),
            _said(envelope, "expectedResult", "Kết quả giải quyết hoặc văn bản trả lời"),
        )

    return make


def _returning(held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    lead = held.dossier.lead
    return moves.Return(lead.number if lead else 0, _said(envelope, "reason", "Không đúng lĩnh vực được phân công"))


def _completing(step: str, unit: str, officer: str) -> Making:
    return lambda *_: moves.CompleteStep(step, unit, officer)


def _requesting(component: str) -> Making:
    def make(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
        return moves.RequestSupplement((SupplementItem(component, _said(envelope, "legal_basis", "61/2018/NĐ-CP, Điều 19")),))

    return make


def _supplying(held: Held, _viewer: Viewer, _envelope: Envelope) -> moves.Move:
    return moves.Supply(tuple(Document(item.component, digital=True) for item in held.dossier.supplements[-1].items))


def _answering(held: Held, viewer: Viewer, envelope: Envelope) -> moves.Move:
    (asked, *_) = held.dossier.coordinating()
    return moves.GiveOpinion(asked.unit, viewer.sub or "", asked.number, _said(envelope, "opinion", "Đồng ý với kết quả thẩm định"))


def _deciding(outcome: Outcome) -> Making:
    def make(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
        return moves.Decide(outcome, _said(envelope, "reason", "Đủ điều kiện" if outcome is Outcome.GRANTED else "Chưa đủ điều kiện"))

    return make


def _delivering(medium: Medium) -> Making:
    return lambda held, viewer, envelope: moves.Deliver(medium, _said(envelope, "reference", f"KQ/{held.dossier.code}"))


def _withdrawing(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    return moves.Withdraw(_said(envelope, "reason", "Không còn nhu cầu"))


def _stopping(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    reason = _said(envelope, "reason", "Không bổ sung hồ sơ trong thời hạn")
    return moves.Stop(reason, _said(envelope, "legal_basis", "61/2018/NĐ-CP, Điều 19"))


def _paying_in(held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    return moves.RecordPayment(_said(envelope, "reference", f"BL/{held.dossier.code}"), online=True)


def _extending(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    reason = _said(envelope, "reason", "Hồ sơ phức tạp, cần lấy thêm ý kiến chuyên môn")
    return moves.Extend(1, reason, _said(envelope, "notice", "Thông báo gia hạn"))


def _apologising(held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    promised = (held.dossier.due_at or held.dossier.submitted_at) + timedelta(days=30)
    return moves.Apologise(promised, _said(envelope, "letter", "Văn bản xin lỗi"))


def _blocking(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    reason = _said(envelope, "reason", "Cơ quan mới sáp nhập chưa có con dấu")
    return moves.RaiseBlocker(reason, stops_clock=True, legal_basis=_said(envelope, "legal_basis", "30/2020/NĐ-CP"))


def _reopening(_held: Held, _viewer: Viewer, envelope: Envelope) -> moves.Move:
    return moves.Reopen(_said(envelope, "reason", "Có tình tiết mới cần xem xét lại"))


def _rating(score: int) -> Making:
    return lambda held, viewer, envelope: moves.Rate(score)


def _said(envelope: Envelope, name: str, value: str) -> Ref:
    return envelope.enclosed(name, value)


def _procedure(services: Services, number: int, began_at: datetime) -> ProcedureVersion:
    """Choose a procedure in force, of each kind in turn but most often an administrative one."""
    kinds = [DossierKind.ADMINISTRATIVE] * 8 + [kind for kind in DossierKind if kind is not DossierKind.ADMINISTRATIVE]
    kind = kinds[number % len(kinds)]
    on = legal_day(began_at)
    found: list[ProcedureVersion] = []
    for code in _listed(services, kind):
        current = [version for version in services.store.versions(code) if version.in_force(on) and version.limit.amount]
        found.extend(
            v for v in current[-1:]
            if (v.department is None or v.department in DEPARTMENTS) and USUAL & {*v.channels} and v.components and v.steps
        )  # fmt: skip
    return found[number // len(kinds) % len(found)]


def _listed(services: Services, kind: DossierKind) -> Iterator[str]:
    """Give the codes of a kind's procedures, however many there are."""
    last: str | None = None
    while page := services.store.procedures(kind, None, Span(PAGE, low=last)):
        yield from page
        last = page[-1]


def _place(services: Services, province: str, version: ProcedureVersion, chance: Random) -> tuple[str, str]:
    """Choose where a dossier comes in, and name the unit that handles it."""
    communes = [unit.code for unit in services.store.units_below(province, Span(COMMUNES))]
    commune = chance.choice(communes)
    central = services.store.unit(province)
    assert central is not None, "the register has the province"
    unit = competent(version, central) or commune
    points = [f"{province}-MC", f"{province}-CN1", f"{province}-CN2", f"{commune}-MC", f"{commune}-BD"]
    weights = (5, 2, 1, 3, 1) if version.department else (1, 0, 0, 7, 2)
    return chance.choices(points, weights)[0], unit


def _people(unit: str, chance: Random) -> tuple[Viewer, Viewer, Viewer]:
    """Name the head, the lead officer and another one of a unit, as the register has them."""
    officers = [f"{unit}-1", f"{unit}-2"]
    if unit == "22-XD":
        officers = ["officer-1", *officers]  # whose token the README pastes
    lead, other = chance.sample(officers, 2)
    head = "head-1" if unit == "22-XD" else f"{unit}-H"
    return Viewer(Role.HEAD, head, (unit,)), Viewer(Role.OFFICER, lead, (unit,)), Viewer(Role.OFFICER, other, (unit,))


def _name(chance: Random) -> str:
    return " ".join(chance.choice(words) for words in (FAMILY, MIDDLE, GIVEN))


def laid(story: Story, began_at: datetime, calendar: Calendar, number: int) -> list[datetime]:
    """Lay a story over time: the instant of its submission and of each act, all before the demonstration began, in working hours or not."""
    last = began_at - timedelta(minutes=2)
    if story.age_hours is None:
        day = calendar.nth_after(legal_day(began_at), -story.age_days)
        start = at_time(day, OPENS) + timedelta(minutes=15 + number * 7 % (EARLY_MINUTES if story.early else 400))
        start = min(start, last - timedelta(minutes=30))
    else:
        start = _worked_before(last, timedelta(hours=story.age_hours), calendar)
    gaps = [act.after for act in story.acts]
    whole = sum(gaps, timedelta())
    room = last - start
    squeeze = min(1.0, room / whole) if whole else 1.0
    times, at = [start], start
    for gap in gaps:
        at += gap * squeeze
        times.append(at)
    return times


def _worked_before(at: datetime, worked: timedelta, calendar: Calendar) -> datetime:
    """Give the instant since which the offices have been open for so long."""
    day = calendar.nth_after(legal_day(at), -(worked // FULL_DAY) - 2)
    begun = at_time(day, OPENS)
    return calendar.opened_after(begun, calendar.opened(begun, at) - worked)
