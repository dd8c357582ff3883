"""Carries the trail's stream into `handlers.tasks` and `handlers.stream`, that of accesses into the latter, batch by batch.

One reader, in order, for each shard, as a Lambda mapping with parallelization 1. A batch that fails is tried again, and holds up those
behind it, until it passes or what fails of it is set aside (`handlers/taking.py`). The place is kept after each batch, so a restart repeats
at most one. What `giamsat redrive` asks to have taken again is taken between two batches.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from casework.adapters.aside import FolderAside
from casework.model.errors import Fault, Unavailable
from casework.ports import Letter, Services
from handlers import stream, tasks
from local.home import QUICK, REGION, STAGE
from local.redriving import record

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams.type_defs import GetRecordsOutputTypeDef

log = logging.getLogger("giamsat")

BATCH = 100
BUSY_S = 0.02
IDLE_S = 0.5
SHARDS_S = 5.0
FOLLOWER = "stream"
FOLLOWERS = {"stream": stream, "tasks": tasks}
ELSEWHERE = frozenset({"TrimmedDataAccessException", "ValidationException"})  # a place that this stream does not have


class Pump:
    """A thread that follows the stream."""

    def __init__(self, services: Services, endpoint: str, busy: Callable[[], bool], wake: Callable[[], None] = lambda: None) -> None:
        """Follow on that engine; `busy` tells whether anybody is connected, which makes it look more often; `wake` hears of entries."""
        self._services = services
        self._busy = busy
        self._wake = wake
        self._streams = boto3.client("dynamodbstreams", endpoint_url=endpoint, region_name=REGION, config=QUICK)
        self._engine = engine = boto3.client("dynamodb", endpoint_url=endpoint, region_name=REGION, config=QUICK)
        self._arns = {
            engine.describe_table(TableName=f"giamsat-{STAGE}-{table}")["Table"]["LatestStreamArn"]: handlers
            for table, handlers in {"trail": (tasks, stream), "accesses": (stream,)}.items()
        }
        self._of: dict[str, str] = {}  # shard -> the stream that it is of
        self._iterators: dict[str, str] = {}
        self._done: set[str] = set()
        self._trimmed: set[str] = set()  # shards whose place is older than the stream remembers, or belongs to another stream
        self._reached: dict[str, datetime] = {}
        self._current = services.now()
        self.fault: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it follows the stream still."""
        return self._thread.is_alive()

    def lag_s(self) -> float | None:
        """Give how far behind the stream it is: all that was written longer ago is handled. None when it follows no longer."""
        return max((self._services.now() - self._current).total_seconds(), 0.0) if self.alive else None

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as fault:
            self.fault = fault  # Whoever watches the pump ends the service with it.
            raise

    def _follow(self) -> None:
        looked = 0.0
        while not self._stopping.is_set():
            try:
                if looked <= 0:
                    self._look()
                    self._again()
                    looked = SHARDS_S
                moved = self._turn()
            except (ClientError, BotoCoreError, Fault) as error:
                log.warning("the stream could not be read, trying again: %s", error)
                moved = False
                self._iterators.clear()  # from the place that was kept
                looked = 0.0
            pause = 0.0 if moved else BUSY_S if self._busy() else IDLE_S
            looked -= max(pause, BUSY_S)
            if pause:
                self._stopping.wait(pause)

    def _again(self) -> None:
        """Take what was set aside and is asked for again."""
        if isinstance(self._services.aside, FolderAside):
            self._services.aside.again(self._took)

    def _took(self, letter: Letter) -> bool:
        """Have a letter's entry taken; False where it is to be tried another time. The stream goes on in any case."""
        try:
            again = record(self._engine, STAGE, letter)
            return again is None or not FOLLOWERS[letter.follower].handle({"Records": [again]}, self._services)["batchItemFailures"]
        except (ClientError, BotoCoreError, Fault) as error:
            log.warning("entry %d of %s waits to be taken again: %s", letter.seq, letter.subject, error)
            return False

    def _look(self) -> None:
        """Find the shards; a child is read after its parent."""
        shards: dict[str, str | None] = {}
        for arn in self._arns:
            described = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]
            shards |= {shard["ShardId"]: shard.get("ParentShardId") for shard in described["Shards"]}
            self._of |= {shard["ShardId"]: arn for shard in described["Shards"]}
        for shard, parent in shards.items():
            ready = parent is None or parent in self._done or parent not in shards
            if shard not in self._iterators and shard not in self._done and ready:
                self._iterators[shard] = self._iterator(shard)
                self._reached.setdefault(shard, self._current)

    def _iterator(self, shard: str) -> str:
        """Go on behind the place that was kept, or from the oldest record that there is.

        That is next where the place is older than the stream remembers, or the engine is new: who is not connected has nothing to miss,
        and who is drops what it has seen.
        """
        place = None if shard in self._trimmed else self._services.store.place(FOLLOWER, shard)
        if place is not None:
            try:
                return self._streams.get_shard_iterator(
                    StreamArn=self._of[shard], ShardId=shard, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=place
                )["ShardIterator"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in ELSEWHERE:
                    raise
                self._trimmed.add(shard)
        return self._streams.get_shard_iterator(
            StreamArn=self._of[shard], ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]  # fmt: skip

    def _read(self, shard: str, iterator: str) -> "GetRecordsOutputTypeDef | None":
        """Read a batch; None where the place of its iterator is gone, and the shard is to be read from its oldest record."""
        try:
            return self._streams.get_records(ShardIterator=iterator, Limit=BATCH)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ELSEWHERE:
                raise
        self._trimmed.add(shard)
        del self._iterators[shard]
        return None

    def _turn(self) -> bool:
        moved = False
        for shard, iterator in list(self._iterators.items()):
            asked_at = self._services.now()
            answer = self._read(shard, iterator)
            if answer is None:
                continue
            if answer["Records"]:
                self._reach(shard, answer["Records"][0]["dynamodb"]["ApproximateCreationDateTime"])
                self._wake()
                for handler in self._arns[self._of[shard]]:
                    if handler.handle({"Records": answer["Records"]}, self._services)["batchItemFailures"]:
                        raise Unavailable(f"a batch of {handler.__name__} waits")
                self._services.store.keep_place(FOLLOWER, shard, answer["Records"][-1]["dynamodb"]["SequenceNumber"])
                self._reach(shard, answer["Records"][-1]["dynamodb"]["ApproximateCreationDateTime"])
                moved = True
                self._trimmed.discard(shard)
            else:
                self._reach(shard, asked_at)
            following = cast("str | None", answer.get("NextShardIterator"))
            if following is None:
                del self._iterators[shard]
                self._done.add(shard)
                self._reached.pop(shard, None)
            else:
                self._iterators[shard] = following
        return moved

    def _reach(self, shard: str, at: datetime) -> None:
        """Note how far a shard has been handled; the one that is furthest behind tells how far all are."""
        self._reached[shard] = at
        self._current = min(self._reached.values())
