"""The contract: what is printed is what is committed, everything is described, and fixed names keep their spelling."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    specified_scalar_types,
)

from casework.model.dossier import MOVES
from casework.model.errors import ClockInput, Conflict, Invalid, NotFound, Refused
from casework.model.moves import MoveName
from schema.errors import TEXTS
from schema.root import core, printed

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "schema" / "schema.graphql"
COMMAND = """.venv/bin/python -c "from schema.root import printed; open('schema/schema.graphql', 'w').write(printed())" """
NAMED = {name: kind for name, kind in core.type_map.items() if not name.startswith("__") and name not in specified_scalar_types}
RAISED = {"Invalid", "Refused", "NotFound", "Conflict", "ClockInput", "BadClock", "BadCalendar", "refused", "Barred", "NextMove"}
PLACES = {"Barred": 0, "NextMove": 1, "refused": 2}  # where the code stands among the arguments of those that do not name it

# api.md: names that exist so far, as `Type.field` or `Type.field(argument)`, and the type that each has.
FIXED = {
    "Query.viewer": "Viewer!",
    "Query.node": "Node",
    "Query.node(id)": "ID!",
    "Query.dossier": "Dossier",
    "Query.dossier(code)": "ID!",
    "Query.auditTrail": "AuditEntryConnection!",
    "Query.auditTrail(dossier)": "ID",
    "Query.auditTrail(unit)": "ID",
    "Query.auditTrail(actor)": "ID",
    "Query.auditTrail(from)": "DateTime",
    "Query.auditTrail(to)": "DateTime",
    "Query.auditTrail(first)": "Int",
    "Query.auditTrail(last)": "Int",
    "Query.auditTrail(after)": "String",
    "Query.auditTrail(before)": "String",
    "Query.procedure": "Procedure",
    "Query.procedure(code)": "ID!",
    "Query.track": "TrackedDossier",
    "Query.track(code)": "ID!",
    "Query.track(secret)": "String!",
    "Query.dossiers": "DossierConnection!",
    "Query.dossiers(filter)": "DossierFilter",
    "Query.dossiers(orderBy)": "DossierOrder",
    "Query.dossiers(first)": "Int",
    "Query.dossiers(last)": "Int",
    "Query.dossiers(after)": "String",
    "Query.dossiers(before)": "String",
    "Query.procedures": "ProcedureConnection!",
    "Query.procedures(filter)": "ProcedureFilter",
    "Query.unit": "Unit",
    "Query.unit(code)": "ID!",
    "Query.units": "UnitConnection!",
    "Query.units(parent)": "ID",
    "Query.workCalendar": "WorkCalendar!",
    "Query.workCalendar(year)": "Int!",
    "Query.task": "Task",
    "Query.task(id)": "ID!",
    "Query.inspection": "Inspection",
    "Query.inspection(id)": "ID!",
    "Query.dueIfReceived": "Clock",
    "Query.dueIfReceived(procedure)": "ID!",
    "Query.dueIfReceived(at)": "DateTime!",
    "Subscription.dossierChanged": "DossierEvent!",
    "Subscription.dossierChanged(code)": "ID!",
    "Subscription.dossierChanged(secret)": "String",
    "Subscription.dossierChanged(after)": "String",
    "Subscription.fileViewed": "AccessEvent!",
    "Subscription.fileViewed(code)": "ID!",
    "Subscription.fileViewed(after)": "String",
    "UserError.code": "String!",
    "UserError.message": "String!",
    "UserError.message(lang)": "Language!",
    "UserError.path": "[String!]",
    "Refused.state": "DossierState!",
    "Refused.allowedFrom": "[DossierState!]!",
    "Conflict.current": "Dossier!",
    "Event.id": "ID!",
    "Event.cursor": "String!",
    "Event.gap": "Boolean!",
    "Event.ready": "Boolean!",
    "Event.at": "DateTime!",
    "Event.count": "Int!",
    "Event.version": "Int",
    "DossierEvent.entry": "AuditEntry",
    "DossierEvent.dossier": "Dossier",
    "DossierEvent.tracked": "TrackedDossier",
    "TrackedDossier.clock": "Clock",
    "TrackedDossier.unit": "Unit",
    "TrackedDossier.receptionPoint": "ReceptionPoint",
    "Dossier.clock": "Clock",
    "Dossier.trail": "AuditEntryConnection",
    "Dossier.version": "Int!",
    "Dossier.entries": "Int!",
    "Dossier.state": "DossierState!",
    "Dossier.kind": "DossierKind!",
    "Dossier.channel": "Channel!",
    "Dossier.applicant": "Applicant",
    "Dossier.accesses": "AccessConnection",
    "UnmaskApplicantInput.reason": "String!",
    "UnmaskApplicantInput.inspection": "ID",
    "TrackedDossier.code": "String!",
    "TrackedDossier.state": "DossierState!",
    "Dossier.deliveryPoint": "ReceptionPoint",
    "Dossier.deliveredAt": "DateTime",
    "Dossier.result": "Result",
    "Dossier.rating": "Rating",
    "Dossier.nextMoves": "[NextMove!]!",
    "Clock.dueAt": "DateTime!",
    "Clock.originalDueAt": "DateTime!",
    "Clock.promisedDueAt": "DateTime",
    "Clock.level": "AlertLevel",
    "Clock.paused": "Boolean!",
    "Clock.remainingMinutes": "Int!",
    "Clock.usedMinutes": "Int!",
    "Clock.explanation": "[ClockReason!]!",
    "Clock.intervals": "[Interval!]!",
    "ClockReason.kind": "ClockReasonKind!",
    "ClockReason.on": "Date",
    "ClockReason.from": "Date",
    "ClockReason.to": "Date",
    "ClockReason.text(lang)": "Language!",
    "ClockReason.legalBasis": "String",
    "Procedure.limit": "Limit!",
    "Limit.unit": "LimitUnit!",
    "Limit.amount": "Int",
    "Procedure.steps": "[ProcedureStep!]!",
    "Procedure.components": "[Component!]!",
    "Procedure.fees": "[Fee!]!",
    "Procedure.publishedOn": "Date",
    "Procedure.validFrom": "Date!",
    "Procedure.validTo": "Date",
    "Unit.parent": "Unit",
    "Unit.children": "UnitConnection!",
    "Unit.successors": "[Unit!]!",
    "Unit.validFrom": "Date!",
    "Unit.validTo": "Date",
    "WorkCalendar.year": "Int!",
    "WorkCalendar.official": "Boolean!",
    "WorkCalendar.days": "[WorkDay!]!",
    "WorkDay.on": "Date!",
    "WorkDay.working": "Boolean!",
    "WorkDay.kind": "DayKind!",
    "WorkDay.reason(lang)": "Language!",
    "WorkDay.document": "String",
    "AuditEntry.subject": "ID!",
    "AuditEntry.dossier": "Dossier",
    "AuditEntry.seq": "Int!",
    "AuditEntry.occurredAt": "DateTime!",
    "AuditEntry.recordedAt": "DateTime!",
    "AuditEntry.changes": "[Change!]",
    "AuditEntry.hash": "String!",
    "AuditEntry.prev": "String!",
    "SubmitDossierPayload.trackingSecret": "String",
    "SubmitDossierInput.procedure": "ID!",
    "SubmitDossierInput.receptionPoint": "ID!",
    "SubmitDossierInput.unit": "ID",
    "SubmitDossierInput.channel": "Channel!",
    "SubmitDossierInput.applicant": "ApplicantInput!",
    "SubmitDossierInput.rehearsal": "Boolean",
    "ApplicantInput.name": "String!",
    "ApplicantInput.identityNumber": "String",
    "ReceiveDossierInput.checked": "[String!]",
    "AssignDossierInput.role": "AssignmentRole!",
    "AssignDossierInput.unit": "ID!",
    "AssignDossierInput.officer": "ID",
    "AssignDossierInput.dueAt": "DateTime",
    "AssignDossierInput.expectedResult": "String",
    "CompleteStepInput.step": "ID!",
    "GiveOpinionInput.assignment": "ID!",
    "GiveOpinionInput.opinion": "String!",
    "RequestSupplementInput.items": "[SupplementItemInput!]!",
    "RequestSupplementInput.overrideReason": "String",
    "SupplementItemInput.legalBasis": "String!",
    "SupplyDocumentsInput.documents": "[DocumentInput!]!",
    "DocumentInput.digest": "String",
    "DocumentInput.digital": "Boolean",
    "DecideDossierInput.outcome": "Outcome!",
    "DecideDossierInput.reason": "String",
    "DecideDossierInput.waiveOpinionsReason": "String",
    "RefuseDossierInput.reason": "String!",
    "RefuseDossierInput.legalBasis": "String!",
    "DeliverResultInput.medium": "Medium!",
    "DeliverResultInput.reference": "String",
    "RotateTrackingSecretPayload.trackingSecret": "String",
    "DossierFilter.unit": "ID",
    "DossierFilter.includeBelow": "Boolean",
    "DossierFilter.officer": "ID",
    "DossierFilter.state": "[DossierState!]",
    "DossierFilter.dueBefore": "DateTime",
    "DossierFilter.overdue": "Boolean",
}
VALUES = {
    "DossierState": "SUBMITTED RECEIVED REFUSED IN_PROCESS AWAITING_SUPPLEMENT AWAITING_PAYMENT DECIDED DELIVERED WITHDRAWN STOPPED",
    "DossierKind": "ADMINISTRATIVE COMPLAINT DENUNCIATION FEEDBACK ACCESS_REQUEST",
    "Channel": "ONLINE COUNTER POST EMAIL INTERNAL",
    "AlertLevel": "AT_RISK DUE_TODAY OVERDUE ESCALATED",
    "ClockReasonKind": "START SKIPPED_DAY MAKEUP_DAY PAUSE EXTENSION ROLLED AMENDED IMPORTED",
    "Language": "VI EN FR",
    "AssignmentRole": "LEAD COORDINATING",
    "Outcome": "GRANTED REJECTED OTHER",
    "Medium": "ELECTRONIC PAPER",
}
OTHERS = [
    "publishProcedure",
    "amendCalendar",
    "openIncident",
    "closeIncident",
    "requestExport",
    "openInspection",
    "closeInspection",
    "unmaskApplicant",
]
MUTATIONS = [*(move.value for move in MoveName), *OTHERS]
OPENING = {"submitDossier", *OTHERS}  # of no dossier that there is


def test_the_committed_schema_is_the_printed_one() -> None:
    told = f"the schema has changed. If that is meant (additions only), write it anew:\n    {COMMAND}"
    assert COMMITTED.is_file(), told
    assert COMMITTED.read_text(encoding="utf-8") == printed(), told


def test_the_committed_schema_stands_by_itself() -> None:
    built = build_schema(COMMITTED.read_text(encoding="utf-8"))
    assert built.subscription_type
    assert set(built.subscription_type.fields) == {
        "dossierChanged",
        "unitFeed",
        "alertRaised",
        "taskProgressed",
        "trailAppended",
        "fileViewed",
    }


def _described() -> Iterator[tuple[str, str | None]]:
    for name, kind in NAMED.items():
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", held.description) for value, held in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{field}", held.description) for field, held in kind.fields.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, held in kind.fields.items():
                yield f"{name}.{field}", held.description
                yield from ((f"{name}.{field}({argument})", of.description) for argument, of in held.args.items())


def test_everything_is_described() -> None:
    found = dict(_described())
    assert len(found) > 250  # the walk walks
    assert [name for name, text in found.items() if not (text or "").strip()] == []


def test_descriptions_are_sentences() -> None:
    assert [name for name, text in _described() if text and not text.rstrip().endswith((".", ")"))] == []


def _type_of(name: str) -> str:
    owner, _, rest = name.partition(".")
    field, _, argument = rest.rstrip(")").partition("(")
    kind = core.type_map[owner]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType)
    held = kind.fields[field]
    return str(held.args[argument].type if argument else held.type)


@pytest.mark.parametrize("name", FIXED)
def test_fixed_names_keep_spelling_and_type(name: str) -> None:
    assert _type_of(name) == FIXED[name]


@pytest.mark.parametrize("name", VALUES)
def test_fixed_enums_keep_their_values(name: str) -> None:
    kind = core.type_map[name]
    assert isinstance(kind, GraphQLEnumType)
    assert sorted(kind.values) == sorted(VALUES[name].split())


def test_alert_levels_ascend() -> None:
    kind = core.type_map["AlertLevel"]
    assert isinstance(kind, GraphQLEnumType)
    assert list(kind.values) == VALUES["AlertLevel"].split()


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_has_one_input_and_one_payload(name: str) -> None:
    assert core.mutation_type
    field = core.mutation_type.fields[name]
    titled = name[0].upper() + name[1:]
    assert {argument: str(held.type) for argument, held in field.args.items()} == {"input": f"{titled}Input!"}
    assert str(field.type) == f"{titled}Payload!"
    payload, given = core.type_map[f"{titled}Payload"], core.type_map[f"{titled}Input"]
    assert isinstance(payload, GraphQLObjectType)
    assert isinstance(given, GraphQLInputObjectType)
    assert [str(payload.fields[one].type) for one in ("dossier", "entry", "errors")] == ["Dossier", "AuditEntry", "[UserError!]!"]
    assert str(given.fields["idempotencyKey"].type) == "ID!"
    if name not in OPENING:
        wanted = {
            "dossier": "ID" if name == "acknowledgeAlert" else "ID!",
            "expectedVersion": "Int",
            "at": "DateTime",
            "backdatingReason": "String",
        }
        if name == "eraseApplicant":  # which is done when it is asked for
            assert not {"at", "backdatingReason"} & given.fields.keys()
            wanted = {"dossier": "ID!", "expectedVersion": "Int"}
        assert {field: str(given.fields[field].type) for field in wanted} == wanted


def test_there_is_no_other_mutation() -> None:
    assert core.mutation_type
    assert set(core.mutation_type.fields) == set(MUTATIONS)


def test_every_move_of_the_table_is_a_mutation_and_a_next_move() -> None:
    assert {move.value for move in MOVES} == set(MUTATIONS) - OPENING
    kind = core.type_map["Move"]
    assert isinstance(kind, GraphQLEnumType)
    assert set(kind.values) == {move.name for move in MoveName}


@pytest.mark.parametrize("name", ["Dossier", "Procedure", "Unit", "ReceptionPoint", "AuditEntry", "Assignment", "Inspection"])
def test_nodes_are_nodes(name: str) -> None:
    kind = core.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    assert "Node" in {interface.name for interface in kind.interfaces}


@pytest.mark.parametrize("name", ["Invalid", "NotFound", "Refused", "Conflict"])
def test_refusals_are_user_errors(name: str) -> None:
    kind = core.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    assert "UserError" in {interface.name for interface in kind.interfaces}


def test_language_is_vietnamese_unless_asked_otherwise() -> None:
    for kind in NAMED.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields.values():
                if lang := field.args.get("lang"):
                    assert str(lang.type) == "Language!"
                    assert getattr(lang.default_value, "name", lang.default_value) == "VI"


def _raised() -> dict[str, str]:
    """Every code that `casework` and `schema` raise as a refusal, and one place where each is."""
    kinds = {kind.__name__: kind for kind in (Invalid, NotFound, Conflict, ClockInput)}
    kinds |= {"BadClock": ClockInput, "BadCalendar": ClockInput}
    found: dict[str, str] = {}
    for file in sorted([*(ROOT / "casework").rglob("*.py"), *(ROOT / "schema").glob("*.py")]):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name not in RAISED:
                continue
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            if name in PLACES:
                given = node.args[PLACES[name] : PLACES[name] + 1]
            codes = [value.value for value in given if isinstance(value, ast.Constant)]
            if not given and name in kinds:
                codes = [kinds[name].code]
            for code in codes:
                found[str(code)] = f"{file.relative_to(ROOT)}:{node.lineno}"
    return found


def test_every_code_that_is_raised_has_its_texts() -> None:
    raised = _raised()
    assert len(raised) > 25, sorted(raised)
    assert {code: where for code, where in raised.items() if code not in TEXTS} == {}


def test_every_text_has_a_code_that_is_raised() -> None:
    unused = set(TEXTS) - set(_raised())
    assert unused == set()


def test_texts_are_there_in_both_languages() -> None:
    for code, texts in TEXTS.items():
        assert len(texts) == 2, code
        assert all(text.strip().endswith(".") for text in texts), code
    assert Refused.code not in TEXTS  # a refusal always names its own
