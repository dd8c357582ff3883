"""A second form, made up for some of the tables, on the engine: old and new items beside each other, and old and new code.

`release` is the code of a release: one that knows the first form alone, one that reads the second and writes the first still, and one that
writes the second.
"""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pynamodb.attributes import Attribute

from casework import commits
from casework.adapters import dynamo
from casework.adapters.dynamo import DynamoStore, items, register
from casework.adapters.dynamo.forms import FORMS, Attributes, Forms, Step, plain
from casework.adapters.dynamo.models import MODELS
from casework.audit.canonical import canonical, parsed
from casework.audit.chain import Entry
from casework.audit.disclosure import opened
from casework.audit.verify import Failed, Scope
from casework.model import subjects
from casework.model.alert import Alert
from casework.model.errors import Corrupt
from casework.model.packing import packed, unpacked
from casework.model.unit import Unit
from casework.ports import Index, Letter, Partition, Raced, Repeat, Span, Store
from handlers import stream, tasks
from local.engine import Engine
from tests.casework.adapters.story import wanted
from tests.casework.adapters.test_store import Holding
from tests.casework.adapters.town import Town, key_of, town
from tests.simulation.worlds import province

OLD, READER, WRITER = (1, 1), (2, 1), (2, 2)  # up to which form a release reads, and which it writes
Fields = Mapping[str, Any]
READ_DOSSIER = "query($code: ID!) { dossier(code: $code) { code channel } }"


