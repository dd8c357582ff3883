"""Dossiers, trail, disclosures: the reads, and the one transaction. What an item holds is laid out in `items`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime

from pynamodb.connection import Connection
from pynamodb.exceptions import (
    DeleteError,
    DoesNotExist,
    GetError,
    PynamoDBException,
    QueryError,
    TransactWriteError,
    UpdateError,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from casework.adapters.dynamo import items
from casework.adapters.dynamo.forms import FORMS, Attributes
from casework.adapters.dynamo.models import DisclosureItem, DueItem, SubjectItem, TrailItem
from casework.adapters.dynamo.reader import Reader
from casework.audit.chain import Entry, reopened
from casework.audit.disclosure import digest_of
from casework.model.errors import Unavailable
from casework.model.record import Dossier, DossierId
from casework.ports import By, Change, Erased, Held, Index, Noticed, Partition, Raced, Repeat, Seen, Span

BATCH = 100  # keys of one BatchGetItem
MOST_DISCLOSURES = 5000
HASH_OF = {index: f"{index.value.removeprefix('by_')}_key" for index in Index}
RACES = frozenset({"ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
RETRIED = frozenset({"TransactionInProgressException", "ThrottlingException", "ProvisionedThroughputExceededException"})


class SubjectTables:
    """The part of the store that holds dossiers."""

    def __init__(self, connection: Connection, reader: Reader) -> None:
        """Share the process's one connection."""
        self._connection = connection
        self._reader = reader

    def held(self, subject: DossierId) -> Held | None:
        """See `ports.Dossiers`."""
        try:
            return items.held(SubjectItem.get(subject, items.STATE, consistent_read=True))
        except DoesNotExist:
            return None
        except GetError as error:
            raise unavailable(error) from error

    def held_with_memory(self, subject: DossierId, scope: str, key: str) -> tuple[Held | None, Repeat | None]:
        """See `ports.Dossiers`."""
        memory_key = items.memory_key(scope, key)
        held, memory = None, None
        for item in self._batch([(subject, items.STATE), memory_key]):
            if item.sk == items.STATE:
                held = items.held(item)
            else:
                memory = items.repeat(item, scope, key)
        return held, memory

    def slip(self, subject: DossierId) -> tuple[int, int] | None:
        """See `ports.Dossiers`."""
        try:
            return items.slip(SubjectItem.get(subject, items.STATE, consistent_read=True).attribute_values)
        except DoesNotExist:
            return None
        except GetError as error:
            raise unavailable(error) from error

    def coded(self, code: str) -> DossierId | None:
        """See `ports.Dossiers`."""
        try:
            return DossierId(str(SubjectItem.get(*items.code_key(code), consistent_read=True).subject))
        except DoesNotExist:
            return None
        except GetError as error:
            raise unavailable(error) from error

    def remembered(self, scopes: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Repeat]:
        """See `ports.Dossiers`."""
        wanted = {items.memory_key(scope, key): (scope, key) for scope, key in scopes}
        found = {}
        for item in self._batch(list(wanted)):
            memory = wanted[item.pk, item.sk]
            found[memory] = items.repeat(item, *memory)
        return found

    def held_all(self, subjects: Sequence[DossierId]) -> Mapping[DossierId, Held]:
        """See `ports.Dossiers`."""
        keys = [{"pk": subject, "sk": items.STATE} for subject in dict.fromkeys(subjects)]
        return {DossierId(row["pk"]): items.held_of(row) for row in self._reader.batch("subjects", keys)}

    def numbered(self, unit: str, province: str, on: date) -> int:
        """See `ports.Dossiers`."""
        item = SubjectItem(*items.counter_key(unit, on))
        actions: list[Action] = [
            SubjectItem.drawn.add(1),
            SubjectItem.v.set(SubjectItem.v | FORMS["subjects"].writes),
            SubjectItem.province.set(province),
        ]
        try:
            item.update(actions)
        except UpdateError as error:
            raise unavailable(error) from error
        return int(item.drawn)

    def keep_numbered(self, unit: str, province: str, on: date, number: int) -> None:
        """See `ports.Dossiers`."""
        item = SubjectItem(*items.counter_key(unit, on))
        actions: list[Action] = [
            SubjectItem.drawn.set(number),
            SubjectItem.v.set(SubjectItem.v | FORMS["subjects"].writes),
            SubjectItem.province.set(province),
        ]
        try:
            item.update(actions, condition=SubjectItem.drawn.does_not_exist() | (SubjectItem.drawn < number))
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise unavailable(error) from error

    def commit(self, change: Change, now: datetime) -> None:
        """See `ports.Dossiers`."""
        before, after = change.before, change.after
        free = SubjectItem.pk.does_not_exist() | (SubjectItem.expires_at <= int(now.timestamp()))
        unchanged = SubjectItem.entries == before.tip.seq if before else SubjectItem.pk.does_not_exist()
        stood = before.due if before else None
        left = stood if stood and not (after.due and stood.place == after.due.place) else None
        try:
            with TransactWrite(connection=self._connection) as write:
                if change.repeat:
                    write.save(items.repeat_item(change.repeat, after.province), condition=free)
                write.save(items.state_item(change), condition=unchanged)
                write.save(items.trail_item(change), condition=TrailItem.subject.does_not_exist())
                write.save(items.marker_item(change))
                if change.disclosures:
                    write.save(items.disclosure_item(change))
                if before is None and isinstance(after.record, Dossier):
                    write.save(items.code_item(change), condition=SubjectItem.pk.does_not_exist())
                for item in items.brought(change):
                    write.save(item)
                if left:
                    write.delete(DueItem(*left.place), add_version_condition=False)
                if after.due and after.due != stood:
                    write.save(items.due_item(change, after.due))
                for alert in change.alerts:
                    for row in items.alert_items(change, alert):
                        write.save(row)
                _erasing(write, change)
        except TransactWriteError as error:
            # What is deleted goes before all that is saved.
            deleted = _gone(change) + (1 if left else 0)
            raise cancelled(error, deleted if change.repeat else None) from error

    def entries(self, subject: str, after: int, limit: int, *, backwards: bool = False, before: int | None = None) -> list[Entry]:
        """See `ports.Dossiers`."""
        last = before - 1 if before is not None else items.LAST_SEQ
        if last <= after:
            return []
        span = TrailItem.seq.between(items.seq_key(after + 1), items.seq_key(last))
        try:
            found = TrailItem.query(
                subject,
                span,
                consistent_read=True,
                limit=limit,
                page_size=limit,
                scan_index_forward=not backwards,
            )
            return [reopened(item.line) for item in found]
        except QueryError as error:
            raise unavailable(error) from error

    def newest(self, lengths: Mapping[str, int], count: int) -> Mapping[str, list[Entry]]:
        """See `ports.Dossiers`."""
        # Entries have no gaps, so the last ones can be named, and those of a whole page be read at once.
        keys = [
            {"subject": subject, "seq": items.seq_key(seq)}
            for subject, length in lengths.items()
            for seq in range(max(length - count, 0) + 1, length + 1)
        ]
        found: dict[str, list[Entry]] = {subject: [] for subject in lengths}
        for item in self._reader.batch("trail", keys, ("subject", "line")):
            found[item["subject"]].append(reopened(item["line"]))
        for entries in found.values():
            entries.sort(key=lambda entry: -entry.seq)
        return found

    def entries_named(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], Entry]:
        """See `ports.Dossiers`."""
        keys = [{"subject": subject, "seq": items.seq_key(seq)} for subject, seq in dict.fromkeys(places)]
        found = ((row["subject"], reopened(row["line"])) for row in self._reader.batch("trail", keys, ("subject", "line")))
        return {(subject, entry.seq): entry for subject, entry in found}

    def listed(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Held]]:
        """See `ports.Dossiers`."""
        return [(row["due_sort"], items.held_of(row)) for row in self._merged("subjects", "due_sort", partitions, span)]

    def alerts(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Noticed]]:
        """See `ports.Dossiers`."""
        return [(row["raised_sort"], items.noticed(row)) for row in self._merged("alerts", "raised_sort", partitions, span)]

    def recorded(self, by: By, code: str, month: str, span: Span) -> list[tuple[str, Entry]]:
        """See `ports.Dossiers`."""
        rows = self._reader.page("trail", f"by_{by}", (f"{by}_month", "moment"), items.month_key(code, month), span)
        return [(row["moment"], reopened(row["line"])) for row in rows]

    def _merged(self, table: str, sort: str, partitions: Sequence[Partition], span: Span) -> list[Attributes]:
        """Read a page out of partitions of one index."""
        by_index: dict[Index, list[str]] = {}
        for partition in partitions:
            by_index.setdefault(partition.index, []).append(partition.key)
        (page,) = [self._reader.merged(table, index, (HASH_OF[index], sort), keys, span) for index, keys in by_index.items()] or [[]]
        return page

    def disclosed(self, subject: str) -> Mapping[str, str]:
        """See `ports.Dossiers`."""
        try:
            rows = list(DisclosureItem.query(subject, consistent_read=True, limit=MOST_DISCLOSURES))
        except QueryError as error:
            raise unavailable(error) from error
        return {digest_of(text): text for row in rows for text in row.disclosures}

    def disclosed_by_entry(self, subject: str) -> Mapping[int, tuple[str, ...]]:
        """See `ports.Dossiers`."""
        try:
            return {items.seq_of(row.seq): tuple(row.disclosures) for row in DisclosureItem.query(subject, consistent_read=True)}
        except QueryError as error:
            raise unavailable(error) from error

    def erase(self, subject: str, erased: Erased) -> bool:
        """See `ports.Dossiers`."""
        item, stands = _standing(subject, erased)
        try:
            if erased.left:
                item.update([DisclosureItem.disclosures.set(list(erased.left))], stands, add_version_condition=False)
            else:
                item.delete(stands, add_version_condition=False)
        except (DeleteError, UpdateError) as error:
            if error.cause_response_code == "ConditionalCheckFailedException":
                return False
            raise unavailable(error) from error
        return True

    def disclosed_with(self, entries: Mapping[str, Collection[int]]) -> Mapping[str, Mapping[str, str]]:
        """See `ports.Dossiers`."""
        keys = [{"subject": subject, "seq": items.seq_key(seq)} for subject, numbers in entries.items() for seq in sorted(numbers)]
        found: dict[str, dict[str, str]] = {subject: {} for subject in entries}
        for row in self._reader.batch("disclosures", keys, ("subject", "disclosures")):
            found[row["subject"]].update({digest_of(text["S"]): text["S"] for text in row["disclosures"]})
        return found

    @staticmethod
    def _batch(keys: Sequence[tuple[str, str]]) -> list[SubjectItem]:
        found: list[SubjectItem] = []
        try:
            for start in range(0, len(keys), BATCH):
                found.extend(SubjectItem.batch_get(keys[start : start + BATCH], consistent_read=True))
        except (GetError, PynamoDBException) as error:
            raise unavailable(error) from error
        return found


