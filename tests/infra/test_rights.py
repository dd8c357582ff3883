"""Each function's role allows what the function asks of AWS, recorded while it does all that the documentation shows, and no more."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

import handlers
from casework import audiences
from casework.actions.amendments import CALENDAR
from casework.adapters.bucket import PART
from casework.adapters.dynamo import DynamoStore, items
from casework.adapters.dynamo.models import DueItem, LiveItem
from casework.adapters.gateway import GatewayCourier
from casework.adapters.parcels import SqsQueue, written
from casework.adapters.seal import KmsSeal
from casework.model.packing import moment
from casework.ports import Parcel, Services
from handlers import fanout, heartbeat, sequencer, sockets, stream, sweep, tasks
from local.engine import Engine
from local.seeding import seed
from tests.casework.adapters.test_gateway import Gateway, served
from tests.casework.test_wiring import settings
from tests.handlers.test_stream import record
from tests.infra.cloud import CREDENTIALS, REGION, emulated
from tests.infra.rights import FUNCTIONS, Recorder, Right, by_itself, granted, missing, unused
from tests.infra.test_functions import APPLICANT, FOLLOW, HEADERS, VIEWED, WATCH
from tests.stages import staged
from tests.support import Client, Issuer, SettableClock
from tests.test_docs import RUNNING
from tests.test_docs import test_an_example_does_what_its_page_says as tried

READS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "s3:GetObject", "s3:ListBucket", "kms:GetPublicKey")
RENDERING = {"stream", "fanout", "heartbeat"}  # what is pushed may have any field that a query may
AFTER = "subscription($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) { cursor ready entry { seq } } }"
TRAIL = 'subscription { trailAppended(unit: "22-XD") { cursor ready entry { seq } } }'
EXPORT = """mutation($input: RequestExportInput!) { requestExport(input: $input) { export { id } errors { code } } }"""
LOG = """query($id: ID!, $code: ID!) { export(id: $id) { state url } auditCheckpoint { size note }
    auditConsistency(from: 1, to: 2) { hashes }
    dossier(code: $code) { trail(first: 9) { nodes { seq proof { index } } } accesses(first: 9) { nodes { proof { index } } } } }"""


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory, engine: Engine, store: DynamoStore, issuer: Issuer) -> Iterator[Recorder]:
    """Do with deployed services, over an engine and an emulator of the rest, what there is to do."""
    folder = tmp_path_factory.mktemp("rights")
    with emulated(folder) as address, served() as gate, staged("rights", store, engine) as own, pytest.MonkeyPatch.context() as patch:
        handlers.services.cache_clear()
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": address, **laid_out(folder, issuer, engine, gate, address)}.items():
            patch.setenv(name, value)
        found = Recorder(patch, {"vault": "vault", "depot": "depot"})
        services = handlers.services()
        seed(services.store)
        assert own
        done = Doing(services, issuer, gate)
        for step in (done.examples, done.watchers, done.left, done.streams, done.exports, done.parcels, done.minutes):
            step()
        keep_stuck = found.during("sweep", services.store.keep_stuck)  # what waits for half an hour
        keep_stuck("2026-01-01T00", stuck=True)
        keep_stuck("2026-01-01T00", stuck=False)
        assert services.depot
        with pytest.raises(Killed):
            found.during("sweep", services.depot.write)("large/export.zip", broken())
        yield found
        courier, queue = services.courier, services.queue
        assert isinstance(courier, GatewayCourier)
        assert isinstance(queue, SqsQueue)
        courier.shut()
        queue.shut()
    handlers.services.cache_clear()


def laid_out(folder: Path, issuer: Issuer, engine: Engine, gate: Gateway, address: str) -> dict[str, str]:
    """Make buckets, key and queue; gives the settings of a function."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        made: dict[str, Any] = {name: Session().create_client(name, region_name=REGION) for name in ("s3", "kms", "sqs", "secretsmanager")}
        where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        made["s3"].create_bucket(Bucket="vault", ObjectLockEnabledForBucket=True, **where)
        made["s3"].create_bucket(Bucket="depot", **where)
        key = made["kms"].create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        queue = made["sqs"].create_queue(QueueName="parcels.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        plain = settings(folder, issuer, engine)
        kept = {
            name: made["secretsmanager"].create_secret(Name=name.lower(), SecretString=Path(plain[name]).read_text())["ARN"]
            for name in ("GIAMSAT_KEY_SET", "GIAMSAT_SECRETS")
        }
    return {
        **plain, **kept, "GIAMSAT_STAGE": "rights", "GIAMSAT_GATEWAY_URL": f"{gate.url}/test", "GIAMSAT_QUEUE_URL": queue,
        "GIAMSAT_VAULT": "s3://vault/log", "GIAMSAT_DEPOT": "s3://depot/exports", "GIAMSAT_LOG_KEY": key,
    }  # fmt: skip


class Killed(BaseException):
    """The process is gone."""


def killed(*_: object) -> None:
    raise Killed


def broken() -> Iterator[bytes]:
    """A large file that does not come to its end: its parts are taken away."""
    yield b"x" * (2 * PART)
    raise Killed


class Doing:
    """All that is done, by functions as they are deployed."""

    def __init__(self, services: Services, issuer: Issuer, gate: Gateway) -> None:
        self.services = replace(services, now=SettableClock())
        self.client, self.issuer, self.gate = Client(self.services, issuer), issuer, gate

    def examples(self) -> None:
        assert self.client.ask("{ auditCheckpoint { size } }", "INSPECTOR")["data"] == {"auditCheckpoint": None}
        for example in RUNNING:
            if not {*example.roots} & {"export"}:  # its address is one of a folder
                tried(self.client, example)

    @property
    def anew(self) -> Services:
        """Services as another process has them, which has not asked for the key."""
        seal = self.services.seal
        assert isinstance(seal, KmsSeal)
        return replace(
            self.services, seal=KmsSeal(self.services.log, seal._arn), accesses_seal=KmsSeal(self.services.accesses_log, seal._arn)
        )

    def watchers(self) -> None:
        """Follow everything that the documentation follows, and stay."""
        self.code = self.client.assigned()
        self.sockets = [secrets.token_urlsafe(10) for _ in range(5)]
        watched = [(WATCH, "HEAD"), (WATCH, "HEAD"), (VIEWED, "INSPECTOR"), (FOLLOW, "HEAD"), (TRAIL, "SUPERVISOR")]
        for connection, (document, who) in zip(self.sockets, watched, strict=True):
            self.said(connection, "$connect", headers=HEADERS)
            self.said(
                connection, "$default", body={"type": "connection_init", "payload": {"authorization": f"Bearer {self.issuer.token(who)}"}}
            )
            query = {"query": document, "variables": {"code": self.code}}
            for _ in range(2):  # the second takes the name of an operation that is there, and is refused
                self.said(connection, "$default", body={"type": "subscribe", "id": "1", "payload": query})

    def said(self, connection: str, route: str, **more: Any) -> None:  # noqa: ANN401 - parts of an event
        if "body" in more:
            more["body"] = json.dumps(more["body"])
        sockets.handle({"requestContext": {"routeKey": route, "connectionId": connection}, **more}, self.services)

    def left(self) -> None:
        """Let the function be killed while it replays what was missed; the heartbeat goes on."""
        connection = secrets.token_urlsafe(10)
        self.said(connection, "$connect", headers=HEADERS)
        token = f"Bearer {self.issuer.token('HEAD')}"
        self.said(connection, "$default", body={"type": "connection_init", "payload": {"authorization": token}})
        query = {"query": AFTER, "variables": {"code": self.code, "after": "0"}}
        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            for name in ("post", "post_all"):
                patch.setattr(GatewayCourier, name, killed)
            self.said(connection, "$default", body={"type": "subscribe", "id": "1", "payload": query})
        then = self.services.now() + timedelta(minutes=3)
        assert heartbeat.handle({}, replace(self.services, now=lambda: then))["taken_over"] == 1

    def streams(self) -> None:
        """Change the dossier, look at its applicant, let it be late, and hand all of it on as the streams do."""
        self.client.done("completeStep", "OFFICER", dossier=self.code, step="CHECK")
        assert self.client.ask(APPLICANT, "HEAD", code=self.code)["data"]["dossier"]["applicant"]["name"]
        soon = self.services.now() + timedelta(seconds=30)
        beside = {"role": "COORDINATING", "unit": "22-MT", "task": "t", "dueAt": soon.isoformat(), "expectedResult": "e"}
        self.client.done("assignDossier", "HEAD", dossier=self.code, **beside)
        LiveItem(*items.SWEPT).delete()
        self.services.store.keep_swept(moment(soon)[:13])
        gone = secrets.token_hex(16)  # a row that its subject names no more, as one that was moved on while the sweep read
        stray = DueItem(f"{moment(soon)[:13]}#00", f"{moment(soon)}#{gone}", v=1, province="22", subject=gone, level="AT_RISK")
        stray.save()
        self.swept(at=soon + timedelta(seconds=2))
        with pytest.raises(DueItem.DoesNotExist):
            stray.refresh()
        self.streamed()

    def swept(self, at: datetime) -> None:
        rests: list[float] = []  # between two rounds: a sweep asks oftener whether it goes on

        def rest(seconds: float) -> None:
            rests.append(seconds)
            time.sleep(0.5)

        sweep.handle({}, replace(self.anew, now=lambda: at), rest, lambda: len(rests) < 3)

    def streamed(self) -> None:
        subject = self.services.store.coded(self.code)
        assert subject
        records = [record(one) for one in self.services.store.entries(subject, 0, 100)]
        accesses = [record(one.entry) for one in self.services.store.accesses(subject, 0, 100)]
        for _ in range(2):  # the second time as one that comes again
            stream.handle({"Records": [*records, *accesses]}, self.services)
            tasks.handle({"Records": records}, self.services)

    def exports(self) -> None:
        """Export the dossier through the buckets: the log, the work, the address; and take it away when its time is over."""
        subject = self.services.store.coded(self.code)
        given = {"idempotencyKey": "e", "dossier": self.code, "form": "LIGHT"}
        answer = self.client.ask(EXPORT, "INSPECTOR", input=given)
        assert "errors" not in answer, answer
        made = answer["data"]["requestExport"]
        assert made["errors"] == []
        rounds = iter(range(2))
        found = sequencer.run({}, self.services, lambda _: None, lambda: next(rounds, None) is not None)
        assert found["taken"] > 0
        self.swept(at=self.services.now() + timedelta(minutes=2))
        seen = Client(self.anew, self.issuer).ask(LOG, "INSPECTOR", id=made["export"]["id"], code=self.code)
        assert "errors" not in seen, seen
        assert seen["data"]["export"]["state"] == "READY", seen
        assert seen["data"]["export"]["url"].startswith("http")
        assert subject
        for late in (timedelta(days=31), timedelta(days=31, hours=2)):
            self.swept(at=self.services.now() + late)

    def parcels(self) -> None:
        """Tell a large audience, by the queue."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(audiences, "PART", 1)
            self.client.done("completeStep", "OFFICER", dossier=self.code, step="SITE")
            self.streamed()
        subject = str(self.services.store.coded(self.code))
        for members in (((self.sockets[0], "1"),), (("nobody", "1"),)):
            self.gate.refused["nobody"] = 410
            parcel = written(Parcel(f"dossier:{subject}", 0, subject, "s", b"{}", members, "0"))
            message = {"messageId": "m", "body": parcel, "attributes": {"MessageGroupId": "g"}}
            assert fanout.handle({"Records": [message]}, self.services) == {"batchItemFailures": []}

    def minutes(self) -> None:
        """Let minutes go by, a connection be gone, an amendment of the calendar be followed, and the sockets be closed."""
        calendar = self.services.store.entries(CALENDAR, 0, 100)
        tasks.handle({"Records": [record(one) for one in calendar]}, self.services)
        self.swept(at=self.services.now() + timedelta(minutes=5))
        for minute in range(61):
            then = self.services.now() + timedelta(minutes=minute)
            heartbeat.handle({}, replace(self.services, now=lambda then=then: then))  # type: ignore[misc]
        for connection in self.sockets:
            self.said(connection, "$default", body={"type": "complete", "id": "1"})
            self.said(connection, "$disconnect")


def whole(recorder: Recorder) -> dict[str, set[Right]]:
    """Give what each function needs: what was recorded, what a document may ask for wherever it is run, and what starts it."""
    needed = {name: recorder.needed[name] | by_itself(name) for name in FUNCTIONS}
    reads = {right for right in needed["api"] if right[0] in READS}
    for name in RENDERING:
        needed[name] |= reads
    needed["sockets"] |= needed["api"]  # a document that is sent over a socket may do all that one over HTTP may
    return needed


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_allows_what_its_function_does_and_no_more(recorder: Recorder, function: str) -> None:
    needed, given = whole(recorder)[function], granted(function)
    assert (missing(needed, given), unused(needed, given)) == (set(), set())
