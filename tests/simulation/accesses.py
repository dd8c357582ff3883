"""The second store's accesses. What an item holds is laid out where the first store has it laid out."""

from datetime import datetime

from casework.adapters.dynamo import items
from casework.audit.chain import Tip
from casework.ports import Accessed, Raced, Repeat, Seen
from tests.simulation.engine import Engine
from tests.simulation.tables import Row, laid_out
from tests.simulation.writes import Cancelled, Reason, absent, put


class SimulatedAccesses:
    """The part of the store that holds accesses."""

    def __init__(self, engine: Engine) -> None:
        """Share the store's engine."""
        self._engine = engine

    def access(self, access: Accessed, tip: Tip, repeat: Repeat | None, now: datetime) -> None:
        """See `ports.Accesses`."""
        engine = self._engine

        def free(row: Row | None) -> bool:
            return row is None or ("expires_at" in row and row["expires_at"] <= int(now.timestamp()))

        memory = [put(engine.subjects, laid_out(items.repeat_item(repeat, access.entry.body["province"])), free)] if repeat else []
        try:
            with engine.lock:
                engine.transact(
                    *memory,
                    put(engine.accesses, laid_out(items.access_item(access)), absent),
                    put(engine.log, laid_out(items.access_marker_item(access, tip))),
                )
        except Cancelled as cancelled:
            raise (Seen if repeat and cancelled.reasons[0] is Reason.CONDITION else Raced) from cancelled

    def accesses(self, subject: str, after: int, limit: int, *, backwards: bool = False, before: int | None = None) -> list[Accessed]:
        """See `ports.Accesses`."""
        last = before - 1 if before is not None else items.LAST_SEQ
        if last <= after:
            return []
        low, high = items.seq_key(after + 1), items.seq_key(last)
        with self._engine.lock:
            rows = self._engine.query(self._engine.accesses, subject, low, high, most=limit, backwards=backwards)
        return [items.accessed(row["line"], row.get("disclosures")) for row in rows]
