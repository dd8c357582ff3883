"""The tables as pynamodb models. They are defined in `infra/tables.yml`; a test holds the two together.

One process speaks to one store: `bind` points all models at it, over one shared connection. Whatever a model reads comes through
`forms`, and whatever is put carries the number of the form that is written.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from casework.adapters.dynamo.forms import FORMS, plain


class Item(Model):
    """An item of one of the tables, read in the newest form whatever form it is stored in."""

    table: ClassVar[str]

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """See `pynamodb.models.Model`: all reads by models come through here."""
        was = plain(data)
        now = FORMS[cls.table].read(was)
        if now is was:
            return super().from_raw_data(data)
        types = {attribute.attr_name: attribute.attr_type for attribute in cls.get_attributes().values()}
        return super().from_raw_data({name: {types[name]: now[name]} for name in types.keys() & now.keys()})


def _written(table: str) -> Callable[[], int]:
    """Give the form of what is put: that of the release, when it is put."""
    return lambda: FORMS[table].writes


class _ByUnit(GlobalSecondaryIndex["SubjectItem"]):
    class Meta:
        index_name = "by_unit"
        projection = AllProjection()

    unit_key = UnicodeAttribute(hash_key=True)
    due_sort = UnicodeAttribute(range_key=True)


class _ByProvince(GlobalSecondaryIndex["SubjectItem"]):
    class Meta:
        index_name = "by_province"
        projection = AllProjection()

    province_key = UnicodeAttribute(hash_key=True)
    due_sort = UnicodeAttribute(range_key=True)


class _ByOfficer(GlobalSecondaryIndex["SubjectItem"]):
    class Meta:
        index_name = "by_officer"
        projection = AllProjection()

    officer_key = UnicodeAttribute(hash_key=True)
    due_sort = UnicodeAttribute(range_key=True)


class _ByApplicant(GlobalSecondaryIndex["SubjectItem"]):
    class Meta:
        index_name = "by_applicant"
        projection = AllProjection()

    applicant_key = UnicodeAttribute(hash_key=True)
    due_sort = UnicodeAttribute(range_key=True)


class _ByPoint(GlobalSecondaryIndex["SubjectItem"]):
    class Meta:
        index_name = "by_point"
        projection = AllProjection()

    point_key = UnicodeAttribute(hash_key=True)
    due_sort = UnicodeAttribute(range_key=True)


class SubjectItem(Item):
    """A subject's state, the code that leads to it, the memory of a request, or a unit's counter of a day."""

    table = "subjects"

    class Meta:
        table_name = ""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    kind = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    entries = NumberAttribute(null=True)
    head = UnicodeAttribute(null=True)
    recorded_at = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    due_bucket = UnicodeAttribute(null=True)
    due_moment = UnicodeAttribute(null=True)
    due_level = UnicodeAttribute(null=True)
    unit_key = UnicodeAttribute(null=True)
    province_key = UnicodeAttribute(null=True)
    officer_key = UnicodeAttribute(null=True)
    applicant_key = UnicodeAttribute(null=True)
    point_key = UnicodeAttribute(null=True)
    due_sort = UnicodeAttribute(null=True)
    subject = UnicodeAttribute(null=True)
    seq = NumberAttribute(null=True)
    fingerprint = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    drawn = NumberAttribute(null=True)
    by_unit = _ByUnit()
    by_province = _ByProvince()
    by_officer = _ByOfficer()
    by_applicant = _ByApplicant()
    by_point = _ByPoint()


class _TrailByActor(GlobalSecondaryIndex["TrailItem"]):
    class Meta:
        index_name = "by_actor"
        projection = AllProjection()

    actor_month = UnicodeAttribute(hash_key=True)
    moment = UnicodeAttribute(range_key=True)


class _TrailByUnit(GlobalSecondaryIndex["TrailItem"]):
    class Meta:
        index_name = "by_unit"
        projection = AllProjection()

    unit_month = UnicodeAttribute(hash_key=True)
    moment = UnicodeAttribute(range_key=True)


class _TrailByProvince(GlobalSecondaryIndex["TrailItem"]):
    class Meta:
        index_name = "by_province"
        projection = AllProjection()

    province_day = UnicodeAttribute(hash_key=True)
    moment = UnicodeAttribute(range_key=True)


class TrailItem(Item):
    """An audit entry: its line, and the keys of the indexes, all of which follow from the line and the state."""

    table = "trail"

    class Meta:
        table_name = ""

    subject = UnicodeAttribute(hash_key=True)
    seq = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    line = UnicodeAttribute()
    moment = UnicodeAttribute()
    unit_month = UnicodeAttribute()
    province_day = UnicodeAttribute()
    actor_month = UnicodeAttribute(null=True)
    by_actor = _TrailByActor()
    by_unit = _TrailByUnit()
    by_province = _TrailByProvince()


class DisclosureItem(Item):
    """The disclosures that came with one entry: the only place where personal values are at rest."""

    table = "disclosures"

    class Meta:
        table_name = ""

    subject = UnicodeAttribute(hash_key=True)
    seq = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    disclosures: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)


class AccessItem(Item):
    """An entry of the second log: its line, and the disclosures that came with it."""

    table = "accesses"

    class Meta:
        table_name = ""

    subject = UnicodeAttribute(hash_key=True)
    seq = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    line = UnicodeAttribute()
    disclosures: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, null=True)


class DueItem(Item):
    """The one row of what is next to be done by itself: the next level of an open dossier, the next page of a task, and when."""

    table = "due"

    class Meta:
        table_name = ""

    bucket = UnicodeAttribute(hash_key=True)
    moment = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    subject = UnicodeAttribute()
    level = UnicodeAttribute()


class _AlertsByUnit(GlobalSecondaryIndex["AlertItem"]):
    class Meta:
        index_name = "by_unit"
        projection = AllProjection()

    unit_key = UnicodeAttribute(hash_key=True)
    raised_sort = UnicodeAttribute(range_key=True)


class _AlertsByProvince(GlobalSecondaryIndex["AlertItem"]):
    class Meta:
        index_name = "by_province"
        projection = AllProjection()

    province_key = UnicodeAttribute(hash_key=True)
    raised_sort = UnicodeAttribute(range_key=True)


class _AlertsByOfficer(GlobalSecondaryIndex["AlertItem"]):
    class Meta:
        index_name = "by_officer"
        projection = AllProjection()

    officer_key = UnicodeAttribute(hash_key=True)
    raised_sort = UnicodeAttribute(range_key=True)


class _AlertsByPoint(GlobalSecondaryIndex["AlertItem"]):
    class Meta:
        index_name = "by_point"
        projection = AllProjection()

    point_key = UnicodeAttribute(hash_key=True)
    raised_sort = UnicodeAttribute(range_key=True)


class AlertItem(Item):
    """An alert, open or past: a copy of what its dossier's state holds, for lists."""

    table = "alerts"

    class Meta:
        table_name = ""

    subject = UnicodeAttribute(hash_key=True)
    number = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    body = UnicodeAttribute()
    unit_key = UnicodeAttribute()
    province_key = UnicodeAttribute(null=True)
    officer_key = UnicodeAttribute(null=True)
    point_key = UnicodeAttribute(null=True)
    raised_sort = UnicodeAttribute()
    by_unit = _AlertsByUnit()
    by_province = _AlertsByProvince()
    by_officer = _AlertsByOfficer()
    by_point = _AlertsByPoint()


