"""The second Store: in memory, with faults by a seed. It shows what the embedded engine cannot; one suite holds both to the same behaviour.

    store = SimulatedStore(clock, seed, Faults(lagging=0.5, lost=0.1))
    store.faults = Faults(crash_at=7)   # other faults from here on
    store.engine.meanwhile = step       # what others do between two reads of a call, where `interleaved` says so

It keeps rows as the engine would, in the forms of `casework.adapters.dynamo.items`, and builds every record anew on each read. It has no
tables on disk and no network, and it is no model of the engine's speed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tests.simulation.accesses import SimulatedAccesses
from tests.simulation.connections import SimulatedConnections
from tests.simulation.dossiers import SimulatedDossiers
from tests.simulation.due import SimulatedDue
from tests.simulation.engine import Engine
from tests.simulation.faults import Faults
from tests.simulation.log import SimulatedLog
from tests.simulation.register import SimulatedRegister
from tests.simulation.tables import Place, Row, Table, marshalled

NO_FAULTS = Faults()


class SimulatedStore(SimulatedDossiers, SimulatedAccesses, SimulatedDue, SimulatedRegister, SimulatedConnections, SimulatedLog):
    """`ports.Store` in memory."""

    def __init__(self, now: Callable[[], datetime], seed: int, faults: Faults = NO_FAULTS) -> None:
        """Start empty; `now` is the clock that indexes lag by, and `seed` repeats a run."""
        self.engine = Engine(now, seed, faults)
        SimulatedDossiers.__init__(self, self.engine)
        SimulatedAccesses.__init__(self, self.engine)
        SimulatedDue.__init__(self, self.engine)
        SimulatedRegister.__init__(self, self.engine)
        SimulatedConnections.__init__(self, self.engine)
        SimulatedLog.__init__(self, self.engine)

    @property
    def faults(self) -> Faults:
        """What may go wrong from now on."""
        return self.engine.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.engine.faults = faults

    @property
    def due_rows(self) -> Mapping[Place, Row]:
        """The due table, by bucket and moment."""
        return self.engine.due

    def scanned(self) -> dict[str, list[dict[str, Any]]]:
        """Give every item of the tables that prove something, as a scan of the engine has them."""
        names = ("trail", "subjects", "disclosures", "due", "alerts", "log", "accesses")
        tables: dict[str, Table] = {name: getattr(self.engine, name) for name in names}
        with self.engine.lock:
            return {name: [marshalled(row) for row in table.values()] for name, table in tables.items()}