@pytest.fixture(scope="module")
def here(engine: Engine, store: DynamoStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town with a part of the register."""
    with town("forms", tmp_path_factory.mktemp("forms"), engine, store) as found:
        for name, things in province():
            found.store.register([thing for thing in things if wanted(thing)], name)
        yield found


# The second form.


def renamed(fields: Fields, was: str, now: str) -> dict[str, Any]:
    return {now if name == was else name: value for name, value in fields.items()}


NAMES: dict[type, tuple[str, str]] = {Alert: ("observed_at", "noticed_at"), Unit: ("name", "title")}  # in bodies: what is called otherwise


def body_renamed(was: str, now: str) -> Any:  # noqa: ANN401 - an upgrade
    def upgrade(item: Fields) -> Fields:
        return {**item, "body": canonical(renamed(parsed(item["body"]), was, now)).decode()}

    return upgrade


def memory_marked(item: Fields) -> Fields:
    return {**item, "fingerprint": f"2:{item['fingerprint']}"} if item["sk"].startswith("KEY#") else item


def values_marked(item: Fields) -> Fields:
    return {**item, "disclosures": [{"S": f"~{text['S']}"} for text in item["disclosures"]]} if "disclosures" in item else item


SECOND: dict[str, Step] = {
    "subjects": Step(memory_marked, {"dossier": lambda fields: renamed(fields, "channel", "way_in")}),
    "trail": Step(lambda item: {**item, "province": "elsewhere"}),
    "alerts": Step(body_renamed(*NAMES[Alert])),
    "accesses": Step(values_marked),
    "log": Step(lambda item: {**item, "places": item["places"].replace(" ", ",")} if "places" in item else item),
    "register": Step(lambda item: body_renamed(*NAMES[Unit])(item) if item["sk"] == "UNIT" else item),
    "live": Step(),
}


@contextmanager
def release(reads: int, writes: int) -> Iterator[None]:
    """Be the code of a release."""
    with pytest.MonkeyPatch.context() as patch:
        if reads == len(OLD):
            _reads(patch)
        if writes == len(OLD):
            _writes(patch)
        for table, step in SECOND.items() if reads == len(OLD) else ():
            patch.setitem(FORMS, table, replace(FORMS[table], writes=writes, steps=(step,)))
        yield


def _reads(patch: pytest.MonkeyPatch) -> None:
    """Let the second form be read."""
    repeat, logged, accessed = items.repeat, items.logged, items.accessed

    def unpacked_(kind: type[Any], body: Fields) -> Any:  # noqa: ANN401 - a `kind`
        return unpacked(kind, renamed(body, *NAMES[kind][::-1]) if kind in NAMES else body)

    def read_back(item: Any, scope: str, key: str) -> Repeat:  # noqa: ANN401 - a model
        found = repeat(item, scope, key)
        assert found.fingerprint.startswith("2:")
        return replace(found, fingerprint=found.fingerprint[2:])

    patch.setattr(items, "restored", lambda kind, fields: subjects.restored(kind, renamed(fields, "way_in", "channel")))
    patch.setattr(items, "unpacked", unpacked_)
    patch.setattr(register, "unpacked", unpacked_)
    patch.setattr(items, "repeat", read_back)
    patch.setattr(items, "logged", lambda body, places: logged(body, places.replace(",", " ")))
    patch.setattr(items, "accessed", lambda line, texts: accessed(line, [text.removeprefix("~") for text in texts or ()]))


def _writes(patch: pytest.MonkeyPatch) -> None:
    """Let the second form be written."""
    repeat_item, leaves_body, access_item = items.repeat_item, items.leaves_body, items.access_item

    def packed_(thing: Any) -> Fields:  # noqa: ANN401 - a dataclass
        return renamed(packed(thing), *NAMES.get(type(thing), ("", "")))

    def flattened(what: subjects.Record) -> Fields:
        fields = subjects.flattened(what)
        return renamed(fields, "channel", "way_in") if subjects.kind_of(what) == subjects.DOSSIER else fields

    def access_item_(access: Any) -> Any:  # noqa: ANN401 - a model
        item = access_item(access)
        item.disclosures = [f"~{text}" for text in item.disclosures] if item.disclosures else None
        return item

    patch.setattr(commits, "flattened", flattened)
    patch.setattr(items, "packed", packed_)
    patch.setattr(items, "repeat_item", lambda repeat, of: repeat_item(replace(repeat, fingerprint=f"2:{repeat.fingerprint}"), of))
    patch.setattr(items, "leaves_body", lambda leaves: {**(laid := leaves_body(leaves)), "places": laid["places"].replace(" ", ",")})
    patch.setattr(items, "access_item", access_item_)


# Lazily, by whoever writes next.


def state(here: Town, code: str) -> tuple[str, Fields]:
    """Give the form of a dossier's state, and its fields, as they are stored."""
    item = plain(here.item("subjects", pk=here.id(code), sk="STATE"))
    return item["v"], parsed(item["state"])


def newest(here: Town, code: str) -> tuple[Entry, dict[str, tuple[Any, Any]]]:
    """Give the last entry of a dossier, and what it changes."""
    entry = here.store.entries(here.id(code), 0, 1000)[-1]
    return entry, {one["field"]: (one["from"], one["to"]) for one in entry.body["changes"]}


def stepped(here: Town, code: str, step: str) -> None:
    here.done("completeStep", "OFFICER", dossier=code, step=step)


def deep(here: Town, code: str) -> object:
    """Export a dossier, and verify the file with depth; gives what failed."""
    raw = here.exported(dossier=code)
    report = here.verified(raw, Scope("DOSSIER", here.id(code)), deep=True)
    assert report.failure or report.entries == here.held(here.id(code)).tip.seq
    return report.failure


def test_the_next_entry_tells_that_the_form_changed(here: Town) -> None:
    code = here.assigned()
    assert state(here, code)[0] == "1"
    before = [here.item("trail", subject=here.id(code), seq=items.seq_key(seq)) for seq in (1, 2, 3)]
    with release(*WRITER):
        assert here.asked(READ_DOSSIER, "HEAD", None, code=code)["dossier"] == {"code": code, "channel": "ONLINE"}
        assert state(here, code)[0] == "1"  # It was read, and nothing was written.
        stepped(here, code, "CHECK")
        form, fields = state(here, code)
        assert (form, fields["way_in"], "channel" in fields) == ("2", "ONLINE", False)
        changes = newest(here, code)[1]
        assert (changes["channel"], changes["way_in"]) == (("ONLINE", None), (None, "ONLINE"))
        stepped(here, code, "SITE")
        assert not {"channel", "way_in"} & newest(here, code)[1].keys()
        assert deep(here, code) is None
    assert before == [here.item("trail", subject=here.id(code), seq=items.seq_key(seq)) for seq in (1, 2, 3)]
    assert here.item("trail", subject=here.id(code), seq=items.seq_key(4))["v"] == {"N": "2"}


def test_a_form_that_changed_unsaid_would_not_verify(here: Town) -> None:
    code = here.assigned()
    usual = items.held_of

    def silent(item: Fields) -> Any:  # noqa: ANN401 - a `Held`
        held = usual(item)
        return replace(held, flat=renamed(held.flat, "channel", "way_in"))

    with release(*WRITER), pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "held_of", silent)
        stepped(here, code, "CHECK")
        failure = deep(here, code)
        assert isinstance(failure, Failed)
        assert failure.check == "REPLAY"


