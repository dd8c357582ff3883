"""The second store's due table, and the sweep's watermark."""

from datetime import datetime

from casework.adapters.dynamo import items
from casework.adapters.dynamo.connections import NOWHERE
from casework.adapters.dynamo.forms import FORMS
from casework.ports import DueKey
from tests.simulation.engine import Engine
from tests.simulation.tables import Row
from tests.simulation.writes import Cancelled, check, delete, put, update


class SimulatedDue:
    """The part of the store that holds what is due."""

    def __init__(self, engine: Engine) -> None:
        """Share the store's engine."""
        self._engine = engine

    def due(self, bucket: str, upto: datetime, count: int, after: str | None = None) -> list[DueKey]:
        """See `ports.Due`."""
        with self._engine.lock:
            rows = self._engine.query(self._engine.due, bucket, f"{after}\0" if after else "", items.last_of(upto), most=count)
        return [DueKey(row["bucket"], row["moment"], row["level"]) for row in rows]

    def strike(self, row: DueKey) -> None:
        """See `ports.Due`."""

        def unnamed(state: Row | None) -> bool:
            return state is None or (state.get("due_bucket"), state.get("due_moment")) != row.place

        with self._engine.lock:
            try:
                self._engine.transact(
                    check(self._engine.subjects, (row.subject, items.STATE), unnamed), delete(self._engine.due, row.place)
                )
            except Cancelled:
                return

    def swept(self) -> str | None:
        """See `ports.Due`."""
        with self._engine.lock:
            row = self._engine.get(self._engine.live, items.SWEPT)
        return str(row["body"]) if row else None

    def stuck(self) -> list[str]:
        """See `ports.Due`."""
        with self._engine.lock:
            rows = self._engine.query(self._engine.live, items.SWEPT[0], "", items.SWEPT[1], most=items.MOST_STUCK + 1)
        return [row["sk"] for row in rows if row["sk"] != items.SWEPT[1]]

    def keep_stuck(self, hour: str, *, stuck: bool) -> None:
        """See `ports.Due`."""
        place = (items.SWEPT[0], hour)
        row: Row = {"pk": items.SWEPT[0], "sk": hour, "v": FORMS["live"].writes, "province": NOWHERE}
        with self._engine.lock:
            self._engine.write(put(self._engine.live, row) if stuck else delete(self._engine.live, place))

    def keep_swept(self, hour: str) -> None:
        """See `ports.Due`."""

        def later(row: Row | None) -> bool:
            return row is None or row["body"] < hour

        sets = {"body": hour, "v": FORMS["live"].writes, "province": NOWHERE}
        with self._engine.lock:
            try:
                self._engine.write(update(self._engine.live, items.SWEPT, sets, later))
            except Cancelled:
                return
