"""The list reader: pages of an index and batches by key, without pynamodb's models, which cost more than all the rest of a page.

It signs by itself (`signing`), sends with urllib3 over connections that it keeps alive, and gives items as plain attributes by name, in the
newest form (`forms`). It writes nothing.
"""

import random
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3
from pynamodb.connection import Connection
from urllib3.exceptions import HTTPError as Unreachable

from casework.adapters.dynamo.forms import FORMS, Attributes, plain
from casework.adapters.signing import Signer
from casework.model.errors import Unavailable
from casework.ports import Span

TRIES = 3
OK, FAULTY = 200, 500  # statuses: done, and from here on the engine's own fault
BATCH = 100  # keys of one BatchGetItem
AGAIN = frozenset({"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"})


class Reader:
    """Reads from the engine that pynamodb is bound to."""

    def __init__(self, connection: Connection, stage: str) -> None:
        """Share endpoint, region and credentials with the models' connection."""
        client = connection.client
        self._url = str(client.meta.endpoint_url)
        self._host = urlsplit(self._url).netloc
        credentials = client._request_signer._credentials  # noqa: SLF001 - there is no other way to them
        self._signer = Signer(credentials, "dynamodb", client.meta.region_name)
        self._stage = stage
        self._http = urllib3.PoolManager(  # botocore's own session costs half as much again
            timeout=urllib3.Timeout(connect=2, read=10),
            maxsize=32,
            # By itself a connection may hold the body back until the head is acknowledged, for some 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        self.consumed = 0.0  # read units, for whoever measures

    def page(self, table: str, index: str, keys: tuple[str, str], partition: str, span: Span) -> list[Attributes]:
        """Read one page of one partition of an index; `keys` name its hash and range attribute."""
        low, high = span.low or "", span.high or TOP
        if low >= high:
            return []  # To ask for such a span is an error.
        values = {":p": {"S": partition}, ":low": {"S": low or LEAST}, ":high": {"S": high}}
        asked: Any = {
            "TableName": f"giamsat-{self._stage}-{table}",
            "IndexName": index,
            "KeyConditionExpression": f"{keys[0]} = :p AND {keys[1]} BETWEEN :low AND :high",
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not span.backwards,
            "Limit": span.count + 1,  # BETWEEN takes both ends in, and one of them may be a row that was shown already
            "ReturnConsumedCapacity": "TOTAL",
        }
        read, rows = FORMS[table].read, list[Attributes]()
        while True:
            answer = self._asked("Query", asked)
            self.consumed += answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
            rows.extend(read(row) for row in map(plain, answer["Items"]) if low < row[keys[1]] < high)
            asked["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
            if asked["ExclusiveStartKey"] is None or len(rows) >= span.count:
                return rows[: span.count]
            asked["Limit"] = span.count + 1 - len(rows)  # An answer ends at 1 MB, too, and large rows come in several.

    def rows(self, table: str, keys: tuple[str, str], partition: str, low: str | None, high: str, count: int) -> list[Attributes]:
        """Read, consistently and in order, at most `count` rows of a partition between two sort keys, both left out."""
        asked: Any = {
            "TableName": f"giamsat-{self._stage}-{table}",
            "KeyConditionExpression": "#p = :p AND #s < :high",
            "ExpressionAttributeNames": {"#p": keys[0], "#s": keys[1]},  # a word of the engine's own may be among them
            "ExpressionAttributeValues": {":p": {"S": partition}, ":high": {"S": high}},
            "ConsistentRead": True,
            "Limit": count,
            "ReturnConsumedCapacity": "TOTAL",
        }
        if low is not None:
            asked["ExclusiveStartKey"] = {keys[0]: {"S": partition}, keys[1]: {"S": low}}
        read, rows = FORMS[table].read, list[Attributes]()
        while True:
            answer = self._asked("Query", asked)
            self.consumed += answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
            rows.extend(map(read, map(plain, answer["Items"])))
            asked["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
            if asked["ExclusiveStartKey"] is None or len(rows) >= count:
                return rows
            asked["Limit"] = count - len(rows)

    def merged(self, table: str, index: str, keys: tuple[str, str], partitions: Sequence[str], span: Span) -> list[Attributes]:
        """Read one page out of several partitions of an index, in the order of its range attribute."""
        pages = [self.page(table, index, keys, partition, span) for partition in partitions]
        return list(islice(merge(*pages, key=lambda row: row[keys[1]], reverse=span.backwards), span.count))

    def batch(self, table: str, keys: Sequence[Mapping[str, str]], only: Sequence[str] = ()) -> Iterator[Attributes]:
        """Read items by their keys, consistently, in no order; what is absent is left out.

        `only` names the attributes wanted: such as are the same in every form, since a part of an item is not upgraded.
        """
        name = f"giamsat-{self._stage}-{table}"
        part_of = {"ProjectionExpression": ", ".join((*only, "v"))} if only else {}
        read = FORMS[table].known if only else FORMS[table].read
        for start in range(0, len(keys), BATCH):
            wanted: Any = [{part: {"S": text} for part, text in key.items()} for key in keys[start : start + BATCH]]
            for attempt in range(TRIES):
                asked = {"RequestItems": {name: {"Keys": wanted, "ConsistentRead": True, **part_of}}, "ReturnConsumedCapacity": "TOTAL"}
                answer = self._asked("BatchGetItem", asked)
                self.consumed += sum(table["CapacityUnits"] for table in answer.get("ConsumedCapacity") or ())
                yield from map(read, map(plain, answer["Responses"].get(name, ())))
                wanted = answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys")
                if not wanted:
                    break
                _rest(attempt)
            else:
                raise Unavailable("the store did not answer (it left keys of a batch unread)")

    def _asked(self, operation: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the engine answers
        said = ""
        for attempt in range(TRIES):
            try:
                content = orjson.dumps(body)
                headers = self._signed(operation, content)
                answer = self._http.urlopen("POST", self._url, body=content, headers=headers, retries=False, redirect=False)
                found = orjson.loads(answer.data or b"{}")
            except (Unreachable, orjson.JSONDecodeError) as error:
                said = type(error).__name__
            else:
                if answer.status == OK:
                    return found
                said = str(found.get("__type", answer.status)).rpartition("#")[2]
                if answer.status < FAULTY and said not in AGAIN:
                    break
            _rest(attempt)
        raise Unavailable(f"the store did not answer ({said})")

    def _signed(self, operation: str, content: bytes) -> dict[str, str]:
        """Give the headers of a request."""
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{operation}"}
        return self._signer.headers("POST", self._host, "/", content, headers)


TOP = "\U0010ffff"
LEAST = " "  # below every sort key there is; the engine takes no empty one


def _rest(attempt: int) -> None:
    time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret
