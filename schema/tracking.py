"""Public tracking: what a dossier's code and tracking secret show together. A code alone shows nothing; neither does a wrong secret."""

import strawberry

from casework.model.record import State
from casework.ports import Held
from casework.views import setting, tracked
from schema.context import Context, Info, context_of
from schema.deadline import Clock, dossier_clock
from schema.unit import ReceptionPoint, Unit, point_of, unit_of


@strawberry.type(description="What a dossier's code and tracking secret show: no names.")
class TrackedDossier:
    """A dossier for the bearer of its secret."""

    held: strawberry.Private[Held]
    code: str = strawberry.field(description="Its code.")
    state: State = strawberry.field(description="Where it stands.")

    @strawberry.field(description="The competent unit.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.held.dossier.unit)

    @strawberry.field(description="Where it came in.")
    def reception_point(self, info: Info) -> ReceptionPoint | None:
        """Find the point."""
        return point_of(info, self.held.dossier.reception_point)

    @strawberry.field(description="The statutory clock; null until received. Its intervals name no officer.")
    def clock(self, info: Info) -> Clock | None:
        """Compute the clock."""
        services = context_of(info).services
        return dossier_clock(self.held.dossier, setting(services, self.held.dossier), services.now(), anonymous=True)


def tracked_shown(held: Held) -> TrackedDossier:
    """Show a dossier to the bearer of its secret."""
    return TrackedDossier(held=held, code=held.dossier.code, state=held.dossier.state)


def tracked_of(context: Context, code: str, secret: str) -> TrackedDossier | None:
    """Find a dossier by code and secret; none for ADMIN. An unknown code costs the same reads as a wrong secret, and is answered alike."""
    found = tracked(context.services, context.subject(code), secret, context.viewer)
    return tracked_shown(found[0]) if found else None