def test_a_page_of_both_forms_is_one_list(here: Town) -> None:
    codes = [here.assigned() for _ in range(3)]
    due = here.held(here.id(codes[0])).dossier.due_at
    assert due
    here.clock.now = due + timedelta(seconds=1)
    here.noticed(codes[0])
    with release(*WRITER):
        stepped(here, codes[1], "CHECK")  # which notices what is due of it
        listed = here.store.listed([Partition(Index.UNIT, "22-XD#OPEN")], Span(100))
        assert {here.id(code) for code in codes} <= {held.id for _, held in listed}
        alerts = here.store.alerts([Partition(Index.UNIT, "22-XD#OPEN")], Span(100))
        assert {here.id(codes[0]), here.id(codes[1])} <= {noticed.subject for _, noticed in alerts}
        for _, noticed in alerts:
            assert noticed.alert in here.held(noticed.subject).dossier.alerts
    forms = {code: {item["v"]["N"] for item in here.items("alerts") if item["subject"]["S"] == here.id(code)} for code in codes[:2]}
    assert forms == {codes[0]: {"1"}, codes[1]: {"2"}}


def test_what_is_put_once_is_upgraded_in_reading_alone(here: Town) -> None:
    code = here.assigned()
    unmask = ("unmaskApplicant", "access { id }", "SUPERVISOR")
    here.made(*unmask, dossier=code, reason="đơn kêu cứu")
    (old,) = here.store.accesses(here.id(code), 0, 10)
    with release(*WRITER):
        here.made(*unmask, dossier=code, reason="đơn kêu cứu nữa")
        assert here.store.accesses(here.id(code), 0, 10)[0] == old
        assert [opened(text)[1] for one in here.store.accesses(here.id(code), 0, 10) for text in one.disclosures.values()] == [
            "đơn kêu cứu", "đơn kêu cứu nữa",
        ]  # fmt: skip
        here.sequenced()
        assert here.store.second.leaves(0, 100)
        assert len(here.store.leaves(0, 1000)) == here.store.log_head().size
    assert [item["v"]["N"] for item in here.items("accesses") if item["subject"]["S"] == here.id(code)] == ["1", "2"]


def test_the_register_and_memories_are_read_in_both_forms(here: Town) -> None:
    old = here.store.unit("22-XD")
    assert old
    with release(*WRITER):
        here.store.register([replace(old, code="22-F2", parent="22-XD")], "22")
        found = here.store.units_below("22-XD", Span(10))
        assert found == [replace(old, code="22-F2", parent="22-XD")]
        here.store._cache.clear()
        assert here.store.unit("22-XD") == old
    code = here.submitted()
    given = {"dossier": code, "checked": ["FORM", "DEED"], "idempotencyKey": "again"}
    first = here.client.done("receiveDossier", "RECEPTION", **given)
    with release(*WRITER):
        assert here.client.done("receiveDossier", "RECEPTION", **given)["entry"] == first["entry"]