class LogItem(Item):
    """An outbox marker: an entry that the log has yet to take, `before` the record time of the subject's entry before it.

    Or the log's head, some of its leaves with what each is for, where an entry's leaf is, or how many dossiers a unit has opened.
    """

    table = "log"

    class Meta:
        table_name = ""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    subject = UnicodeAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    seq = NumberAttribute(null=True)
    hash = UnicodeAttribute(null=True)
    unit = UnicodeAttribute(null=True)
    before = UnicodeAttribute(null=True)
    number = NumberAttribute(null=True)
    body = UnicodeAttribute(null=True)
    places = UnicodeAttribute(null=True)


class LiveItem(Item):
    """A connection, an operation, a tombstone, a subscription, a topic's head, a row of a feed, or a follower's place."""

    table = "live"

    class Meta:
        table_name = ""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    body = UnicodeAttribute(null=True)
    phase = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    seen = NumberAttribute(null=True)
    members = NumberAttribute(null=True)
    operations = NumberAttribute(null=True)
    wanted_until = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class _ByList(GlobalSecondaryIndex["RegisterItem"]):
    class Meta:
        index_name = "by_list"
        projection = AllProjection()

    list_key = UnicodeAttribute(hash_key=True)
    list_sort = UnicodeAttribute(range_key=True)


class RegisterItem(Item):
    """A version of a procedure, its place in a list, a unit, a reception point, an officer, or an override of the calendar."""

    table = "register"

    class Meta:
        table_name = ""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute(default_for_new=_written(table))
    province = UnicodeAttribute()
    body = UnicodeAttribute()
    list_key = UnicodeAttribute(null=True)
    list_sort = UnicodeAttribute(null=True)
    by_list = _ByList()


MODELS: dict[str, type[Item]] = {
    model.table: model
    for model in (SubjectItem, TrailItem, DisclosureItem, DueItem, AlertItem, LogItem, AccessItem, LiveItem, RegisterItem)
}


def bind(stage: str, *, region: str, endpoint: str | None) -> Connection:
    """Point every model at the tables of a stage, over one connection; `endpoint` is None in the cloud."""
    shared = Connection(
        region=region,
        host=endpoint,
        connect_timeout_seconds=2,
        read_timeout_seconds=10,
        max_retry_attempts=2,
        max_pool_connections=32,
    )
    for name, model in MODELS.items():
        meta: Any = model.Meta
        meta.table_name = f"giamsat-{stage}-{name}"
        meta.region = region
        meta.host = endpoint
        model._connection = None  # noqa: SLF001 - a model keeps its first connection otherwise
        table = model._get_connection()  # noqa: SLF001 - the only way to all tables over one client
        shared.add_meta_table(table.get_meta_table())
        table.connection = shared
    _ = shared.client  # made here, before any thread asks for it
    return shared
