"""Connections, operations, subscriptions by topic and feeds, in the table `live`.

TTL is housekeeping: every reader looks at `expires_at` itself. A head counts members to save queries, never to decide who is sent what;
a crash may leave it too high, which costs a query until it is no longer wanted, and never too low.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar, cast

from pynamodb.connection import Connection as Engine
from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, PynamoDBException, TransactWriteError, UpdateError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from casework.adapters.dynamo import items
from casework.adapters.dynamo.forms import FORMS, Attributes
from casework.adapters.dynamo.models import AccessItem, LiveItem, SubjectItem
from casework.adapters.dynamo.reader import TOP, Reader
from casework.adapters.dynamo.subjects import answered, unavailable
from casework.audit.canonical import canonical, parsed
from casework.live.cohorts import Owed, Status, Subscription
from casework.live.connection import TOMBSTONE, Began, Connection, Operation, Phase, beat_of, lane_of
from casework.live.feeds import HELD, LEFT, Fed, before, row_at
from casework.live.topics import Kind, kind_of
from casework.model.errors import Unavailable
from casework.model.packing import packed, unpacked

NOWHERE = "-"  # the province of what belongs to none
WANTED = timedelta(days=8)
NOTED = timedelta(hours=1)  # a note outlives its subscription, whose end it is for
HEADS = 100  # of one BatchGetItem
MOST_MEMBERS = 100_000
MOST_KEPT = 20_000  # rows of subscriptions that a process remembers
CONDITION, CONFLICT = "ConditionalCheckFailed", "TransactionConflict"
TRIES, REST_S = 6, 0.1  # of a write that meets others, and how long it rests at most in between

T = TypeVar("T")


class LiveTable:
    """The part of the store that holds connections."""

    def __init__(self, engine: Engine, reader: Reader) -> None:
        """Share the process's one connection to the engine."""
        self._engine = engine
        self._reader = reader

    def connect(self, connection: Connection) -> None:
        """See `ports.Connections`."""
        until = _epoch(connection.expires_at)
        with answered():
            _item(_beat(connection), connection.id, expires_at=until).save()
            _item(_home(connection.id), "CONN", phase=connection.phase.value, operations=0, body=_body(connection), expires_at=until).save()

    def connection(self, connection: str, now: datetime) -> Connection | None:
        """See `ports.Connections`."""
        item = _get(_home(connection), "CONN")
        if item is None or _expired(item, now):
            return None
        return unpacked(Connection, parsed(str(item.body)))

    def beating(self, bucket: int, after: str | None, count: int) -> list[str]:
        """See `ports.Connections`."""
        return [row["sk"] for row in self._reader.rows("live", ("pk", "sk"), f"BEAT#{bucket}", after, TOP, count)]

    def acknowledge(self, connection: Connection) -> bool:
        """See `ports.Connections`."""
        actions: list[Action] = [LiveItem.phase.set(Phase.ACKNOWLEDGED.value), LiveItem.body.set(_body(connection))]
        try:
            _insisted(lambda: LiveItem(_home(connection.id), "CONN").update(actions, condition=LiveItem.phase == Phase.OPENED.value))
        except UpdateError as error:
            return _lost(error)
        return True

    def begin(self, operation: Operation, limit: int, now: datetime) -> Began:
        """See `ports.Connections`."""
        home, key = _home(operation.connection), f"OP#{operation.id}"
        row = _item(home, key, status="ACTIVE", body="{}", expires_at=_epoch(operation.expires_at))
        free = LiveItem.pk.does_not_exist() | (LiveItem.expires_at < _epoch(now))
        room = (LiveItem.operations < limit) & (LiveItem.phase == Phase.ACKNOWLEDGED.value)

        def write(transaction: TransactWrite) -> None:
            transaction.save(row, condition=free)
            transaction.update(LiveItem(home, "CONN"), [LiveItem.operations.add(1)], condition=room)

        try:
            self._transacted(write)
        except TransactWriteError as error:
            return self._not_begun(error, home, key)
        return Began.BEGUN

    def _not_begun(self, error: TransactWriteError, home: str, key: str) -> Began:
        codes = _codes(error)
        if codes and codes[0] == CONDITION:
            there = _get(home, key)
            if there is not None and there.status == "TOMBSTONE":
                there.delete(add_version_condition=False)
                return Began.COMPLETED
            return Began.DUPLICATE
        if CONDITION in codes:
            return Began.FULL if _get(home, "CONN") else Began.GONE
        raise unavailable(error) from error

    def subscribe(self, subscription: Subscription, now: datetime) -> None:
        """See `ports.Connections`."""
        if subscription.since is not None:
            self._note(subscription, subscription.since)
        self._note(subscription, subscription.expires_at - LEFT)  # so that it is told when its time is over
        head: list[Action] = [
            LiveItem.members.add(1),
            LiveItem.wanted_until.set(_epoch(now + WANTED)),
            LiveItem.v.set(LiveItem.v | FORMS["live"].writes),
            LiveItem.province.set(NOWHERE),
        ]
        until = _epoch(subscription.expires_at)
        operation = LiveItem(_home(subscription.connection), f"OP#{subscription.operation}")
        key = _row_key(subscription)
        row = {"status": subscription.status.value, "seen": subscription.seen, "body": _body(subscription), "expires_at": until}
        topic = LiveItem(f"HEAD#{subscription.topic}", "HEAD")
        with answered():
            _insisted(lambda: topic.update(head))

        def write(transaction: TransactWrite) -> None:
            transaction.save(_item(f"TOPIC#{subscription.topic}", key, **row))
            transaction.update(operation, [LiveItem.body.set(_where(subscription))], condition=LiveItem.status == "ACTIVE")

        try:
            self._transacted(write)
        except TransactWriteError as error:
            if CONDITION not in _codes(error):
                raise unavailable(error) from error
            with answered():  # The client completed it in between. A transaction that is sent again is made no second time.
                self._transacted(lambda transaction: transaction.update(topic, [LiveItem.members.add(-1)]))

    def go_live(self, subscription: Subscription, seen: int) -> bool:
        """See `ports.Connections`."""
        row = LiveItem(f"TOPIC#{subscription.topic}", _row_key(subscription))
        actions: list[Action] = [LiveItem.status.set(Status.LIVE.value), LiveItem.seen.set(seen)]

        def write(transaction: TransactWrite) -> None:
            if kind_of(subscription.topic) is Kind.ACCESSES:
                later = (subscription.subject, items.seq_key(seen + 1))
                transaction.condition_check(AccessItem, *later, condition=AccessItem.subject.does_not_exist())
            else:
                transaction.condition_check(SubjectItem, subscription.subject, items.STATE, condition=SubjectItem.entries == seen)
            transaction.update(row, actions, condition=LiveItem.body == _body(subscription))

        try:
            self._transacted(write)
        except TransactWriteError as error:
            codes = _codes(error)
            if CONDITION not in codes:
                raise unavailable(error) from error
            return codes[1] == CONDITION  # The row is gone, or somebody else's: there is nothing to bring up to date.
        return True

    def put_back(self, subscription: Subscription, since: datetime, place: str) -> Subscription | None:
        """See `ports.Connections`."""
        for _ in range(TRIES):
            item = _get(f"TOPIC#{subscription.topic}", _row_key(subscription))
            if item is None:
                return None
            back = _subscription({"body": item.body, "status": item.status, "seen": item.seen}).replays(since, place)
            self._note(back, since)
            if self._written(item.body, item.status, back):
                return back
            _rest()
        raise Unavailable("the store did not answer (a subscription changes too fast)")

    def moved(self, was: Subscription, now: Subscription) -> bool:
        """See `ports.Connections`."""
        return self._written(_body(was), was.status.value, now)

    def _written(self, body: str | None, status: str | None, now: Subscription) -> bool:
        """Write a row, if it is still as it was."""
        row = LiveItem(f"TOPIC#{now.topic}", _row_key(now))
        actions: list[Action] = [LiveItem.status.set(now.status.value), LiveItem.body.set(_body(now)), LiveItem.seen.set(now.seen)]
        try:
            _insisted(lambda: row.update(actions, condition=(LiveItem.body == body) & (LiveItem.status == status)))
        except UpdateError as error:
            return _lost(error)
        return True

    def owed(self, lane: int, until: datetime, after: str | None, count: int) -> list[Owed]:
        """See `ports.Connections`."""
        high = before(until)
        notes = self._reader.rows("live", ("pk", "sk"), f"OWED#{lane}", after, high, count) if (after or "") < high else []
        wanted = [cast("Mapping[str, str]", parsed(note["body"])) for note in notes]
        keys = [(f"TOPIC#{where['topic']}", where["row"]) for where in wanted]
        rows = self._reader.batch("live", [{"pk": pk, "sk": sk} for pk, sk in dict.fromkeys(keys)])
        found = {(row["pk"], row["sk"]): _subscription(row) for row in rows}
        return [Owed(lane, note["sk"], found.get(key)) for note, key in zip(notes, keys, strict=True)]

    def paid(self, owed: Owed) -> None:
        """See `ports.Connections`."""
        with answered():
            LiveItem(f"OWED#{owed.lane}", owed.place).delete(add_version_condition=False)

    def _note(self, subscription: Subscription, since: datetime) -> None:
        """Note that it is to be looked at LEFT behind an instant."""
        place = f"{before(since)}#{subscription.connection}#{subscription.operation}"
        pk, until = f"OWED#{lane_of(subscription.connection)}", _epoch(subscription.expires_at + NOTED)
        with answered():
            _item(pk, place, body=_where(subscription), expires_at=until).save()

    def end(self, connection: str, operation: str, now: datetime) -> bool:
        """See `ports.Connections`."""
        home, key = _home(connection), f"OP#{operation}"
        for _ in range(TRIES):
            there = _get(home, key)
            if there is not None and there.status == "ACTIVE":
                break
            row = _item(home, key, status="TOMBSTONE", expires_at=_epoch(now + TOMBSTONE))
            try:
                row.save(condition=LiveItem.pk.does_not_exist() | (LiveItem.status == "TOMBSTONE"), add_version_condition=False)
            except PutError as error:
                _lost(error)  # It has begun in between.
                continue
            return False
        else:
            raise Unavailable("the store did not answer (an operation changes too fast)")
        if not self._end(there):
            return False
        try:
            _insisted(lambda: LiveItem(home, "CONN").update([LiveItem.operations.add(-1)], condition=LiveItem.pk.exists()))
        except UpdateError as error:
            _lost(error)
        return True

    def disconnect(self, connection: str) -> None:
        """See `ports.Connections`."""
        with answered():
            held = list(LiveItem.query(_home(connection), consistent_read=True))
        for item in held:
            if item.sk.startswith("OP#"):
                self._end(item)
            else:
                with answered():
                    LiveItem(_beat(unpacked(Connection, parsed(str(item.body)))), connection).delete(add_version_condition=False)
                    item.delete(add_version_condition=False)

    def watched(self, topics: Sequence[str], now: datetime) -> Mapping[str, bool]:
        """See `ports.Connections`."""
        found: dict[str, bool] = {}
        heads = [(f"HEAD#{topic}", "HEAD") for topic in dict.fromkeys(topics)]
        try:
            for start in range(0, len(heads), HEADS):
                for item in LiveItem.batch_get(heads[start : start + HEADS], consistent_read=True):
                    if int(item.wanted_until or 0) > now.timestamp():
                        found[item.pk.removeprefix("HEAD#")] = int(item.members or 0) > 0
        except PynamoDBException as error:
            raise unavailable(error) from error
        return found

    def subscriptions(self, topic: str, now: datetime) -> list[Subscription]:
        """See `ports.Connections`."""
        del now  # Expired rows are given too: their operations are still to be told so.
        return [_subscription(row) for row in self._reader.rows("live", ("pk", "sk"), f"TOPIC#{topic}", None, TOP, MOST_MEMBERS)]

    def feed(self, topic: str, row: Fed) -> None:
        """See `ports.Connections`."""
        with answered():
            _item(f"FEED#{topic}", row.place, expires_at=_epoch(row.arrived_at + HELD)).save()

    def fed(self, topic: str, after: str, upto: str | None, count: int) -> list[Fed]:
        """See `ports.Connections`."""
        rows = self._reader.rows("live", ("pk", "sk"), f"FEED#{topic}", after, upto or TOP, count) if after < (upto or TOP) else []
        return [row_at(row["sk"]) for row in rows]

    def place(self, follower: str, shard: str) -> str | None:
        """See `ports.Connections`."""
        item = _get(f"PLACE#{follower}", shard)
        return str(item.body) if item else None

    def keep_place(self, follower: str, shard: str, position: str) -> None:
        """See `ports.Connections`."""
        with answered():
            _item(f"PLACE#{follower}", shard, body=position).save()

    def _end(self, operation: LiveItem) -> bool:
        """Take an operation and its row away; False when somebody else did."""
        where = cast("Mapping[str, str]", parsed(operation.body or "{}"))
        if "row" in where:
            self._leave(where["topic"], where["row"])
        try:
            operation.delete(condition=LiveItem.pk.exists(), add_version_condition=False)
        except DeleteError as error:
            return _lost(error)
        return True

    def _leave(self, topic: str, row: str) -> None:
        """Take a row away and count it off, at once and once: a transaction that is sent again is made no second time."""

        def write(transaction: TransactWrite) -> None:
            transaction.delete(LiveItem(f"TOPIC#{topic}", row), condition=LiveItem.pk.exists(), add_version_condition=False)
            transaction.update(LiveItem(f"HEAD#{topic}", "HEAD"), [LiveItem.members.add(-1)])

        try:
            self._transacted(write)
        except TransactWriteError as error:
            if _codes(error)[:1] != [CONDITION]:
                raise unavailable(error) from error

    def _transacted(self, fill: Callable[[TransactWrite], None]) -> None:
        """Make a transaction; one that met another is made again."""

        def once() -> None:
            with TransactWrite(connection=self._engine) as transaction:
                fill(transaction)

        _insisted(once)


