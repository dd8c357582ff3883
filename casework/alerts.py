"""Lists of alerts: which index serves whom, and a page of them in the order in which they were noticed. Nothing is ever scanned.

Who may list what is decided in `lists`. A row leads to its dossier, which is read consistently: what is shown is the alert as it stands
there, so that an acknowledgement which the index does not show yet is seen all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from casework.lists import LEAST_LOOKED, Filter, Page, gone_through, own, stems
from casework.model.access import sees_alert
from casework.model.alert import Alert, AlertLevel
from casework.model.errors import Invalid
from casework.model.parties import Role, Viewer
from casework.ports import Noticed, Partition, Services, Span
from casework.views import View, confirmed_viewer, decided

SERVED = "unit, with any of minLevel and open"
SIDES = {None: ("OPEN", "PAST"), True: ("OPEN",), False: ("PAST",)}


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert, and the dossier that it is of as this viewer sees it."""

    view: View
    alert: Alert


def alerts(
    services: Services, viewer: Viewer, span: Span, *, unit: str | None = None, least: AlertLevel | None = None, stands: bool | None = None
) -> Page[AlertView]:
    """Read a page of the alerts of a unit and all below it, or of the viewer's own; a head's are those of his unit.

    `stands`: whether it is open still. What the viewer may not list is empty.

    Raises:
        Invalid: no index serves that.
    """
    viewer = confirmed_viewer(services, viewer)
    partitions = [Partition(stem.index, f"{stem.key}#{side}") for stem in _stems(services, viewer, unit) for side in SIDES[stands]]
    if not partitions:
        return Page((), more=False, looked=None)

    def seen(rows: list[tuple[str, Noticed]]) -> Iterator[tuple[str, AlertView]]:
        # By place: while an alert moves from the open half to the other, an index may show it in both.
        high = {place: row for place, row in rows if least is None or row.alert.level.rank >= least.rank}
        held = services.store.held_all([row.subject for row in high.values()])
        views = {id_: View(one, decided(services, viewer, one)) for id_, one in held.items()}
        for place, row in high.items():
            view = views[row.subject]
            alert = view.held.dossier.alerts[row.alert.number - 1]
            if stands in {None, alert.open} and view.decision.sees and sees_alert(view.decision, alert):
                yield place, AlertView(view, alert)

    return gone_through(lambda part: services.store.alerts(partitions, part), seen, span, 0 if least is None else LEAST_LOOKED)


def _stems(services: Services, viewer: Viewer, unit: str | None) -> Iterator[Partition]:
    if viewer.role is Role.CITIZEN:
        return
    # The units below a head's have heads of their own, and he sees nothing of them.
    whose = own(viewer, Filter()) if unit is None else Filter(unit=unit, include_below=viewer.role is not Role.HEAD)
    if whose is None:
        raise Invalid(f"say whose alerts: an index serves {SERVED}", path=("unit",), code="NO_INDEX")
    yield from stems(services, viewer, whose, ("unit",))