def _erasing(write: TransactWrite, change: Change) -> None:
    """Erase disclosures of other entries along with a change."""
    for erased in change.erased:
        item, stands = _standing(change.after.id, erased)
        if erased.left:
            write.update(item, [DisclosureItem.disclosures.set(list(erased.left))], stands, add_version_condition=False)
        else:
            write.delete(item, stands, add_version_condition=False)


def _gone(change: Change) -> int:
    """Count the items of disclosures of which nothing is left."""
    return sum(not erased.left for erased in change.erased)


def _standing(subject: str, erased: Erased) -> tuple[DisclosureItem, Condition]:
    """Give the key of an entry's disclosures, and the condition that they still are as they were read."""
    return DisclosureItem(subject, items.seq_key(erased.seq)), DisclosureItem.disclosures == list(erased.stood)


@contextmanager
def answered() -> Iterator[None]:
    """Turn an engine that did not answer into the store's own fault."""
    try:
        yield
    except PynamoDBException as error:
        raise unavailable(error) from error


def unavailable(error: PynamoDBException) -> Unavailable:
    """Tell that the engine did not do its work; its own words stay in the cause."""
    return Unavailable(f"the store did not answer ({error.cause_response_code or type(error.cause).__name__})")


def cancelled(error: TransactWriteError, memory: int | None) -> Exception:
    """Tell why nothing was written; `memory` is the place of the request's memory among the reasons, if it has one."""
    if error.cause_response_code in RETRIED:
        return Raced()
    reasons = [reason.code if reason else None for reason in error.cancellation_reasons]
    if memory is not None and reasons[memory : memory + 1] == ["ConditionalCheckFailed"]:
        return Seen()
    if any(code in RACES for code in reasons):
        return Raced()
    return unavailable(error)
