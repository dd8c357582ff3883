"""The second store's dossiers: reads, and the one transaction. What an item holds is laid out where the first store has it laid out."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from casework.adapters.dynamo import items
from casework.adapters.dynamo.forms import FORMS
from casework.adapters.dynamo.models import SubjectItem
from casework.adapters.dynamo.subjects import MOST_DISCLOSURES
from casework.audit.chain import Entry, reopened
from casework.audit.disclosure import digest_of
from casework.model.record import Dossier, DossierId
from casework.ports import By, Change, Erased, Held, Noticed, Partition, Raced, Repeat, Seen, Span
from tests.simulation.engine import Engine
from tests.simulation.tables import Row, Table, laid_out
from tests.simulation.writes import Cancelled, Reason, Write, absent, delete, put, update


class SimulatedDossiers:
    """The part of the store that holds dossiers."""

    def __init__(self, engine: Engine) -> None:
        """Share the store's engine."""
        self._engine = engine

    def held(self, subject: DossierId) -> Held | None:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            row = self._engine.get(self._engine.subjects, (subject, items.STATE))
        return items.held_of(row) if row else None

    def held_with_memory(self, subject: DossierId, scope: str, key: str) -> tuple[Held | None, Repeat | None]:
        """See `ports.Dossiers`."""
        memory = items.memory_key(scope, key)
        with self._engine.lock:
            rows = self._engine.batch(self._engine.subjects, [(subject, items.STATE), memory])
        found = {(row["pk"], row["sk"]): row for row in rows}
        state, kept = found.get((subject, items.STATE)), found.get(memory)
        return items.held_of(state) if state else None, _repeat(kept, scope, key) if kept else None

    def slip(self, subject: DossierId) -> tuple[int, int] | None:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            row = self._engine.get(self._engine.subjects, (subject, items.STATE))
        return items.slip(row) if row else None

    def coded(self, code: str) -> DossierId | None:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            row = self._engine.get(self._engine.subjects, items.code_key(code))
        return DossierId(row["subject"]) if row else None

    def remembered(self, scopes: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Repeat]:
        """See `ports.Dossiers`."""
        wanted = {items.memory_key(scope, key): (scope, key) for scope, key in scopes}
        with self._engine.lock:
            rows = self._engine.batch(self._engine.subjects, list(wanted))
        found = {wanted[row["pk"], row["sk"]]: row for row in rows}
        return {memory: _repeat(row, *memory) for memory, row in found.items()}

    def held_all(self, subjects: Sequence[DossierId]) -> Mapping[DossierId, Held]:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            rows = self._engine.batch(self._engine.subjects, [(subject, items.STATE) for subject in dict.fromkeys(subjects)])
        return {DossierId(row["pk"]): items.held_of(row) for row in rows}

    def numbered(self, unit: str, province: str, on: date) -> int:
        """See `ports.Dossiers`."""
        sets = {"v": FORMS["subjects"].writes, "province": province}
        with self._engine.lock:
            row = self._engine.write(update(self._engine.subjects, items.counter_key(unit, on), sets, add={"drawn": 1}))
        assert row
        return int(row["drawn"])

    def keep_numbered(self, unit: str, province: str, on: date, number: int) -> None:
        """See `ports.Dossiers`."""
        sets = {"drawn": number, "v": FORMS["subjects"].writes, "province": province}

        def behind(row: Row | None) -> bool:
            return row is None or row["drawn"] < number

        with self._engine.lock, suppress(Cancelled):
            self._engine.write(update(self._engine.subjects, items.counter_key(unit, on), sets, behind))

    def commit(self, change: Change, now: datetime) -> None:
        """See `ports.Dossiers`."""
        engine, before, after = self._engine, change.before, change.after

        def free(row: Row | None) -> bool:
            return row is None or ("expires_at" in row and row["expires_at"] <= int(now.timestamp()))

        def unchanged(row: Row | None) -> bool:
            return row is None if before is None else row is not None and row.get("entries") == before.tip.seq

        writes = [put(engine.subjects, laid_out(items.repeat_item(change.repeat, after.province)), free)] if change.repeat else []
        writes += [
            put(engine.subjects, laid_out(items.state_item(change)), unchanged),
            put(engine.trail, laid_out(items.trail_item(change)), absent),
            put(engine.log, laid_out(items.marker_item(change))),
        ]
        if change.disclosures:
            writes.append(put(engine.disclosures, laid_out(items.disclosure_item(change))))
        if before is None and isinstance(after.record, Dossier):
            writes.append(put(engine.subjects, laid_out(items.code_item(change)), absent))
        writes.extend(put(engine.register, laid_out(item)) for item in items.brought(change))
        stood = before.due if before else None
        if stood and not (after.due and stood.place == after.due.place):
            writes.append(delete(engine.due, stood.place))
        if after.due and after.due != stood:
            writes.append(put(engine.due, laid_out(items.due_item(change, after.due))))
        writes.extend(put(engine.alerts, laid_out(row)) for alert in change.alerts for row in items.alert_items(change, alert))
        writes.extend(self._erasing(after.id, erased) for erased in change.erased)
        try:
            with engine.lock:
                engine.transact(*writes)
        except Cancelled as cancelled:
            raise (Seen if change.repeat and cancelled.reasons[0] is Reason.CONDITION else Raced) from cancelled

    def entries(self, subject: str, after: int, limit: int, *, backwards: bool = False, before: int | None = None) -> list[Entry]:
        """See `ports.Dossiers`."""
        last = before - 1 if before is not None else items.LAST_SEQ
        if last <= after:
            return []
        low, high = items.seq_key(after + 1), items.seq_key(last)
        with self._engine.lock:
            rows = self._engine.query(self._engine.trail, subject, low, high, most=limit, backwards=backwards)
        return [reopened(row["line"]) for row in rows]

    def newest(self, lengths: Mapping[str, int], count: int) -> Mapping[str, list[Entry]]:
        """See `ports.Dossiers`."""
        places = [
            (subject, items.seq_key(seq))
            for subject, length in lengths.items()
            for seq in range(max(length - count, 0) + 1, length + 1)
        ]  # fmt: skip
        found: dict[str, list[Entry]] = {subject: [] for subject in lengths}
        with self._engine.lock:
            rows = self._engine.batch(self._engine.trail, places)
        for row in sorted(rows, key=lambda row: str(row["seq"]), reverse=True):
            found[row["subject"]].append(reopened(row["line"]))
        return found

    def entries_named(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], Entry]:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            rows = self._engine.batch(self._engine.trail, [(subject, items.seq_key(seq)) for subject, seq in dict.fromkeys(places)])
        found = ((row["subject"], reopened(row["line"])) for row in rows)
        return {(subject, entry.seq): entry for subject, entry in found}

    def listed(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Held]]:
        """See `ports.Dossiers`."""
        return [(place, items.held_of(row)) for place, row in self._merged(self._engine.subjects, partitions, span)]

    def alerts(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Noticed]]:
        """See `ports.Dossiers`."""
        return [(place, items.noticed(row)) for place, row in self._merged(self._engine.alerts, partitions, span)]

    def recorded(self, by: By, code: str, month: str, span: Span) -> list[tuple[str, Entry]]:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            rows = self._engine.page(self._engine.trail, f"by_{by}", items.month_key(code, month), span)
        return [(place, reopened(row["line"])) for place, row in rows]

    def _merged(self, table: Table, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Row]]:
        """Read a page out of partitions of one index."""
        if not partitions:
            return []
        (index,) = {partition.index for partition in partitions}
        with self._engine.lock:
            return self._engine.merged(table, index, [partition.key for partition in partitions], span)

    def disclosed(self, subject: str) -> Mapping[str, str]:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            rows = self._engine.query(self._engine.disclosures, subject, most=MOST_DISCLOSURES)
        return {digest_of(text): text for row in rows for text in row["disclosures"]}

    def disclosed_by_entry(self, subject: str) -> Mapping[int, tuple[str, ...]]:
        """See `ports.Dossiers`."""
        with self._engine.lock:
            rows = self._engine.query(self._engine.disclosures, subject, most=items.LAST_SEQ)
        return {items.seq_of(row["seq"]): tuple(row["disclosures"]) for row in rows}

    def erase(self, subject: str, erased: Erased) -> bool:
        """See `ports.Dossiers`."""
        try:
            with self._engine.lock:
                self._engine.write(self._erasing(subject, erased))
        except Cancelled:
            return False
        return True

    def _erasing(self, subject: str, erased: Erased) -> Write:
        table, place = self._engine.disclosures, (subject, items.seq_key(erased.seq))

        def stands(row: Row | None) -> bool:
            return row is not None and tuple(row["disclosures"]) == erased.stood

        return update(table, place, {"disclosures": erased.left}, stands) if erased.left else delete(table, place, stands)

    def disclosed_with(self, entries: Mapping[str, Collection[int]]) -> Mapping[str, Mapping[str, str]]:
        """See `ports.Dossiers`."""
        places = [(subject, items.seq_key(seq)) for subject, numbers in entries.items() for seq in sorted(numbers)]
        found: dict[str, dict[str, str]] = {subject: {} for subject in entries}
        with self._engine.lock:
            rows = self._engine.batch(self._engine.disclosures, places)
        for row in rows:
            found[row["subject"]].update({digest_of(text): text for text in row["disclosures"]})
        return found


def _repeat(row: Mapping[str, Any], scope: str, key: str) -> Repeat:
    return items.repeat(SubjectItem(**row), scope, key)
