"""Documentation is tested: what it lists is what there is, and what it asks is asked.

A block of GraphQL in `docs/` or the README is a document of the schema. Where a comment `<!-- run: ROLE -->` stands before it, it is
executed too, as that role's usual person (`ROLE subject` for another one; PUBLIC has no token, FORGED a bad one), with the variables of the
block of JSON behind it. No refusal must come of it, at the top level or in a payload, but those that a block `json errors` shows.
`, dossier STATE` brings a dossier into that state beforehand; `SHOWN` and `standing` say what some words of the examples stand for.
"""

import json
import re
import secrets
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from casework.actions.amendments import CALENDAR, Amending, amend
from casework.actions.exports import Asked as Taking
from casework.actions.exports import Wanted, request_export
from casework.actions.exports import id_of as export_of
from casework.actions.incidents import Asked as Reporting
from casework.actions.incidents import Opening, open_incident
from casework.actions.inspections import Asked as Inspecting
from casework.actions.inspections import Opening as Inspected
from casework.actions.inspections import id_of as inspection_of
from casework.actions.inspections import open_inspection
from casework.actions.tasks import begin, following_of, id_of
from casework.adapters.depot import FolderDepot
from casework.adapters.dynamo import DynamoStore
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit.chain import Entry
from casework.model.alert import AlertLevel
from casework.model.amending import Amendment, Moved
from casework.model.export import ExportForm, ExportScope
from casework.model.inspection import InspectionScope
from casework.model.parties import Role, Viewer
from casework.model.workdays import OverrideKind, legal_day
from casework.ports import Accessed, Change, Services
from handlers import sequencer, sockets
from local.engine import Engine
from local.seeding import seed
from schema.errors import TEXTS, TopLevel
from schema.execution import prepared
from schema.node import global_id
from schema.root import core
from tests.bags import LOG_SECRET
from tests.schema.common import SUPPLEMENT, after, alerted, coordinated, soon, submitted
from tests.stages import staged
from tests.support import Client, Issuer, RecordingCourier, SettableClock, present, services_over

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ERRORS = DOCS / "errors"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]

FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = re.compile(r"<!-- run: (?P<who>[A-Z_]+)(?: (?P<subject>[\w-]+))?(?:, dossier (?P<state>[a-z]+))? -->")
ROW = re.compile(r"^\| \[`(\w+)`\]\((\w+)\.md\) \| .+ \|$", re.MULTILINE)
SECTIONS = ["What it means", "When it arises", "What to do"]
CODES = {*TEXTS, *TopLevel}
assert core.subscription_type
WATCHED = set(core.subscription_type.fields)


@pytest.fixture(scope="module")
def store(store: DynamoStore, engine: Engine) -> Iterator[DynamoStore]:
    """A store of these tests alone, with the whole register: the examples amend the calendar, which concerns everybody."""
    with staged("docs", store, engine) as own:
        seed(own)
        yield own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log")


@pytest.fixture
def services(store: DynamoStore, issuer: Issuer, courier: RecordingCourier, clock: SettableClock, folder: Path) -> Services:
    """Services that keep a log."""
    usual = services_over(store, issuer, courier, clock)
    vault, depot = FolderVault(folder / "log"), FolderDepot(folder / "exports", bytes(32))
    return replace(usual, seal=FileSeal(usual.log, LOG_SECRET), vault=vault, depot=depot)


# Words of the examples, and what they stand for when they are run.
CODE, SECRET, CORRELATION = "22-XD-260105-0001", "K7QM-2XHD-NN4A-5RTW", "9f2c41d07a83b5e6"
ALERT = global_id("alert", "8d0f2c41b7a95e63d1c0a7f42b96e583/3")
INCIDENT, QUIET = global_id("incident", "8d0f2c41b7a95e63d1c0a7f42b96e583"), "22-CT"
INSPECTION = global_id("inspection", "8d0f2c41b7a95e63d1c0a7f42b96e583")
INSPECTOR = Viewer(Role.INSPECTOR, "inspector-1", ("22",))
EXPORT = global_id("export", "8d0f2c41b7a95e63d1c0a7f42b96e583")
TASK = global_id("task", "5b68e6b5c1d2f3a4958677685940312f")


