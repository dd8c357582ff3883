"""The due table, and the sweep's watermark in the table `live`. Rows are written by the transactions of their subjects, and only there."""

from datetime import datetime

from pynamodb.connection import Connection
from pynamodb.exceptions import DeleteError, PutError, TransactWriteError, UpdateError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from casework.adapters.dynamo import items
from casework.adapters.dynamo.connections import CONDITION, NOWHERE
from casework.adapters.dynamo.forms import FORMS
from casework.adapters.dynamo.models import DueItem, LiveItem, SubjectItem
from casework.adapters.dynamo.reader import Reader
from casework.adapters.dynamo.subjects import unavailable
from casework.ports import DueKey


class DueTable:
    """The part of the store that holds what is due."""

    def __init__(self, engine: Connection, reader: Reader) -> None:
        """Share the process's one connection."""
        self._engine = engine
        self._reader = reader

    def due(self, bucket: str, upto: datetime, count: int, after: str | None = None) -> list[DueKey]:
        """See `ports.Due`."""
        rows = self._reader.rows("due", ("bucket", "moment"), bucket, after, items.last_of(upto), count)
        return [DueKey(row["bucket"], row["moment"], row["level"]) for row in rows]

    def strike(self, row: DueKey) -> None:
        """See `ports.Due`."""
        unnamed = (
            SubjectItem.pk.does_not_exist()
            | SubjectItem.due_moment.does_not_exist()
            | (SubjectItem.due_moment != row.moment)
            | (SubjectItem.due_bucket != row.bucket)
        )
        try:
            with TransactWrite(connection=self._engine) as write:
                write.condition_check(SubjectItem, row.subject, items.STATE, condition=unnamed)
                write.delete(DueItem(*row.place), add_version_condition=False)
        except TransactWriteError as error:
            if CONDITION not in [reason.code if reason else None for reason in error.cancellation_reasons]:
                raise unavailable(error) from error

    def swept(self) -> str | None:
        """See `ports.Due`."""
        found = list(self._reader.batch("live", [dict(zip(("pk", "sk"), items.SWEPT, strict=True))]))
        return str(found[0]["body"]) if found else None

    def stuck(self) -> list[str]:
        """See `ports.Due`."""
        return [row["sk"] for row in self._reader.rows("live", ("pk", "sk"), items.SWEPT[0], None, items.SWEPT[1], items.MOST_STUCK)]

    def keep_stuck(self, hour: str, *, stuck: bool) -> None:
        """See `ports.Due`."""
        row = LiveItem(items.SWEPT[0], hour, province=NOWHERE)
        try:
            if stuck:
                row.save()
            else:
                row.delete(add_version_condition=False)
        except (PutError, DeleteError) as error:
            raise unavailable(error) from error

    def keep_swept(self, hour: str) -> None:
        """See `ports.Due`."""
        form = LiveItem.v.set(LiveItem.v | FORMS["live"].writes)
        kept: list[Action] = [LiveItem.body.set(hour), form, LiveItem.province.set(NOWHERE)]
        try:
            LiveItem(*items.SWEPT).update(kept, condition=LiveItem.pk.does_not_exist() | (LiveItem.body < hour))
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise unavailable(error) from error
