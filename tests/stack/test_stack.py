"""What is deployed does what it is for: asked, moved, watched, swept, sequenced, exported and verified, from outside alone."""

import json
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import urllib3

from casework.adapters.aside import written
from casework.ports import Letter
from tests.infra.cloud import REGION, ROOT
from tests.stack.bridge import CANNOT
from tests.stack.conftest import LONGEST_S, STAGE, Stack

WITHIN_S = 150  # two schedules of a minute, and what they do
DUE = '{ procedure(code: "XD-01") { code version } dueIfReceived(procedure: "XD-01", at: "2026-03-02T09:00:00+07:00") { dueAt } }'
NO_FUNCTIONS = ("__init__.py", "rendering.py", "health.py", "taking.py", "telling.py", "prepared.py")
ALERTS = "query($code: ID!) { dossier(code: $code) { alerts { level } } }"
CHECKPOINT = "{ auditCheckpoint { size note } }"
REQUEST = "mutation($input: RequestExportInput!) { requestExport(input: $input) { export { id } errors { code } } }"
EXPORT = "query($id: ID!) { export(id: $id) { state done steps url bytes failure } }"


def until(found: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 - whatever is found
    """Ask until there is something."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        if (there := found()) not in (None, [], {}, False):
            return there
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {WITHIN_S} s")


@contextmanager
def watching(stack: Stack, code: str, role: str, last: int) -> Iterator["subprocess.Popen[str]"]:
    """Follow a dossier with npm graphql-ws until that entry."""
    command = ["node", "tests/e2e/watch.mjs", stack.socket, code, "--token", stack.issuer.token(role), "--until", str(last)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_a_query_is_answered(stack: Stack) -> None:
    answer = stack.ask(DUE)
    assert answer == {"data": {"procedure": {"code": "XD-01", "version": 1}, "dueIfReceived": {"dueAt": "2026-03-16T10:00:00+00:00"}}}


def test_a_move_is_pushed(stack: Stack) -> None:
    dossier = stack.submitted()
    with watching(stack, dossier["code"], "HEAD", 2) as watcher:
        assert watcher.stdout
        first = json.loads(watcher.stdout.readline())
        assert first["ready"], first
        stack.move("receiveDossier", "RECEPTION", dossier=dossier["code"], checked=["FORM", "DEED"])
        event = json.loads(watcher.stdout.readline())
        assert (event["cursor"], event["entry"]["action"], event["dossier"]["state"]) == ("2", "RECEIVED", "RECEIVED")
        assert watcher.wait(LONGEST_S) == 0


def test_what_falls_due_is_swept_by_the_schedule(stack: Stack) -> None:
    code = stack.submitted()["code"]
    stack.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
    given = {"task": "t", "responsibility": "r", "expectedResult": "e"}
    later, soon = ((datetime.now(UTC) + after).isoformat() for after in (timedelta(days=5), timedelta(seconds=5)))
    stack.move("assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-1", dueAt=later, **given)
    stack.move("assignDossier", "HEAD", dossier=code, role="COORDINATING", unit="22-MT", dueAt=soon, **given)

    def overdue() -> bool:
        found = stack.ask(ALERTS, "HEAD", code=code)["data"]["dossier"]["alerts"]
        return "OVERDUE" in {one["level"] for one in found}

    until(overdue, "an alert")


def test_a_trail_is_sequenced_exported_and_verified(stack: Stack, tmp_path: Path) -> None:
    dossier = stack.submitted()
    until(lambda: stack.ask(CHECKPOINT, "INSPECTOR")["data"]["auditCheckpoint"], "a checkpoint")
    given = {"idempotencyKey": "stack", "dossier": dossier["code"], "form": "FULL"}
    asked = stack.ask(REQUEST, "INSPECTOR", input=given)["data"]["requestExport"]
    assert asked["errors"] == []

    def made() -> dict[str, Any] | None:
        found: dict[str, Any] = stack.ask(EXPORT, "INSPECTOR", id=asked["export"]["id"])["data"]["export"]
        return None if found["state"] in {"REQUESTED", "RUNNING"} else found

    export = until(made, "the export")
    assert (export["state"], export["failure"]) == ("READY", None)
    with urllib.request.urlopen(export["url"], timeout=LONGEST_S) as answer:  # noqa: S310 - on loopback
        raw = answer.read()
    assert len(raw) == export["bytes"]
    bundle, key = tmp_path / "export.zip", tmp_path / "log.vkey"
    bundle.write_bytes(raw)
    key.write_text(stack.command("vkey", "--stage", STAGE))
    command = [sys.executable, "-m", "local.commands", "verify", str(bundle), "--dossier", dossier["id"], "--vkey", str(key), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4, done.stdout + done.stderr
    assert json.loads(done.stdout)["limits"] == ["NO_HELD_CHECKPOINT", "NO_WITNESS"]


def test_it_runs_what_was_packaged(stack: Stack) -> None:
    listed = stack.client("lambda").list_functions()["Functions"]
    digest = b64encode(sha256((ROOT / "build" / "giamsat.zip").read_bytes()).digest()).decode()
    assert {(one["Runtime"], one["CodeSha256"]) for one in listed} == {("python3.13", digest)}
    assert len(listed) == len(list((ROOT / "handlers").glob("*.py"))) - len(NO_FUNCTIONS)


def test_pages_of_origins_that_are_named_may_ask(stack: Stack) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    told = {}
    for origin in ("https://front.test", "https://other.test"):
        answer = urllib3.request("OPTIONS", f"{stack.http}/graphql", headers={**asking, "origin": origin})
        told[origin] = answer.headers.get("access-control-allow-origin")
    assert told == {"https://front.test": "https://front.test", "https://other.test": None}


def test_the_stack_tells_where_it_is(stack: Stack) -> None:
    (found,) = stack.client("cloudformation").describe_stacks(StackName=f"giamsat-{STAGE}")["Stacks"]
    told = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
    assert told["Address"].endswith(".amazonaws.com/graphql")
    assert told["SocketsAddress"].endswith(f".amazonaws.com/{STAGE}")
    assert {bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]} >= {told["VaultBucket"], told["DepotBucket"]}
    assert {topic["TopicArn"] for topic in stack.client("sns").list_topics()["Topics"]} == {told["AlarmTopicArn"]}
    watching = stack.client("cloudwatch")
    assert {alarm["AlarmName"] for alarm in watching.describe_alarms()["MetricAlarms"]} >= {f"giamsat-{STAGE}-trail-changed"}
    shown = watching.get_dashboard(DashboardName=told["DashboardAddress"].rpartition("=")[2])
    assert json.loads(shown["DashboardBody"])["widgets"]


def test_what_the_emulator_cannot_do_is_shown_elsewhere() -> None:
    assert [place for place in CANNOT.values() if not (ROOT / place).exists()] == []


def test_a_store_that_was_not_restored_lacks_nothing(stack: Stack) -> None:
    """What `giamsat recover` works with is that of the stage; its work is shown on the engine."""
    said = stack.command("recover", "--stage", STAGE).splitlines()[-1]
    assert said == "the store lacks nothing of what its logs have published: nothing to recover"
    bucket = stack.client("s3")
    vault = stack.client("cloudformation").describe_stack_resource(StackName=f"giamsat-{STAGE}", LogicalResourceId="Vault")
    name = vault["StackResourceDetail"]["PhysicalResourceId"]
    until(lambda: bucket.list_objects_v2(Bucket=name, Prefix="log-journal/").get("Contents"), "the journal")


def test_what_was_set_aside_is_taken_again(stack: Stack) -> None:
    """A letter as the function writes it, one that is none, and a batch as Lambda writes of one that ended the function."""
    stack.submitted()
    queue, streams = stack.client("sqs"), stack.client("dynamodbstreams")
    url = queue.get_queue_url(QueueName=f"giamsat-{STAGE}-set-aside")["QueueUrl"]
    entry = stack.client("dynamodb").scan(TableName=f"giamsat-{STAGE}-trail", Limit=1)["Items"][0]
    letter = Letter("tasks", "trail", entry["subject"]["S"], 1, "Corrupt")
    arn = next(one["StreamArn"] for one in streams.list_streams()["Streams"] if one["TableName"] == f"giamsat-{STAGE}-trail")
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][-1]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    first = streams.get_records(ShardIterator=iterator)["Records"][0]["dynamodb"]["SequenceNumber"]
    function = f"arn:aws:lambda:{REGION}:000000000000:function:giamsat-{STAGE}-stream"
    info = {"shardId": shard, "startSequenceNumber": first, "endSequenceNumber": first, "streamArn": arn, "batchSize": 1}
    batch = {"requestContext": {"functionArn": function}, "DDBStreamBatchInfo": info}
    for body in (written(letter), json.dumps(batch), "no letter"):
        queue.send_message(QueueUrl=url, MessageBody=body)
    told = stack.command("redrive", "--stage", STAGE, status=1).splitlines()[-1]
    assert told == "2 taken again, 0 set aside anew, 1 left in the queue"
    again = stack.command("redrive", "--stage", STAGE, status=1).splitlines()[-1]
    assert again == "0 taken again, 0 set aside anew, 1 left in the queue", "it is there at once"
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = queue.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert [int(counts[name]) for name in names] == [1, 0]
    queue.purge_queue(QueueUrl=url)