def _insisted(write: Callable[[], T]) -> T:
    """Write, and again where it met another write: connections share heads, and those of one client come at once."""
    for _ in range(TRIES - 1):
        try:
            return write()
        except TransactWriteError as error:
            if CONFLICT not in _codes(error) or CONDITION in _codes(error):
                raise
        except UpdateError as error:
            if error.cause_response_code != "TransactionConflictException":
                raise
        _rest()
    return write()


def _rest() -> None:
    time.sleep(random.uniform(0, REST_S))  # noqa: S311 - it spreads tries and hides nothing


def _codes(error: TransactWriteError) -> list[str | None]:
    return [reason.code if reason else None for reason in error.cancellation_reasons]


def _home(connection: str) -> str:
    return f"CONN#{connection}"


def _beat(connection: Connection) -> str:
    return f"BEAT#{beat_of(connection.expires_at)}"


def _row_key(subscription: Subscription) -> str:
    return f"SUB#{subscription.cohort.key}#{subscription.connection}#{subscription.operation}"


def _where(subscription: Subscription) -> str:
    return canonical({"topic": subscription.topic, "row": _row_key(subscription)}).decode()


def _item(pk: str, sk: str, **attributes: Any) -> LiveItem:  # noqa: ANN401 - the attributes of the model
    return LiveItem(pk, sk, province=NOWHERE, **attributes)


def _get(pk: str, sk: str) -> LiveItem | None:
    try:
        return LiveItem.get(pk, sk, consistent_read=True)
    except DoesNotExist:
        return None
    except PynamoDBException as error:
        raise unavailable(error) from error


def _body(thing: Connection | Subscription) -> str:
    return canonical(packed(thing)).decode()


def _subscription(row: Attributes) -> Subscription:
    kept = _kept(row["body"])
    return kept.lives(int(row["seen"])) if row["status"] == Status.LIVE.value else kept


@lru_cache(maxsize=MOST_KEPT)
def _kept(body: str) -> Subscription:
    """Read what a row holds; the same row is read at each event of its topic."""
    return unpacked(Subscription, cast("Mapping[str, Any]", parsed(body)))


def _epoch(at: datetime) -> int:
    return int(at.timestamp())


def _expired(item: LiveItem, now: datetime) -> bool:
    return item.expires_at is not None and datetime.fromtimestamp(int(item.expires_at), UTC) <= now


def _lost(error: UpdateError | DeleteError | PutError) -> bool:
    """Tell a condition that did not hold, as False, from an engine that did not answer, which raises."""
    if error.cause_response_code == "ConditionalCheckFailedException":
        return False
    raise unavailable(error) from error
