"""The clock of a dossier: what has happened to it, held against its version and a calendar.

Pure. The arithmetic stands in `clock`; which other deadlines a dossier has in `deadlines`.
"""

from casework.model.clock import Amendment, Course, Reckoning, reckoned
from casework.model.errors import Invalid
from casework.model.laying import Extension, Pause
from casework.model.moves import Setting
from casework.model.record import Dossier, IntervalKind
from casework.model.workdays import legal_day


def clock_of(dossier: Dossier, setting: Setting, *, told: bool = True) -> Reckoning:
    """Compute the clock of a received dossier, with its derivation unless not `told`; of a reopened one, that of its last reopening."""
    if dossier.started_at is None:
        raise Invalid("the clock starts when the dossier is received", code="NOT_RECEIVED")
    # The end of a dossier is no resume: one that ended in a pause has its date as it stood then.
    last = dossier.current[-1:] if dossier.ended_at or dossier.decided_at else ()
    pauses = tuple(Pause(i.from_at, None if i in last else i.to_at) for i in dossier.current if i.kind is IntervalKind.PAUSED)
    longer = tuple(Extension(one.at, one.amount) for one in dossier.extended)
    moved = tuple(
        Amendment(legal_day(one.at), legal_day(one.from_due_at), legal_day(one.to_due_at), ", ".join(one.documents))
        for one in dossier.amended
    )
    course = Course(dossier.started_at, pauses, longer, dossier.fixed_due_at, moved, anew=bool(dossier.reopenings))
    return reckoned(setting.procedure.rule, course, setting.calendar, told=told)
