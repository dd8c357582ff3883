"""A town over the engine: a stage of its own, a clock that stands until it is moved, two logs that are published, and a depot."""

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.actions import exports
from casework.actions import tasks as errands
from casework.actions.exports import path_of
from casework.adapters.depot import FolderDepot
from casework.adapters.dynamo import DynamoStore, models
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit.verify import Report, Scope, Trust, verify
from casework.model.export import Export, ExportState
from casework.model.record import DossierId
from casework.noticing import settle
from casework.ports import Held
from handlers import sequencer, stream, tasks
from local import tables
from local.engine import Engine
from local.home import QUICK, REGION
from schema.node import read_id
from tests.casework.test_wiring import bind_again
from tests.support import MONDAY, SUBMISSION, Client, Issuer, RecordingCourier, SettableClock, StandingClock, services_over

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, dict[str, Any]]
Answer = dict[str, Any]
LOG_SECRET, ACCESSES_SECRET = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))
FIRST = {"trail": "moment", "accesses": "subject"}  # what the records of a stream are handed on in order of


@dataclass
class Signing(Issuer):
    """Gives tokens that last an hour of the town's time."""

    clock: StandingClock = field(default_factory=lambda: StandingClock(MONDAY))

    def token(self, role: str, subject: str | None = None, units: tuple[str, ...] | None = None, **claims: Any) -> str:  # noqa: ANN401 - claims
        return super().token(role, subject, units, **{"exp": int(self.clock.now.timestamp()) + 3600, **claims})