def far(days: int) -> Callable[[], str]:
    """Give a day of a week in which nothing is off, counted from its Monday, in a year that no other example asks for."""
    return lambda: f"{date(2091, 7, 2) + timedelta(days)}"


SHOWN: dict[str, Callable[[], str]] = {
    "2026-01-09T17:00:00+07:00": soon,
    "2026-02-20T17:00:00+07:00": lambda: soon(40),
    "2026-02-01": lambda: f"{legal_day(present()) + timedelta(30)}",
    "2026-05-04": far(0),
    "2026-05-09": far(5),
    "XD-90": lambda: f"T-{secrets.token_hex(4).upper()}",
}


def asked(client: Client) -> str:
    code = client.assigned()
    client.done("requestSupplement", "OFFICER", dossier=code, **SUPPLEMENT)
    return code


def amended(client: Client) -> str:
    """Amend the calendar, begin the task that follows, and bring a dossier."""
    calendar, day = client.services.store.calendar(fresh=True), date(2092, 7, 1)
    while not calendar.working(day):
        day += timedelta(1)
    amendment = Amendment("1/VPCP", date(2025, 12, 25), (Moved(day, OverrideKind.OFF),))
    begin(client.services, amend(client.services, Viewer(Role.ADMIN, "admin-1"), amendment, Amending(f"{day}", "test", f"{day}")).entry)
    return client.received()


def affected(client: Client) -> str:
    """Open an incident of a unit that no other test has dossiers of, and bring one of another unit."""
    opening = Opening(QUIET, "mất điện", None, stops_clocks=True)
    key = secrets.token_hex(6)
    open_incident(client.services, Viewer(Role.SUPERVISOR, "supervisor-1", ("22",)), opening, Reporting(key, "test", key))
    return client.received()


def exported(client: Client) -> str:
    """Bring a dossier, an export of it, and a log that has both."""
    code = submitted(client)
    wanted = Wanted(ExportScope.DOSSIER, ExportForm.FULL, client.services.store.coded(code))
    request_export(client.services, INSPECTOR, wanted, Taking(code, "test", code))
    sequencer.handle({}, client.services)
    return code


def inspected(client: Client) -> str:
    """Bring a dossier, and an inspection of it."""
    code = submitted(client)
    opening = Inspected(InspectionScope.DOSSIER, client.services.store.coded(code), None, None, "đơn phản ánh", "11/2022/QH15")
    open_inspection(client.services, INSPECTOR, opening, Inspecting(code, "test", code))
    return code


def noted(client: Client) -> str:
    """Bring a late dossier whose first alert of OVERDUE the head has taken note of."""
    code = alerted(client)
    client.done("acknowledgeAlert", "HEAD", alert=standing(client, code)[ALERT], note="đã phân công")
    return code


BRING: dict[str, Callable[[Client], str]] = {
    "alerted": alerted,
    "noted": noted,
    "submitted": submitted,
    "received": Client.received,
    "assigned": Client.assigned,
    "coordinated": coordinated,
    "asked": asked,
    "amended": amended,
    "exported": exported,
    "supplied": after(asked, "supplyDocuments", "CITIZEN", documents=[{"component": "PLAN"}]),
    "decided": Client.decided,
    "delivered": Client.delivered,
    "rated": after(Client.delivered, "rateDossier", "CITIZEN", score=4),
    "erased": after(after(Client.received, "withdrawDossier", "CITIZEN"), "eraseApplicant", "SUPERVISOR", legalBasis="luật"),
    "charged": after(Client.assigned, "requirePayment", "OFFICER", fee="PERMIT"),
    "paid": after(after(Client.assigned, "requirePayment", "OFFICER", fee="PERMIT"), "recordPayment", "RECEPTION", online=True),
    "blocked": after(Client.assigned, "raiseBlocker", "HEAD", reason="chưa có con dấu", stopsClock=True),
    "extended": after(Client.assigned, "extendDeadline", "HEAD", amount=2, reason="phức tạp"),
    "apologised": after(Client.assigned, "apologise", "HEAD", promisedDueAt=soon(40), letter="12/XL"),
    "affected": affected,
    "inspected": inspected,
}


