"""Dossiers laid into the store as they are to stand, past every verb: what lists show is tried on hundreds of them."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pynamodb.transactions import TransactWrite

from casework.adapters.dynamo import DynamoStore, items
from casework.adapters.dynamo.models import AlertItem, SubjectItem
from casework.audit.chain import Subject, Tip, reopened
from casework.model.packing import moment
from casework.model.procedure import Channel, DossierKind
from casework.model.record import Dossier, DossierId, State, flattened
from casework.ports import Change, Held, Repeat

AT_ONCE = 100  # of one transaction


def dossier(unit: str = "22-XD", point: str = "22-MC", **given: Any) -> Dossier:  # noqa: ANN401 - the record's own fields
    """Give a dossier, as good as any other but for what is given."""
    usual: Mapping[str, Any] = {
        "code": f"L-{secrets.token_hex(8)}", "state": State.SUBMITTED, "kind": DossierKind.ADMINISTRATIVE, "procedure": "XD-01",
        "procedure_version": 1, "unit": unit, "reception_point": point, "delivery_point": point, "channel": Channel.COUNTER,
        "slip_key": 1, "secret_generation": 1, "submitted_at": datetime(2026, 1, 5, 2, tzinfo=UTC), "version": 1,
    }  # fmt: skip
    return Dossier(**{**usual, **given})


def fresh() -> DossierId:
    return DossierId(secrets.token_hex(16))


def laid(store: DynamoStore, dossiers: Iterable[Dossier | tuple[DossierId, Dossier]], province: str = "22", **given: Any) -> list[Held]:  # noqa: ANN401 - as above
    """Lay dossiers with their alerts into the store, some under ids of their own; gives them in the same order."""
    named = [(fresh(), one) if isinstance(one, Dossier) else one for one in dossiers]
    now = datetime(2026, 1, 5, 3, tzinfo=UTC)
    entry = reopened(f'{{"recorded_at":"{moment(now)}","seq":1}}')
    out = [Held(id_, province, one, flattened(one), Tip(1, "0" * 64, now), **given) for id_, one in named]
    memory = Repeat("", "", "", "", 1, None)
    changes = [Change(Subject("dossier", held.id), None, held, entry, {}, memory) for held in out]
    rows: list[SubjectItem | AlertItem] = [items.state_item(change) for change in changes]
    rows += [row for change in changes for alert in change.after.dossier.alerts for row in items.alert_items(change, alert)]
    for start in range(0, len(rows), AT_ONCE):
        with TransactWrite(connection=store._connection) as write:
            for row in rows[start : start + AT_ONCE]:
                write.save(row)
    return out
