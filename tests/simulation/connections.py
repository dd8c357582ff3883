"""The second store's connections, operations and subscriptions, call by call as the first store makes them.

Between two calls a crash may come, or another client: a head may then count too many, and an operation stand without its row.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from casework.adapters.dynamo import items
from casework.adapters.dynamo.connections import MOST_MEMBERS, NOTED, NOWHERE, TRIES, WANTED
from casework.adapters.dynamo.forms import FORMS
from casework.adapters.dynamo.reader import LEAST, TOP
from casework.audit.canonical import canonical, parsed
from casework.live.cohorts import Owed, Status, Subscription
from casework.live.connection import TOMBSTONE, Began, Connection, Operation, Phase, beat_of, lane_of
from casework.live.feeds import HELD, LEFT, Fed, before, row_at
from casework.live.topics import Kind, kind_of
from casework.model.errors import Unavailable
from casework.model.packing import packed, unpacked
from tests.simulation.engine import Engine
from tests.simulation.tables import Place, Row
from tests.simulation.writes import Cancelled, Condition, Reason, Write, absent, anyhow, check, delete, present, put, update


class SimulatedConnections:
    """The part of the store that holds connections."""

    def __init__(self, engine: Engine) -> None:
        """Share the store's engine."""
        self._engine = engine

    def connect(self, connection: Connection) -> None:
        """See `ports.Connections`."""
        there = {"phase": connection.phase.value, "operations": 0, "body": _body(connection), "expires_at": _epoch(connection.expires_at)}
        with self._engine.lock:
            self._engine.write(self._put((_beat(connection), connection.id), {"expires_at": there["expires_at"]}))
            self._engine.write(self._put((_home(connection.id), "CONN"), there))

    def connection(self, connection: str, now: datetime) -> Connection | None:
        """See `ports.Connections`."""
        with self._engine.lock:
            row = self._get((_home(connection), "CONN"))
        if row is None or datetime.fromtimestamp(row["expires_at"], UTC) <= now:
            return None
        return unpacked(Connection, parsed(row["body"]))

    def beating(self, bucket: int, after: str | None, count: int) -> list[str]:
        """See `ports.Connections`."""
        with self._engine.lock:
            rows = self._engine.query(self._engine.live, f"BEAT#{bucket}", after + LEAST if after else "", TOP, most=count)
        return [row["sk"] for row in rows]

    def acknowledge(self, connection: Connection) -> bool:
        """See `ports.Connections`."""
        sets = {"phase": Phase.ACKNOWLEDGED.value, "body": _body(connection)}
        with self._engine.lock:
            return self._made(update(self._engine.live, (_home(connection.id), "CONN"), sets, _opened))

    def begin(self, operation: Operation, limit: int, now: datetime) -> Began:
        """See `ports.Connections`."""
        home, key = _home(operation.connection), f"OP#{operation.id}"

        def free(row: Row | None) -> bool:
            return row is None or ("expires_at" in row and row["expires_at"] < _epoch(now))

        def room(row: Row | None) -> bool:
            return row is not None and row["operations"] < limit and row["phase"] == Phase.ACKNOWLEDGED.value

        there = {"status": "ACTIVE", "body": "{}", "expires_at": _epoch(operation.expires_at)}
        with self._engine.lock:
            try:
                self._transacted(
                    self._put((home, key), there, free),
                    update(self._engine.live, (home, "CONN"), {}, room, add={"operations": 1}),
                )
            except Cancelled as cancelled:
                return self._not_begun(cancelled, home, key)
        return Began.BEGUN

    def subscribe(self, subscription: Subscription, now: datetime) -> None:
        """See `ports.Connections`."""
        live, topic, key = self._engine.live, subscription.topic, _row_key(subscription)
        head = {"wanted_until": _epoch(now + WANTED), "v": FORMS["live"].writes, "province": NOWHERE}
        there = {
            "status": subscription.status.value,
            "seen": subscription.seen,
            "body": _body(subscription),
            "expires_at": _epoch(subscription.expires_at),
        }
        operation = (_home(subscription.connection), f"OP#{subscription.operation}")
        where = {"body": _where(subscription)}
        with self._engine.lock:
            if subscription.since is not None:
                self._note(subscription, subscription.since)
            self._note(subscription, subscription.expires_at - LEFT)
            self._engine.write(update(live, _head(topic), head, add={"members": 1}))
            try:
                self._transacted(self._put((f"TOPIC#{topic}", key), there), update(live, operation, where, _active))
            except Cancelled as cancelled:
                if Reason.CONDITION not in cancelled.reasons:
                    raise Unavailable(f"the store did not answer ({cancelled})") from cancelled
                self._transacted(update(live, _head(topic), {}, add={"members": -1}))  # The client completed it in between.

    def go_live(self, subscription: Subscription, seen: int) -> bool:
        """See `ports.Connections`."""

        def last(row: Row | None) -> bool:
            return row is not None and row.get("entries") == seen

        upto = check(self._engine.subjects, (subscription.subject, items.STATE), last)
        if kind_of(subscription.topic) is Kind.ACCESSES:
            upto = check(self._engine.accesses, (subscription.subject, items.seq_key(seen + 1)), absent)

        row = (f"TOPIC#{subscription.topic}", _row_key(subscription))
        body = _body(subscription)
        with self._engine.lock:
            try:
                self._transacted(
                    upto,
                    update(
                        self._engine.live,
                        row,
                        {"status": Status.LIVE.value, "seen": seen},
                        lambda row: row is not None and row["body"] == body,
                    ),
                )
            except Cancelled as cancelled:
                if Reason.CONDITION not in cancelled.reasons:
                    raise Unavailable(f"the store did not answer ({cancelled})") from cancelled
                return (
                    cancelled.reasons[1] is Reason.CONDITION
                )  # The row is gone, or somebody else's: there is nothing to bring up to date.
        return True

    def put_back(self, subscription: Subscription, since: datetime, place: str) -> Subscription | None:
        """See `ports.Connections`."""
        with self._engine.lock:
            for _ in range(TRIES):
                row = self._get((f"TOPIC#{subscription.topic}", _row_key(subscription)))
                if row is None:
                    return None
                back = _subscription(row).replays(since, place)
                self._note(back, since)
                if self._written(row["body"], row["status"], back):
                    return back
        raise Unavailable("the store did not answer (a subscription changes too fast)")

    def moved(self, was: Subscription, now: Subscription) -> bool:
        """See `ports.Connections`."""
        with self._engine.lock:
            return self._written(_body(was), was.status.value, now)

    def _written(self, body: str, status: str, now: Subscription) -> bool:
        def same(row: Row | None) -> bool:
            return row is not None and (row["body"], row["status"]) == (body, status)

        sets = {"status": now.status.value, "body": _body(now), "seen": now.seen}
        return self._made(update(self._engine.live, (f"TOPIC#{now.topic}", _row_key(now)), sets, same))

    def owed(self, lane: int, until: datetime, after: str | None, count: int) -> list[Owed]:
        """See `ports.Connections`."""
        with self._engine.lock:
            notes = self._engine.query(self._engine.live, f"OWED#{lane}", after + LEAST if after else "", before(until), most=count)
            wanted = [cast("Mapping[str, str]", parsed(note["body"])) for note in notes]
            keys = [(f"TOPIC#{where['topic']}", where["row"]) for where in wanted]
            rows = self._engine.batch(self._engine.live, list(dict.fromkeys(keys)))
        found = {(row["pk"], row["sk"]): _subscription(row) for row in rows}
        return [Owed(lane, note["sk"], found.get(key)) for note, key in zip(notes, keys, strict=True)]

    def paid(self, owed: Owed) -> None:
        """See `ports.Connections`."""
        with self._engine.lock:
            self._engine.write(delete(self._engine.live, (f"OWED#{owed.lane}", owed.place)))

    def _note(self, subscription: Subscription, since: datetime) -> None:
        place = f"{before(since)}#{subscription.connection}#{subscription.operation}"
        there = {"body": _where(subscription), "expires_at": _epoch(subscription.expires_at + NOTED)}
        self._engine.write(self._put((f"OWED#{lane_of(subscription.connection)}", place), there))

    def end(self, connection: str, operation: str, now: datetime) -> bool:
        """See `ports.Connections`."""
        home, key = _home(connection), f"OP#{operation}"
        with self._engine.lock:
            for _ in range(TRIES):
                there = self._get((home, key))
                if there is not None and there["status"] == "ACTIVE":
                    break
                tombstone = {"status": "TOMBSTONE", "expires_at": _epoch(now + TOMBSTONE)}
                if self._made(self._put((home, key), tombstone, lambda row: row is None or row["status"] == "TOMBSTONE")):
                    return False
            else:
                raise Unavailable("the store did not answer (an operation changes too fast)")
            if not self._ended(there):
                return False
            self._made(update(self._engine.live, (home, "CONN"), {}, present, add={"operations": -1}))
        return True

    def disconnect(self, connection: str) -> None:
        """See `ports.Connections`."""
        with self._engine.lock:
            for row in self._engine.query(self._engine.live, _home(connection), most=MOST_MEMBERS):
                if row["sk"].startswith("OP#"):
                    self._ended(row)
                else:
                    self._engine.write(delete(self._engine.live, (_beat(unpacked(Connection, parsed(row["body"]))), connection)))
                    self._engine.write(delete(self._engine.live, (row["pk"], row["sk"])))

    def watched(self, topics: Sequence[str], now: datetime) -> Mapping[str, bool]:
        """See `ports.Connections`."""
        with self._engine.lock:
            rows = self._engine.batch(self._engine.live, [_head(topic) for topic in dict.fromkeys(topics)])
        wanted = [row for row in rows if row.get("wanted_until", 0) > now.timestamp()]
        return {row["pk"].removeprefix("HEAD#"): row.get("members", 0) > 0 for row in wanted}

    def subscriptions(self, topic: str, now: datetime) -> list[Subscription]:
        """See `ports.Connections`."""
        del now  # Expired rows are given too: their operations are still to be told so.
        with self._engine.lock:
            rows = self._engine.query(self._engine.live, f"TOPIC#{topic}", most=MOST_MEMBERS)
        return [_subscription(row) for row in rows]

    def feed(self, topic: str, row: Fed) -> None:
        """See `ports.Connections`."""
        with self._engine.lock:
            self._engine.write(self._put((f"FEED#{topic}", row.place), {"expires_at": _epoch(row.arrived_at + HELD)}))

    def fed(self, topic: str, after: str, upto: str | None, count: int) -> list[Fed]:
        """See `ports.Connections`."""
        with self._engine.lock:
            rows = self._engine.query(self._engine.live, f"FEED#{topic}", after + LEAST, upto or TOP, most=count)
        return [row_at(row["sk"]) for row in rows if upto is None or row["sk"] < upto]

    def place(self, follower: str, shard: str) -> str | None:
        """See `ports.Connections`."""
        with self._engine.lock:
            row = self._get((f"PLACE#{follower}", shard))
        return str(row["body"]) if row else None

    def keep_place(self, follower: str, shard: str, position: str) -> None:
        """See `ports.Connections`."""
        with self._engine.lock:
            self._engine.write(self._put((f"PLACE#{follower}", shard), {"body": position}))

    def _not_begun(self, cancelled: Cancelled, home: str, key: str) -> Began:
        if cancelled.reasons[0] is Reason.CONDITION:
            there = self._get((home, key))
            if there is not None and there["status"] == "TOMBSTONE":
                self._engine.write(delete(self._engine.live, (home, key)))
                return Began.COMPLETED
            return Began.DUPLICATE
        if Reason.CONDITION in cancelled.reasons:
            return Began.FULL if self._get((home, "CONN")) else Began.GONE
        raise Unavailable("the store did not answer (TransactionCanceledException)") from cancelled

    def _ended(self, operation: Row) -> bool:
        """Take an operation and its row away; False when somebody else did."""
        where = cast("Mapping[str, str]", parsed(operation.get("body", "{}")))
        if "row" in where:
            self._leave(where["topic"], where["row"])
        return self._made(delete(self._engine.live, (operation["pk"], operation["sk"]), present))

    def _leave(self, topic: str, row: str) -> None:
        try:
            self._transacted(
                delete(self._engine.live, (f"TOPIC#{topic}", row), present),
                update(self._engine.live, _head(topic), {}, add={"members": -1}),
            )
        except Cancelled as cancelled:
            if cancelled.reasons[0] is not Reason.CONDITION:
                raise Unavailable(f"the store did not answer ({cancelled})") from cancelled

    def _transacted(self, *writes: Write) -> None:
        """Make a transaction; one that met another is made again."""
        for _ in range(TRIES - 1):
            try:
                self._engine.transact(*writes)
            except Cancelled as cancelled:
                if Reason.CONFLICT not in cancelled.reasons or Reason.CONDITION in cancelled.reasons:
                    raise
            else:
                return
        self._engine.transact(*writes)

    def _get(self, place: Place) -> Row | None:
        return self._engine.get(self._engine.live, place)

    def _put(self, place: Place, attributes: Row, condition: Condition = anyhow) -> Write:
        row = {"pk": place[0], "sk": place[1], "v": FORMS["live"].writes, "province": NOWHERE, **attributes}
        return put(self._engine.live, row, condition)

    def _made(self, write: Write) -> bool:
        """Make a write; False when its condition does not hold."""
        try:
            self._engine.write(write)
        except Cancelled:
            return False
        return True


def _active(row: Row | None) -> bool:
    return row is not None and row.get("status") == "ACTIVE"


def _opened(row: Row | None) -> bool:
    return row is not None and row["phase"] == Phase.OPENED.value


def _home(connection: str) -> str:
    return f"CONN#{connection}"


def _beat(connection: Connection) -> str:
    return f"BEAT#{beat_of(connection.expires_at)}"


def _head(topic: str) -> Place:
    return f"HEAD#{topic}", "HEAD"


def _row_key(subscription: Subscription) -> str:
    return f"SUB#{subscription.cohort.key}#{subscription.connection}#{subscription.operation}"


def _where(subscription: Subscription) -> str:
    return canonical({"topic": subscription.topic, "row": _row_key(subscription)}).decode()


def _body(thing: Connection | Subscription) -> str:
    return canonical(packed(thing)).decode()


def _subscription(row: Row) -> Subscription:
    kept = unpacked(Subscription, cast("Mapping[str, Any]", parsed(row["body"])))
    return kept.lives(row["seen"]) if row["status"] == Status.LIVE.value else kept


def _epoch(at: datetime) -> int:
    return int(at.timestamp())