@dataclass(frozen=True)
class Example:
    """A document as it stands on a page; `run` is the comment before it."""

    place: str
    document: str
    run: re.Match[str] | None
    variables: str = "{}"
    errors: str = "[]"

    @property
    def roots(self) -> set[str]:
        """The root fields that it asks for."""
        operations = [one for one in parse(self.document).definitions if isinstance(one, OperationDefinitionNode)]
        return {field.name.value for one in operations for field in one.selection_set.selections if isinstance(field, FieldNode)}

    @property
    def writes(self) -> bool:
        """Whether it is a mutation."""
        return self.document.lstrip().startswith("mutation")


def examples(page: Path) -> Iterator[Example]:
    """Read the examples of a page, each with the JSON that follows it."""
    text = page.read_text(encoding="utf-8")
    fences = [*FENCE.finditer(text)]
    starts = [place for place, fence in enumerate(fences) if fence[1] == "graphql"]
    for number, (start, end) in enumerate(pairwise([*starts, len(fences)]), 1):
        fence = fences[start]
        comment = text[: fence.start()].rstrip().rpartition("\n")[2]
        following = {("errors" if one[2] else "variables"): one[3] for one in reversed(fences[start + 1 : end]) if one[1] == "json"}
        yield Example(f"{page.relative_to(ROOT)} {number}", fence[3], RUN.fullmatch(comment), **following)


EXAMPLES = [example for page in PAGES for example in examples(page)]
RUNNING = [example for example in EXAMPLES if example.run]


def standing(client: Client, code: str) -> dict[str, str]:
    """Say what the words for a dossier stand for."""
    services = client.services
    subject = services.store.coded(code)
    held = services.store.held(subject) if subject else None
    assert held
    secret = services.keys.tracking_secret(held.id, held.dossier.secret_generation, held.dossier.slip_key)
    calendar = services.store.held(CALENDAR)
    following = following_of(services.store.entries(CALENDAR, calendar.tip.seq - 1, 1)[0]) if calendar else None
    open_now = max(services.store.incidents(QUIET), key=lambda one: one.opened_at, default=None)
    late = next((one.number for one in held.dossier.alerts if one.level is AlertLevel.OVERDUE), None)
    words = {ALERT: global_id("alert", f"{held.id}/{late}")} if late else {}
    words |= {INSPECTION: global_id("inspection", inspection_of(INSPECTOR, code))}
    words |= {EXPORT: global_id("export", export_of(INSPECTOR, code))}
    words |= {INCIDENT: global_id("incident", open_now.incident)} if open_now else {}
    return words | {CODE: code, SECRET: secret} | ({TASK: global_id("task", id_of(following))} if following else {})


def exchanged(text: str, words: dict[str, str]) -> str:
    for word, other in words.items():
        text = text.replace(word, other)
    return text


def test_comments_that_run_an_example_are_well_formed() -> None:
    written = sum(page.read_text(encoding="utf-8").count("<!-- run") for page in PAGES)
    assert written == len(RUNNING) > len(TEXTS) / 2
    assert {example.run["state"] for example in RUNNING if example.run} <= {None, *BRING}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.place)
def test_an_example_is_a_document_of_the_schema(example: Example) -> None:
    assert prepared(example.document).errors == () or json.loads(example.errors), example.document


