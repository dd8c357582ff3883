"""Has entries taken again that a follower of a stream had set aside: of a deployed stage by its functions, here by the running service.

A letter of the dead-letter queue names an entry; the entry is read from its table, and the follower gets it as the stream had given it. One
that fails anew is set aside anew. Clients drop what they had heard before.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from casework.adapters.aside import TABLES, read
from casework.model.errors import Corrupt
from casework.ports import Letter
from local.deployed import Deployed

AT_ONCE = 10  # messages of one answer of SQS, at most
REST_S = 2.0
LONGEST_S = 330  # that a function takes, and that a message is hidden from others


@dataclass
class Tally:
    """How many were taken, set aside anew, and left since they could not be read or handed over."""

    taken: int = 0
    anew: int = 0
    left: int = 0

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
    """Count about how many messages the queue of a stage holds."""
    url = deployed.resource("SetAside")
    names = ["ApproximateNumberOfMessages"]
    return int(deployed.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])


def redriven(deployed: Deployed, advance: Callable[[int], None] = lambda _: None) -> Tally:
    """Have all that a stage set aside before now taken again, message by message; a message goes when its entries are taken.

    Killed in the middle, it has taken some, and the next run takes the others; one is taken twice at most.
    """
    queue, url, tally, began = deployed.client("sqs"), deployed.resource("SetAside"), Tally(), time.time()
    while messages := _received(queue, url):
        old = [message for message in messages if int(message["Attributes"]["SentTimestamp"]) / 1000 <= began]
        for message in old:
            _redrive(deployed, message, tally)
            advance(1)
        if not old:  # All that is left was set aside anew.
            break
    return tally


def _received(queue: Any, url: str) -> list[dict[str, Any]]:  # noqa: ANN401 - a client of SQS
    answer = queue.receive_message(
        QueueUrl=url, MaxNumberOfMessages=AT_ONCE, VisibilityTimeout=LONGEST_S, WaitTimeSeconds=1, AttributeNames=["SentTimestamp"]
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def _redrive(deployed: Deployed, message: dict[str, Any], tally: Tally) -> None:
    queue, url = deployed.client("sqs"), deployed.resource("SetAside")
    try:
        for follower, again in _named(deployed, message["Body"]):
            if _taken(deployed, follower, again):
                tally.taken += 1
            else:
                tally.anew += 1
    except Corrupt:
        tally.left += 1
        return
    queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


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
        while iterator:
            answer = streams.get_records(ShardIterator=iterator)
            for one in answer["Records"]:
                if int(one["dynamodb"]["SequenceNumber"]) > int(batch["last"]):
                    return
                again = record(deployed.client("dynamodb"), deployed.stage, _letter(batch, one))
                if again is not None:
                    yield again
            if not answer["Records"]:
                return
            iterator = answer.get("NextShardIterator")
    except streams.exceptions.TrimmedDataAccessException as error:
        raise Corrupt("the stream has forgotten those records") from error


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
