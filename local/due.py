"""`giamsat due`: when a dossier received at an instant would be due, and why, line by line, for whoever checks it on a wall calendar."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import get_args

from casework.actions.dossiers import in_force
from casework.model.clock import Course, Reckoning, reckoned
from casework.model.limit import LimitUnit
from casework.model.procedure import ProcedureVersion
from casework.model.wording import ZONE, Lang, instant_said
from casework.model.workdays import legal_day
from casework.ports import Services, Span
from local.faults import LocalError

LANGUAGES: tuple[Lang, ...] = get_args(Lang)
Plain = dict[str, object]


@dataclass(frozen=True, slots=True)
class Due:
    """A due date with the version of the procedure that it follows from."""

    version: ProcedureVersion
    reckoning: Reckoning


def due(services: Services, procedure: str, received_at: datetime) -> Due:
    """Compute when a dossier of that procedure, received then, would be due.

    Raises:
        LocalError: no such procedure, or one whose due dates are taken from elsewhere.
        Invalid: it is not in force on that legal day.
        ClockInput: the clock knows no such day.
    """
    on = legal_day(received_at)
    if not services.store.versions(procedure):
        empty = "" if services.store.procedures(None, None, Span(1)) else "; the store holds none yet: `giamsat seed` loads the register"
        raise LocalError(f"there is no procedure {procedure!r}{empty}")
    version = in_force(services, procedure, on)
    if version.limit.unit is LimitUnit.FIXED_DATE:
        raise LocalError(f"{procedure} takes each due date from its log as it stands there: there is none to compute")
    return Due(version, reckoned(version.rule, Course(received_at), services.store.calendar()))


def told(found: Due, lang: Lang) -> Iterator[str]:
    """Say it in lines: the due date in Viet Nam's time, then each line of its derivation."""
    local = found.reckoning.due_at.astimezone(ZONE)
    yield f"{instant_said(local, lang)} ({local.isoformat()})"
    yield from (reason.text(lang) for reason in found.reckoning.reasons)


def plain(found: Due, lang: Lang) -> Plain:
    """Give it as JSON has it; days are legal days, instants are in Viet Nam's time."""
    version, reckoning = found.version, found.reckoning
    return {
        "procedure": version.code,
        "version": version.version,
        "limit": {"unit": version.limit.unit, "amount": version.limit.amount},
        "received_at": reckoning.received_at.astimezone(ZONE).isoformat(),
        "due_at": reckoning.due_at.astimezone(ZONE).isoformat(),
        "calendar_version": reckoning.calendar_version,
        "reasons": [
            {
                "kind": reason.kind,
                "on": _day(reason.on),
                "from": _day(reason.from_on),
                "to": _day(reason.to_on),
                "text": reason.text(lang),
                "legal_basis": reason.legal_basis,
            }
            for reason in reckoning.reasons
        ],
    }


def _day(on: date | None) -> str | None:
    return on.isoformat() if on else None