@pytest.mark.parametrize("example", RUNNING, ids=lambda example: example.place)
def test_an_example_does_what_its_page_says(client: Client, example: Example) -> None:
    assert example.run
    words = {word: made() for word, made in SHOWN.items()} | {CORRELATION: "test-request"}
    if example.run["state"]:
        words |= standing(client, BRING[example.run["state"]](client))
    document, variables, errors = (exchanged(text, words) for text in (example.document, example.variables, example.errors))
    who, given = example.run["who"], json.loads(variables)
    if {*example.roots} <= WATCHED:
        found = watched(client, None if who == "PUBLIC" else who, example.run["subject"], document, given)
    elif who == "FORGED":
        found = client.asked_with("not.a.token", document, **given)
    else:
        found = client.ask(document, None if who == "PUBLIC" else who, example.run["subject"], **given)
    told = found.get("errors") or refusals(found["data"])
    assert told == json.loads(errors)
    if not told:
        assert all(value is not None for value in found["data"].values())


WRITING = [example for example in RUNNING if example.errors == "[]" and example.writes]


def test_every_mutation_of_the_schema_is_tried() -> None:
    assert core.mutation_type
    assert set().union(*(example.roots for example in WRITING)) == set(core.mutation_type.fields)


@pytest.mark.parametrize("example", WRITING, ids=lambda example: example.place)
def test_a_mutation_writes_exactly_one_entry(client: Client, monkeypatch: pytest.MonkeyPatch, example: Example) -> None:
    """The trail has one entry more, or the accesses have, whatever the mutation; the same request again writes none."""
    assert example.run
    words = {word: made() for word, made in SHOWN.items()} | {"2026-05-04": far(7)(), "2026-05-09": far(12)()}  # of another week
    if example.run["state"]:
        words |= standing(client, BRING[example.run["state"]](client))
    document, variables = (exchanged(text, words) for text in (example.document, example.variables))
    entries: list[Entry] = []
    commit, access = DynamoStore.commit, DynamoStore.access

    def committed(store: DynamoStore, change: Change, now: datetime) -> None:
        commit(store, change, now)
        entries.append(change.entry)

    def accessed(store: DynamoStore, made: Accessed, *more: Any) -> None:  # noqa: ANN401 - as the store takes them
        access(store, made, *more)
        if made.entry.body["action"] != "VIEWED":  # That an answer showed something is no change.
            entries.append(made.entry)

    monkeypatch.setattr(DynamoStore, "commit", committed)
    monkeypatch.setattr(DynamoStore, "access", accessed)
    given = json.loads(variables)
    given["input"]["idempotencyKey"] = secrets.token_hex(8)
    for _ in range(2):
        found = client.ask(document, example.run["who"], example.run["subject"], **given)
        assert refusals(found["data"]) == []
        assert len(entries) == 1, [entry.body["action"] for entry in entries]
    (entry,) = entries
    subject, seq = entry.place
    store, second = client.services.store, entry.body["log"] != client.services.log
    rows = [one.entry for one in store.accesses(subject, seq - 1, 1)] if second else store.entries(subject, seq - 1, 1)
    assert [one.line for one in rows] == [entry.line]