@dataclass
class Town:
    """A stage, and what people do in it."""

    stage: str
    folder: Path
    engine: "DynamoDBClient"
    store: DynamoStore
    clock: StandingClock = field(default_factory=lambda: StandingClock(MONDAY))
    courier: RecordingCourier = field(default_factory=RecordingCourier)
    streamed: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Everything that is random goes by the name of the stage."""
        usual = services_over(self.store, issuer := Signing(clock=self.clock), self.courier, SettableClock())
        self.vault, self.depot = FolderVault(self.folder / "log"), FolderDepot(self.folder / "exports", bytes(32), "http://localhost")
        self.seal = FileSeal(usual.log, LOG_SECRET)
        chance = random.Random(self.stage)  # noqa: S311 - to be repeated
        self.services = replace(
            usual, now=self.clock, entropy=chance.randbytes, vault=self.vault, seal=self.seal, depot=self.depot,
            accesses_vault=FolderVault(self.folder / "accesses"), accesses_seal=FileSeal(usual.accesses_log, ACCESSES_SECRET),
        )  # fmt: skip
        self.client = Client(self.services, issuer)
        self._keys = (f"{self.stage}-{number}" for number in count())

    def later(self, **more: float) -> None:
        """Let time go by."""
        self.clock.now += timedelta(**more)

    def done(self, name: str, who: str, subject: str | None = None, /, **given: Any) -> Answer:  # noqa: ANN401 - JSON
        """Make a move that is to succeed, a minute later."""
        self.later(minutes=1)
        return self.client.done(name, who, subject, idempotencyKey=next(self._keys), **given)

    def made(self, name: str, shown: str, who: str, subject: str | None = None, /, **given: Any) -> Answer:  # noqa: ANN401 - JSON
        """Make another mutation that is to succeed, a minute later."""
        self.later(minutes=1)
        document = (
            f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ {shown} errors {{ code message }} }} }}"
        )
        answer = self.client.ask(document, who, subject, input={"idempotencyKey": next(self._keys), **given})
        assert "errors" not in answer, answer
        found: Answer = answer["data"][name]
        assert found["errors"] == [], found
        return found

    def asked(self, document: str, who: str | None = None, subject: str | None = None, /, **variables: Any) -> Answer:  # noqa: ANN401 - JSON
        """Ask a query that is to be answered whole."""
        answer = self.client.ask(document, who, subject, **variables)
        assert "errors" not in answer, answer
        found: Answer = answer["data"]
        return found

    def submitted(self, procedure: str = "XD-01", **more: Any) -> str:  # noqa: ANN401 - JSON
        """Open a dossier; gives its code."""
        person = {"name": "Trần Thị Bé", "phone": "0900 000 001", "address": "1 Lê Lợi", "identityNumber": "000000000001"}
        given = {**SUBMISSION, "procedure": procedure, "applicant": person, **more}
        return str(self.done("submitDossier", "CITIZEN", **given)["dossier"]["code"])

    def assigned(self, **more: Any) -> str:  # noqa: ANN401 - JSON
        """Bring a dossier under way, with officer-1 as its lead; gives its code."""
        code = self.submitted(**more)
        self.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
        self.done("assignDossier", "HEAD", dossier=code, role="LEAD", officer="officer-1", responsibility="r", **self.work("22-XD"))
        return code

    def work(self, unit: str) -> dict[str, str]:
        return {"unit": unit, "task": "t", "expectedResult": "e", "dueAt": (self.clock.now + timedelta(days=5)).isoformat()}

    def id(self, code: str) -> DossierId:
        found = self.store.coded(code)
        assert found
        return found

    def held(self, subject: str) -> Held:
        found = self.store.held(DossierId(subject))
        assert found
        return found

    def noticed(self, code: str) -> None:
        """Let the sweep see to a dossier."""
        while settle(self.services, self.id(code), "sweep"):
            pass

    # What follows by itself.

    def items(self, table: str) -> list[Item]:
        """Give all items of a table, as they are stored, in the order of their keys."""
        name = f"giamsat-{self.stage}-{table}"
        found: Any = [
            item for page in self.engine.get_paginator("scan").paginate(TableName=name, ConsistentRead=True) for item in page["Items"]
        ]
        keys = [attribute.attr_name for attribute in models.MODELS[table].get_attributes().values() if key_of(attribute)]
        return sorted(found, key=lambda item: [item[key]["S"] for key in keys])

    def item(self, table: str, **key: str) -> Item:
        """Give an item as it is stored."""
        wanted: Any = {name: {"S": text} for name, text in key.items()}
        found: Any = self.engine.get_item(TableName=f"giamsat-{self.stage}-{table}", Key=wanted, ConsistentRead=True)["Item"]
        return dict(found)

    def put(self, table: str, item: Item) -> None:
        """Put an item as it is to be stored."""
        self.engine.put_item(TableName=f"giamsat-{self.stage}-{table}", Item=item)

    def records(self) -> list[dict[str, Any]]:
        """Give what the streams have that nobody was handed yet."""
        found: list[dict[str, Any]] = []
        for table, first in FIRST.items():
            for item in sorted(self.items(table), key=lambda item: item[first]["S"]):
                place = item["subject"]["S"], f"{table}/{item['seq']['S']}"
                if place not in self.streamed:
                    self.streamed.add(place)
                    keys = {name: item[name] for name in ("subject", "seq")}
                    found.append({"eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": item, "SequenceNumber": str(len(found))}})
        return found

    def pumped(self) -> None:
        """Hand on what the streams have."""
        records = self.records()
        entries = [record for record in records if "unit_month" in record["dynamodb"]["NewImage"]]
        for handler, batch in ((stream, records), (tasks, entries)):
            assert handler.handle({"Records": batch}, self.services) == {"batchItemFailures": []}

    def worked(self, subject: str) -> None:
        """Work on a task or an export until there is nothing left to do."""
        for _ in range(50):
            record = self.held(subject).record
            if isinstance(record, Export):
                exports.work(self.services, self.held(subject))
            else:
                errands.work(self.services, self.held(subject))
                self.later(minutes=16)  # A task goes through its dossiers once more.
            held = self.held(subject)
            if held.due is None or (isinstance(held.record, Export) and held.record.state is ExportState.READY):
                return
            self.later(seconds=1)
        raise AssertionError(f"it never ends: {self.held(subject).record}")

    def sequenced(self) -> None:
        """Let the logs take what there is, and publish it."""
        sequencer.handle({}, self.services)

    def exported(self, **wanted: Any) -> bytes:  # noqa: ANN401 - JSON
        """Take a bundle away; the log has taken everything before."""
        done = self.made("requestExport", "export { id }", "INSPECTOR", **wanted)
        self.sequenced()
        subject = (read_id(done["export"]["id"]) or ("", ""))[1]
        self.worked(subject)
        record = self.held(subject).record
        assert isinstance(record, Export)
        assert record.state is ExportState.READY, record
        return b"".join(self.depot.read(path_of(DossierId(subject))))

    def verified(self, raw: bytes, scope: Scope, *, deep: bool | None = None) -> Report:
        """Verify a bundle, with nothing but the log's key."""
        return verify(io.BytesIO(raw), scope, Trust(self.seal.key), deep=deep)


def key_of(attribute: Any) -> bool:  # noqa: ANN401 - an attribute of a model
    return bool(attribute.is_hash_key or attribute.is_range_key)


@contextmanager
def town(stage: str, folder: Path, engine: Engine, session: DynamoStore | None = None) -> Iterator[Town]:
    """Give a town without anything in it; afterwards the models are bound to the session's tables again."""
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK)
    tables.create(client, stage)
    try:
        yield Town(stage, folder, client, DynamoStore(stage, region=REGION, endpoint=engine.endpoint))
    finally:
        if session is not None:
            bind_again(session, engine)
