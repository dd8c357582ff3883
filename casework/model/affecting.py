"""What an incident does to a dossier that nobody moves: it begins to carry it, or is rid of it, and its clock is computed anew.

Pure. A dossier that is taken in or reopened while an incident is open carries it by that move (`handling`, `ending`).
"""

from datetime import datetime

from casework.model.dossier import amended, timed
from casework.model.intervals import burdened, relieved
from casework.model.moves import Setting
from casework.model.record import Dossier, State
from casework.model.unit import Ongoing


def carries(dossier: Dossier, incident: str) -> bool:
    """Whether it carries that incident still."""
    return any(blocker.incident == incident and blocker.stands for blocker in dossier.blockers)


def affected(dossier: Dossier, incident: Ongoing, setting: Setting) -> tuple[Dossier, datetime] | None:
    """Let it carry an incident: the next record, and from when on; None if it does, or was not taken in, or has ended."""
    if not dossier.open or dossier.state is State.SUBMITTED or carries(dossier, incident.incident):
        return None
    at = max(incident.opened_at, dossier.last_at)
    return timed(burdened(amended(dossier, at, setting), incident, at), at, setting), at


def freed(dossier: Dossier, incident: str, closed_at: datetime, setting: Setting) -> tuple[Dossier, datetime] | None:
    """Rid it of an incident: the next record, and from when on; None if it does not carry it, or has ended."""
    if not dossier.open or not carries(dossier, incident):
        return None
    began = max(blocker.at for blocker in dossier.blockers if blocker.incident == incident)
    at = max(closed_at, dossier.last_at, began)
    return timed(relieved(amended(dossier, at, setting), {incident}, at), at, setting), at
