"""Accesses, in the table `accesses`: entries of the second log, put once, each with the disclosures that came with it."""

from datetime import datetime

from pynamodb.connection import Connection
from pynamodb.exceptions import QueryError, TransactWriteError
from pynamodb.transactions import TransactWrite

from casework.adapters.dynamo import items
from casework.adapters.dynamo.models import AccessItem, SubjectItem
from casework.adapters.dynamo.subjects import cancelled, unavailable
from casework.audit.chain import Tip
from casework.ports import Accessed, Repeat


class AccessTable:
    """The part of the store that holds accesses."""

    def __init__(self, connection: Connection) -> None:
        """Share the process's one connection."""
        self._connection = connection

    def access(self, access: Accessed, tip: Tip, repeat: Repeat | None, now: datetime) -> None:
        """See `ports.Accesses`."""
        free = SubjectItem.pk.does_not_exist() | (SubjectItem.expires_at <= int(now.timestamp()))
        try:
            with TransactWrite(connection=self._connection) as write:
                if repeat:
                    write.save(items.repeat_item(repeat, access.entry.body["province"]), condition=free)
                write.save(items.access_item(access), condition=AccessItem.subject.does_not_exist())
                write.save(items.access_marker_item(access, tip))
        except TransactWriteError as error:
            raise cancelled(error, 0 if repeat else None) from error

    def accesses(self, subject: str, after: int, limit: int, *, backwards: bool = False, before: int | None = None) -> list[Accessed]:
        """See `ports.Accesses`."""
        last = before - 1 if before is not None else items.LAST_SEQ
        if last <= after:
            return []
        span = AccessItem.seq.between(items.seq_key(after + 1), items.seq_key(last))
        try:
            found = AccessItem.query(
                subject, span, consistent_read=True, limit=limit, page_size=limit, scan_index_forward=not backwards
            )  # fmt: skip
            return [items.accessed(item.line, item.disclosures) for item in found]
        except QueryError as error:
            raise unavailable(error) from error