def test_an_update_in_place_leaves_the_form(here: Town) -> None:
    """What is updated is the same in every form, and the rest of the item was not written."""
    on = here.clock.now.date()
    here.store.numbered("22-OLD", "22", on)
    with release(*WRITER):
        assert here.store.numbered("22-OLD", "22", on) == 2
        assert here.store.numbered("22-NEW", "22", on) == 1
    assert here.store.numbered("22-NEW", "22", on) == 2
    forms = {
        unit: here.item("subjects", **dict(zip(("pk", "sk"), items.counter_key(unit, on), strict=True)))["v"]
        for unit in ("22-OLD", "22-NEW")
    }
    assert forms == {"22-OLD": {"N": "1"}, "22-NEW": {"N": "2"}}


# Streams.


def test_a_batch_of_both_forms_is_taken(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    here.records()  # those of other tests
    code = here.assigned()
    with release(*WRITER):
        stepped(here, code, "CHECK")
        records = here.records()
        assert {record["dynamodb"]["NewImage"]["v"]["N"] for record in records} == {"1", "2"}
        pushed: list[Entry] = []
        begun: list[Entry] = []
        monkeypatch.setattr(stream, "deliver", lambda services, arrived, render: pushed.extend(one.entry for one in arrived))
        monkeypatch.setattr(tasks, "begin", lambda services, entry: begun.append(entry))
        for handler in (stream, tasks):
            assert handler.handle({"Records": records}, here.services) == {"batchItemFailures": []}
        entries = here.store.entries(here.id(code), 0, 100)
        assert pushed == begun == entries
    letters: list[Letter] = []

    class Aside:
        def put(self, letter: Letter) -> None:
            letters.append(letter)

    answer = stream.handle({"Records": records[-2:]}, replace(here.services, aside=Aside()))  # by a version that does not know it
    assert (answer["batchItemFailures"], answer["setAside"]) == ([], 1)
    assert [(letter.table, letter.seq, letter.why) for letter in letters] == [("trail", 4, "Corrupt")]


# Later forms.


def test_a_later_form_is_refused_with_what_to_do(here: Town) -> None:
    code = here.assigned()
    with release(*WRITER):
        stepped(here, code, "CHECK")
    told = "of subjects is of form 2, and this version reads forms up to 1: deploy a version that reads it"
    for read in (
        lambda: here.store.held(here.id(code)),
        lambda: here.store.held_all([here.id(code)]),
        lambda: here.store.slip(here.id(code)),
        lambda: here.store.listed([Partition(Index.UNIT, "22-XD#OPEN")], Span(100)),
    ):
        with pytest.raises(Corrupt, match=told):
            read()
    for part in (lambda: here.store.newest({here.id(code): 4}, 1), lambda: here.store.entries(here.id(code), 0, 9)):
        with pytest.raises(Corrupt, match="of trail is of form 2"):
            part()
    answer = here.client.ask(READ_DOSSIER, "HEAD", code=code)
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "subjects" not in str(answer)
    mutation = "mutation($input: RotateTrackingSecretInput!) { rotateTrackingSecret(input: $input) { errors { code } } }"
    moved = here.client.ask(mutation, "CITIZEN", input={"idempotencyKey": "k", "dossier": code})
    assert moved["errors"][0]["extensions"]["code"] == "INTERNAL"
    with release(*READER):
        assert here.asked(READ_DOSSIER, "HEAD", None, code=code)["dossier"]["channel"] == "ONLINE"
        here.done("withdrawDossier", "CITIZEN", dossier=code)  # so that lists of this town are read by all again
    here.store.listed([Partition(Index.UNIT, "22-XD#CLOSED")], Span(100))


@pytest.mark.parametrize("form", [None, {"N": "0"}, {"N": "-1"}, {"S": "one"}])
def test_an_item_without_a_form_is_refused(here: Town, form: dict[str, str] | None) -> None:
    code = here.submitted()
    item = here.item("subjects", pk=here.id(code), sk="STATE")
    bare = {name: value for name, value in item.items() if name != "v"}
    here.put("subjects", bare | ({"v": form} if form else {}))
    with pytest.raises(Corrupt, match="an item of subjects has no form"):
        here.store.held(here.id(code))
    with pytest.raises(Corrupt, match="an item of subjects has no form"):
        here.store.held_all([here.id(code)])
    here.put("subjects", item)
    assert here.store.held(here.id(code))


# Releases beside each other, and back.


def test_releases_run_beside_each_other_in_the_safe_order_and_back(here: Town) -> None:
    code = here.assigned()
    steps = iter(("CHECK", "SITE", "DRAFT"))
    with release(*READER):  # Beside the old one: both write the first form.
        stepped(here, code, next(steps))
        assert state(here, code)[0] == "1"
        assert not {"channel", "way_in"} & newest(here, code)[1].keys()
    stepped(here, code, next(steps))
    with release(*WRITER):  # Beside the reader.
        stepped(here, code, next(steps))
    assert state(here, code)[0] == "2"
    with release(*READER):  # It reads what the writer wrote, and what it writes itself says so.
        here.done("requestSupplement", "OFFICER", dossier=code, items=[{"component": "PLAN", "legalBasis": "luật"}])
        changes = newest(here, code)[1]
        assert (changes["channel"], changes["way_in"]) == ((None, "ONLINE"), ("ONLINE", None))
        assert state(here, code)[0] == "1"
    with release(*WRITER):
        here.done("supplyDocuments", "CITIZEN", dossier=code, documents=[{"component": "PLAN"}])
    with release(*READER):  # a rollback
        here.done("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason="đủ")
        assert deep(here, code) is None
    assert here.asked(READ_DOSSIER, "HEAD", None, code=code)["dossier"]["channel"] == "ONLINE"


def test_of_two_releases_that_write_at_once_one_is_first(here: Town) -> None:
    code = here.assigned()
    holding = Holding(here.store)
    with release(*READER):
        late = replace(here.client, services=replace(here.services, store=cast("Store", holding)))
        late.done("completeStep", "OFFICER", dossier=code, step="CHECK")
    with release(*WRITER):
        stepped(here, code, "CHECK")
    with release(*READER):
        (change,) = holding.changes
        with pytest.raises(Raced):
            here.store.commit(change, here.clock.now)
        stepped(here, code, "SITE")
        assert deep(here, code) is None


# What no form may change.


def test_a_step_leaves_alone_what_conditions_are_on() -> None:
    item: Attributes = {"pk": "a", "sk": "HEAD", "v": "1", "number": "4", "body": "b"}
    forms = Forms(
        "log", FORMS["log"].fixed, steps=(Step(lambda found: {**found, "body": "c"}), Step(lambda found: {**found, "number": "5"}))
    )
    with pytest.raises(Corrupt, match="a step between forms of log changes number"):
        forms.read(item)
    assert forms.read({**item, "v": "3"}) == {**item, "v": "3"}
    whole = replace(forms, steps=forms.steps[:1])
    assert whole.read(item) == {**item, "body": "c"}
    assert whole.read(item)["v"] == "1"
    assert item["body"] == "b"


@pytest.mark.parametrize("writes", [0, 2])
def test_nobody_writes_what_he_does_not_read(writes: int) -> None:
    with pytest.raises(ValueError, match=f"form {writes} is written"):
        replace(FORMS["log"], writes=writes)


PROVEN = {"subjects": {"state", "kind"}, "trail": {"line"}, "accesses": {"line"}}  # what proofs are on, and how to read it


def test_what_is_fixed_is_what_the_code_relies_on() -> None:
    """Keys, keys of indexes, what stands in conditions and updates, what is read without the rest."""
    expected = {table: {"v", *PROVEN.get(table, ())} for table in MODELS}
    tables = {model.__name__: table for table, model in MODELS.items()}
    for table, model in MODELS.items():
        expected[table] |= {name for name, attribute in model.get_attributes().items() if key_of(attribute)}
        for index in model._indexes.values():
            expected[table] |= {name for name, attribute in vars(type(index)).items() if isinstance(attribute, Attribute)}
    for file in Path(dynamo.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in tables:
                table = tables[node.value.id]
                expected[table] |= {node.attr} & MODELS[table].get_attributes().keys()
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("_reader.batch") and len(node.args) > len(("table", "keys")):
                expected[ast.literal_eval(node.args[0])] |= set(ast.literal_eval(node.args[2]))
    assert {table: set(forms.fixed) for table, forms in FORMS.items()} == expected
