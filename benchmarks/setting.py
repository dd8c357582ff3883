"""What the benchmarks share: the log they read, services on an engine of their own, percentiles."""

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import orjson

from casework.actions.imports import Log
from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo.forms import FORMS
from casework.adapters.dynamo.items import month_key
from casework.model.errors import Unauthenticated
from casework.model.parties import Role, Viewer
from casework.model.slip import Keys
from casework.ports import Posted, Services
from handlers import api
from local import engine as engines
from local import eventlog, tables
from local.home import QUICK, REGION, NoCourier, prepare_credentials
from local.seeding import seed

RECEIPT = Path(__file__).parents[2] / "shared" / "data" / "receipt.csv"
SMALL = Path(__file__).parents[1] / "tests" / "data" / "permits.csv"


class PlainTokens:
    """Takes a token as it is written, `ROLE:subject:unit`: to verify one costs the same on either side of a comparison."""

    def read(self, token: str, now: datetime) -> tuple[Viewer, datetime]:
        """Give the viewer that the token names."""
        role, _, rest = token.partition(":")
        sub, _, unit = rest.partition(":")
        if role not in Role.__members__:
            raise Unauthenticated("a token here is ROLE:subject:unit")
        return Viewer(Role(role), sub, (unit,) if unit else ()), now + timedelta(hours=1)


def asked(services: Services, token: str, document: str, variables: dict[str, Any]) -> str:
    """Ask the very handler that API Gateway asks; gives the body of the answer, which has no errors."""
    event = {
        "rawPath": "/graphql",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "authorization": f"Bearer {token}"},
        "requestContext": {"http": {"method": "POST"}, "requestId": "bench"},
        "body": orjson.dumps({"query": document, "variables": variables}).decode(),
        "isBase64Encoded": False,
    }
    body: str = api.handle(event, services)["body"]
    assert '"errors":[{' not in body, body[:500]
    return body


# A dossier's usual way: who makes which move, with what beside the dossier and the key.
CITIZEN, RECEPTION = "CITIZEN:citizen-1:", "RECEPTION:reception-1:22-MC"
HEAD, OFFICER = "HEAD:head-1:22-XD", "OFFICER:officer-1:22-XD"
WAY: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (RECEPTION, "receiveDossier", {"checked": ["FORM", "DEED"]}),
    (HEAD, "assignDossier", {
        "role": "LEAD", "unit": "22-XD", "officer": "officer-1", "task": "t", "responsibility": "r", "expectedResult": "e",
    }),
    (OFFICER, "completeStep", {"step": "CHECK"}),
    (OFFICER, "completeStep", {"step": "SITE"}),
    (OFFICER, "completeStep", {"step": "DRAFT"}),
    (OFFICER, "decideDossier", {"outcome": "GRANTED", "reason": "r"}),
    (RECEPTION, "deliverResult", {"medium": "ELECTRONIC"}),
)  # fmt: skip
SUBMITTED = {
    "procedure": "XD-01", "receptionPoint": "22-MC", "channel": "ONLINE", "applicant": {"name": "Nguyễn Văn An", "phone": "0900"},
}  # fmt: skip


def walked(services: Services, moves: int) -> str:
    """Open a dossier and make the first `moves` moves of the way; gives its code."""
    code = opened(services)
    for place in range(moves):
        gone_on(services, code, place)
    return code


def opened(services: Services) -> str:
    """Open a dossier; gives its code."""
    code: str = moved(services, CITIZEN, "submitDossier", SUBMITTED)["dossier"]["code"]
    return code


def gone_on(services: Services, code: str, place: int) -> None:
    """Make the move of that place of the way."""
    token, name, given = WAY[place]
    due = {"dueAt": (services.now() + timedelta(days=2)).isoformat()} if name == "assignDossier" else {}
    moved(services, token, name, {"dossier": code, **given, **due})


def moved(services: Services, token: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Make one mutation; gives its payload."""
    document = f"""mutation Move($input: {name[0].upper()}{name[1:]}Input!) {{
        {name}(input: $input) {{ dossier {{ code version }} entry {{ seq }} errors {{ code message(lang: EN) }} }} }}"""
    answer = asked(services, token, document, {"input": {"idempotencyKey": secrets.token_hex(8), **given}})
    payload: dict[str, Any] = orjson.loads(answer)["data"][name]
    assert payload["dossier"], payload
    return payload


def streamed(services: Services, subject: str, seq: int) -> dict[str, Any]:
    """Give the stream's record of an entry of a dossier of 22-XD."""
    (entry,) = services.store.entries(subject, seq - 1, 1)
    image = {
        "v": {"N": str(FORMS["trail"].writes)},
        "line": {"S": entry.line},
        "unit_month": {"S": month_key("22-XD", entry.body["recorded_at"][:7])},
    }
    return {"eventName": "INSERT", "dynamodb": {"Keys": {"subject": {"S": subject}}, "NewImage": image}}


class Nowhere:
    """A courier that takes everything."""

    def post(self, connection: str, message: str) -> bool:
        """Take it."""
        del connection, message
        return True

    def post_all(self, messages: Sequence[tuple[str, str]]) -> list[Posted]:
        """Take all of them."""
        return [Posted.DONE] * len(messages)

    def close_all(self, connections: Sequence[str], code: int, reason: str) -> None:
        """Do nothing."""


def log_of(cases: int) -> Log:
    """Give the first cases of the receipt-phase log, or the project's own small log where that is absent."""
    log = eventlog.read(RECEIPT if RECEIPT.exists() else SMALL)
    return replace(log, cases=log.cases[:cases])


@contextmanager
def engine_on_disk() -> Iterator[engines.Engine]:
    """Start an engine over an empty folder, as the service does."""
    prepare_credentials()
    with tempfile.TemporaryDirectory() as folder, engines.start(Path(folder)) as engine:
        yield engine


def services_on(engine: engines.Engine, stage: str) -> Services:
    """Wire services to a stage of their own, tables made and register loaded."""
    made_tables(engine, stage)
    services = Services(
        store=DynamoStore(stage, region=REGION, endpoint=engine.endpoint),
        courier=NoCourier(),
        tokens=PlainTokens(),
        keys=Keys({1: secrets.token_bytes(32)}),
        log="giamsat.bench/trail",
        accesses_log="giamsat.bench/accesses",
        now=lambda: datetime.now(UTC),
        entropy=secrets.token_bytes,
    )
    seed(services.store)
    return services


def made_tables(engine: engines.Engine, stage: str) -> None:
    """Make the tables of a stage."""
    tables.create(boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK), stage)