def watched(client: Client, who: str | None, subject: str | None, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Subscribe over a socket; gives the first thing that comes of it, READY or an error, as a query would answer."""
    connection, courier = secrets.token_hex(6), RecordingCourier()
    services = replace(client.services, courier=courier)

    def event(route: str, **more: object) -> None:
        sockets.handle({"requestContext": {"routeKey": route, "connectionId": connection}, **more}, services)

    payload = {"authorization": f"Bearer {client.issuer.token(who, subject)}"} if who else {}
    event("$connect", headers={"Sec-WebSocket-Protocol": "graphql-transport-ws"})
    event("$default", body=json.dumps({"type": "connection_init", "payload": payload}))
    event("$default", body=json.dumps({"type": "subscribe", "id": "1", "payload": {"query": document, "variables": variables}}))
    event("$disconnect")
    _, told, *_ = courier.to(connection)
    if told["type"] == "error":
        for error in told["payload"]:
            error["extensions"]["correlationId"] = "test-request"  # a socket makes one of its own
        return {"errors": told["payload"]}
    found: dict[str, Any] = told["payload"]
    assert all(event["ready"] for event in found["data"].values())
    return found


def refusals(data: dict[str, Any]) -> list[Any]:
    """Collect the refusals of all payloads."""
    return [error for payload in data.values() if isinstance(payload, dict) for error in payload.get("errors", ())]


def test_every_root_field_has_an_example() -> None:
    assert core.query_type
    assert core.mutation_type
    assert core.subscription_type
    shown = set().union(*(example.roots for example in RUNNING if example.errors == "[]"))
    assert {*core.query_type.fields, *core.mutation_type.fields} - shown == set()
    assert shown >= WATCHED


def test_every_code_has_a_page_and_its_row() -> None:
    rows = ROW.findall((ERRORS / "README.md").read_text(encoding="utf-8"))
    assert [code for code, page in rows if code != page] == []
    assert sorted(code for code, _ in rows) == sorted(CODES)
    assert {page.stem for page in ERRORS.glob("*.md")} - {"README"} == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_page_of_a_code_tells_all(code: str) -> None:
    title, *parts = re.split(r"^#+ (.+)\n", (ERRORS / f"{code}.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    told = {heading: body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
    assert title == f"`{code}`"
    assert list(told)[:3] == SECTIONS
    assert set(told) <= {*SECTIONS, "Example"}
    assert all(told.values())
    if code in TEXTS:
        assert all(text in parts[0] for text in TEXTS[code])


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_example_of_a_code_leads_to_it(code: str) -> None:
    for example in examples(ERRORS / f"{code}.md"):
        codes = {error.get("code") or error["extensions"]["code"] for error in json.loads(example.errors)}
        assert code in codes or codes == {"BAD_USER_INPUT"} or not example.run  # a query tells its own codes as that one


def test_every_setting_is_told() -> None:
    files = [ROOT / "serverless.yml", ROOT / "Makefile"]
    files += [file for folder in ("casework", "handlers", "local", "tools", "tests") for file in (ROOT / folder).rglob("*.py")]
    used = {name for file in files for name in re.findall(r"\bGIAMSAT_[A-Z_]+\b", file.read_text(encoding="utf-8"))}
    told = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert len(used) > 10
    assert [name for name in sorted({*used, "DEMO", "PORT", "DATA", "ARCH", "STAGE"}) if f"`{name}`" not in told] == []


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = [re.split(r"[\[><=]", name)[0] for name in wanted]
    package = json.loads((ROOT / "package.json").read_text())
    text = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    told = set(re.findall(r"[@/\w-]+", " ".join(re.findall(r"^\| (.*?) \|", text, re.MULTILINE))))
    assert {*names, *package["dependencies"], *package["devDependencies"]} - told == set()


def test_every_limit_of_a_document_is_told() -> None:
    block = (ROOT / "schema" / "limits.py").read_text(encoding="utf-8")
    told = (DOCS / "limits.md").read_text(encoding="utf-8")
    limits = re.findall(r"^MOST_(?!INT)[A-Z_]+ = (\d+)$", block, re.MULTILINE)
    assert len(limits) >= 6
    assert [limit for limit in limits if f"{int(limit):,}" not in told] == []
    (example, *_) = examples(DOCS / "limits.md")
    (size,) = prepared(example.document).sizes.values()
    assert f"= {size.nodes(json.loads(example.variables))} nodes" in told


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page.parent != ERRORS]
    assert [page for page in pages if page != "README.md" and f"]({page})" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [DOCS / name for name in ("architecture.md", "how-to.md", "glossary.md")], ids=lambda page: page.name)
def test_files_and_tests_that_a_page_names_are_there(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for name in re.findall(r"`((?:[\w-]+/)+[\w.-]+\.\w+)(?:::\w+)?`", text):
        assert (ROOT / name).exists(), name
    for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_nothing_committed_names_a_registry_or_a_machine() -> None:
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
    for name in ("requirements.lock", "package-lock.json", "package.json", ".npmrc", "pyproject.toml", "Makefile", "tools/java.lock"):
        text = (ROOT / name).read_text()
        assert [host for host in hosts if host in text] == [], name
        assert '"resolved"' not in text, name
