"""Has entries taken again that a follower of a stream had set aside: of a deployed stage by its functions, here by the running service.

A letter of the dead-letter queue names an entry; the entry is read from its table, and the follower gets it as the stream had given it. One
that fails anew is set aside anew. Clients drop what they had heard before.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from casework.adapters.aside import TABLES, read
from casework.model.errors import Corrupt
from casework.ports import Letter
from local.deployed import Deployed

LONGEST_S = 330  # that a function takes, and that a message is hidden from others
PAGES = 100  # of a stream, that are read for a batch
FORGOTTEN = frozenset({"TrimmedDataAccessException", "ResourceNotFoundException", "ExpiredIteratorException"})


@dataclass
class Tally:
    """How many were taken, set aside anew, and left since they could not be read or handed over."""

    taken: int = 0
    anew: int = 0
    left: int = 0
    why: list[str] = field(default_factory=list)  # of each that is left

    @property
    def told(self) -> str:
        """In words."""
        return f"{self.taken} taken again, {self.anew} set aside anew, {self.left} left in the queue"


def record(engine: Any, stage: str, letter: Letter) -> dict[str, Any] | None:  # noqa: ANN401 - a client of DynamoDB
    """Give an entry as its stream gave it; None where there is none any more."""
    key = {"subject": {"S": letter.subject}, "seq": {"S": f"E#{letter.seq:08d}"}}
    image = engine.get_item(TableName=f"giamsat-{stage}-{letter.table}", Key=key, ConsistentRead=True).get("Item")
    if image is None:
        return None
    told = {"Keys": key, "NewImage": image, "SequenceNumber": "0", "ApproximateCreationDateTime": time.time()}
    return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": told}


def waiting(deployed: Deployed) -> int:
    """Count about how many messages the queue of a stage holds, those hidden by another run too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = deployed.client("sqs").get_queue_attributes(QueueUrl=deployed.resource("SetAside"), AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def redriven(deployed: Deployed, advance: Callable[[int], None] = lambda _: None) -> Tally:
    """Have all that a stage set aside before now taken again, message by message; a message goes when its entries are taken.

    Killed in the middle, it has taken some; the next run takes the others, and maybe one of them a second time. What stays in the queue is
    shown again at once, so that others see it.
    """
    queue, url, tally = deployed.client("sqs"), deployed.resource("SetAside"), Tally()
    began: float | None = None
    seen, kept = set[str](), list[dict[str, Any]]()
    try:
        while True:
            answer = queue.receive_message(
                QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=LONGEST_S, WaitTimeSeconds=1, AttributeNames=["SentTimestamp"]
            )
            began = began or _told_at(answer)
            if not answer.get("Messages"):
                return tally
            (message,) = answer["Messages"]
            kept.append(message)
            if message["MessageId"] in seen or int(message["Attributes"]["SentTimestamp"]) / 1000 > began:
                continue  # It was set aside anew, which is counted.
            seen.add(message["MessageId"])
            if _redrive(deployed, message["Body"], tally):
                queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                kept.pop()
            advance(1)
    finally:
        for message in kept:
            queue.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)


def _told_at(answer: dict[str, Any]) -> float:
    """Tell when AWS answered, by its clock, in seconds; a message that was sent in that second may be one of before."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return (parsedate_to_datetime(date).timestamp() if date else time.time()) + 1


def _redrive(deployed: Deployed, body: str, tally: Tally) -> bool:
    """Have the entries of a message taken; False where it is to stay."""
    try:
        for follower, again in _named(deployed, body):
            if _taken(deployed, follower, again):
                tally.taken += 1
            else:
                tally.anew += 1
    except (Corrupt, ClientError, BotoCoreError) as error:
        tally.left += 1
        tally.why.append(str(error))
        return False
    return True


def _named(deployed: Deployed, body: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the entries that a message names, each with who is to take it: a letter of ours, or what Lambda writes of a batch.

    Source of the latter: invocation record of a failure destination, `DDBStreamBatchInfo`.

    Raises:
        Corrupt: it is neither, or its records are gone from the stream.
    """
    batch = _batch(body)
    if batch is None:
        letter = read(body)
        again = record(deployed.client("dynamodb"), deployed.stage, letter)
        if again is not None:
            yield letter.follower, again
        return
    follower = str(batch["function"]).rpartition("-")[2]
    yield from ((follower, again) for again in _streamed(deployed, batch))


def _batch(body: str) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
        info = found["DDBStreamBatchInfo"]
        function = found["requestContext"]["functionArn"].split(":")[6]
        return {
            "function": function, "arn": info["streamArn"], "shard": info["shardId"],
            "first": info["startSequenceNumber"], "last": info["endSequenceNumber"],
        }  # fmt: skip
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def _streamed(deployed: Deployed, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Read the entries of a batch: which they are from the stream, what they hold from their table."""
    streams = deployed.client("dynamodbstreams")
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=batch["arn"], ShardId=batch["shard"], ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=batch["first"]
        )["ShardIterator"]
        for _ in range(PAGES):  # a page may be empty and not the last
            answer = streams.get_records(ShardIterator=iterator)
            for one in answer["Records"]:
                number = int(one["dynamodb"]["SequenceNumber"])
                again = record(deployed.client("dynamodb"), deployed.stage, _letter(batch, one)) if one["eventName"] == "INSERT" else None
                if again is not None and number <= int(batch["last"]):
                    yield again
                if number >= int(batch["last"]):
                    return
            iterator = answer.get("NextShardIterator")
            if iterator is None:
                break
    except ClientError as error:
        if error.response["Error"]["Code"] not in FORGOTTEN:
            raise
        raise Corrupt("the stream has forgotten records that Lambda set aside: it keeps them for a day") from error
    raise Corrupt("the stream does not give all records that Lambda set aside")


def _letter(batch: dict[str, Any], one: dict[str, Any]) -> Letter:
    keys = one["dynamodb"]["Keys"]
    table = next((name for name in TABLES if f"-{name}/stream/" in batch["arn"]), TABLES[0])
    return Letter("stream", table, keys["subject"]["S"], int(keys["seq"]["S"].partition("#")[2]), "ended")


def _taken(deployed: Deployed, follower: str, again: dict[str, Any]) -> bool:
    """Have a function take a record; False where it set it aside anew.

    Raises:
        Corrupt: the function failed: the message stays.
    """
    name, payload = f"giamsat-{deployed.stage}-{follower}", json.dumps({"Records": [again]})
    answer = deployed.client("lambda").invoke(FunctionName=name, Payload=payload.encode())
    found = json.loads(answer["Payload"].read() or "null")
    if answer.get("FunctionError") or not isinstance(found, dict) or found.get("batchItemFailures"):
        raise Corrupt(f"{name} did not take it: {found}")
    return not found.get("setAside")
