"""Who sees and does what: each cell of the table, for each role with and without a relation, trackers, and people who left office."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import pytest

from casework.model.access import (
    TABLE,
    Decision,
    Group,
    Trail,
    assigned_to,
    confirmed,
    decide,
    decide_incident,
    decide_inspection,
    decide_procedure,
    decide_task,
    goes_to,
    may_submit,
    pushed,
    sees_alert,
    unmasked,
    watched_by,
)
from casework.model.alert import Alert, AlertLevel, DeadlineKind
from casework.model.dossier import MOVES
from casework.model.moves import MoveName
from casework.model.parties import PUBLIC, Ref, Relation, Role, Viewer
from casework.model.procedure import Channel, DossierKind
from casework.model.record import Applicant, Assignment, AssignmentRole, Dossier, State
from casework.model.unit import Officer

NOW = datetime(2025, 1, 20, 2, tzinfo=UTC)
TODAY = date(2025, 1, 20)
ID, OTHER_ID = "a" * 32, "b" * 32
SUMMARY, PERSONAL, REASONS, INTERNAL = Group.SUMMARY, Group.PERSONAL, Group.REASONS, Group.INTERNAL
MASKED, ACCESSES = Group.MASKED, Group.ACCESSES
LEAD, COORDINATING = AssignmentRole.LEAD, AssignmentRole.COORDINATING
LINEAGE = ("22-XD", "22")

DOSSIER = Dossier(
    code="22-XD-250120-0001", state=State.IN_PROCESS, kind=DossierKind.ADMINISTRATIVE, procedure="XD-01", procedure_version=1,
    unit="22-XD", reception_point="22-MC", delivery_point="22-MD", channel=Channel.ONLINE, slip_key=1, secret_generation=2,
    submitted_at=NOW,
    applicant=Applicant(Ref("d", 1), person="pseudonym-1"),
    assignments=(
        Assignment(1, LEAD, "22-XD", NOW, "officer-0", NOW),
        Assignment(2, LEAD, "22-XD", NOW, "officer-1"),
        Assignment(3, COORDINATING, "22-MT", NOW),
        Assignment(4, COORDINATING, "22-TC", NOW, "officer-4"),
    ),
)  # fmt: skip


def with_lead(dossier: Dossier, **changed: Any) -> Dossier:  # noqa: ANN401 - fields
    """Change the lead's assignment."""
    return replace(dossier, assignments=tuple(replace(a, **changed) if a.number == 2 else a for a in dossier.assignments))


LEFT = with_lead(DOSSIER, returned_at=NOW)

# One viewer for each relation, and the pseudonym that a citizen has in this dossier.
VIEWERS: dict[Relation, tuple[Viewer, str | None]] = {
    Relation.APPLICANT: (Viewer(Role.CITIZEN, "citizen-1"), "pseudonym-1"),
    Relation.RECEPTION: (Viewer(Role.RECEPTION, "reception-1", ("22", "22-MC")), None),
    Relation.DELIVERY: (Viewer(Role.RECEPTION, "reception-2", ("22", "22-MD")), None),
    Relation.LEAD: (Viewer(Role.OFFICER, "officer-1", ("22-XD",)), None),
    Relation.RETURNED: (Viewer(Role.OFFICER, "officer-1", ("22-XD",)), None),
    Relation.COORDINATING: (Viewer(Role.OFFICER, "officer-3", ("22-MT",)), None),
    Relation.HEAD: (Viewer(Role.HEAD, "head-1", ("22-XD",)), None),
    Relation.COORDINATING_HEAD: (Viewer(Role.HEAD, "head-2", ("22-MT",)), None),
    Relation.SUPERVISOR: (Viewer(Role.SUPERVISOR, "supervisor-1", ("22",)), None),
    Relation.INSPECTOR: (Viewer(Role.INSPECTOR, "inspector-1", ("ZZ",)), None),
    Relation.ADMIN: (Viewer(Role.ADMIN, "admin-1", ("22",)), None),
    Relation.IMPORT: (Viewer(Role.IMPORT), None),
}
# What section 9 gives to each.
SEEN: dict[Relation, tuple[set[Group], Trail]] = {
    Relation.APPLICANT: ({SUMMARY, PERSONAL, REASONS, ACCESSES}, Trail.APPLICANT),
    Relation.RECEPTION: ({SUMMARY, REASONS}, Trail.NONE),
    Relation.DELIVERY: ({SUMMARY, REASONS}, Trail.NONE),
    Relation.LEAD: ({SUMMARY, PERSONAL, REASONS, INTERNAL}, Trail.OWN_ACTIONS),
    Relation.RETURNED: ({SUMMARY, REASONS, INTERNAL}, Trail.OWN_ACTIONS),
    Relation.COORDINATING: ({SUMMARY, PERSONAL, REASONS, INTERNAL}, Trail.OWN_ACTIONS),
    Relation.HEAD: ({SUMMARY, PERSONAL, REASONS, INTERNAL}, Trail.ALL),
    Relation.COORDINATING_HEAD: ({SUMMARY, REASONS, INTERNAL}, Trail.NONE),
    Relation.SUPERVISOR: ({SUMMARY, MASKED, REASONS, INTERNAL, ACCESSES}, Trail.ALL),
    Relation.INSPECTOR: ({SUMMARY, MASKED, REASONS, INTERNAL, ACCESSES}, Trail.ALL),
    Relation.ADMIN: (set(), Trail.TECHNICAL),
    Relation.IMPORT: ({SUMMARY}, Trail.NONE),
}
# Viewers of each role who stand in no relation to the dossier.
STRANGERS = [
    (PUBLIC, None),
    (Viewer(Role.PUBLIC, "officer-1", ("22-XD", "22-MC", "22")), "pseudonym-1"),
    (Viewer(Role.CITIZEN, "citizen-2"), "pseudonym-2"),
    (Viewer(Role.CITIZEN, "citizen-2"), None),
    (Viewer(Role.CITIZEN), None),
    (Viewer(Role.CITIZEN, "officer-1", ("22-XD", "22-MC", "22")), None),
    (Viewer(Role.RECEPTION, "reception-3", ("22-BN",)), None),
    (Viewer(Role.RECEPTION, "officer-1", ("22-XD", "22")), None),
    (Viewer(Role.OFFICER, "officer-0", ("22-XD",)), None),
    (Viewer(Role.OFFICER, "officer-5", ("22-XD", "22-TC", "22-MC", "22")), None),
    (Viewer(Role.OFFICER), None),
    (Viewer(Role.HEAD, "officer-1", ("22", "22-MC")), None),
    (Viewer(Role.SUPERVISOR, "officer-1", ("22-MT", "22-MC")), None),
]


def decision(viewer: Viewer, person: str | None = None, dossier: Dossier = DOSSIER) -> Decision:
    return decide(viewer, dossier, subject=ID, person=person, lineage=LINEAGE)


def related(relation: Relation) -> Decision:
    """Decide for the viewer who stands in that relation."""
    return decision(*VIEWERS[relation], LEFT if relation is Relation.RETURNED else DOSSIER)


def test_every_relation_has_its_row() -> None:
    assert set(TABLE) == set(Relation) == set(VIEWERS) == set(SEEN)


@pytest.mark.parametrize(("relation", "group"), list(product(Relation, Group)))
def test_a_relation_sees_its_groups(relation: Relation, group: Group) -> None:
    found = related(relation)
    assert found.relations == {relation}
    assert (group in found.groups) is (group in SEEN[relation][0])
    assert found.sees is (SUMMARY in SEEN[relation][0])


@pytest.mark.parametrize("relation", Relation)
def test_a_relation_sees_its_part_of_the_trail(relation: Relation) -> None:
    found = related(relation)
    assert found.trail is SEEN[relation][1]
    assert found.actor == (VIEWERS[relation][0].sub if SEEN[relation][1] is Trail.OWN_ACTIONS else None)


@pytest.mark.parametrize(("relation", "name"), list(product(Relation, MOVES)))
def test_a_relation_makes_the_moves_of_the_table(relation: Relation, name: MoveName) -> None:
    assert (name in related(relation).moves) is (relation in MOVES[name].makers)


@pytest.mark.parametrize(("viewer", "person"), STRANGERS)
@pytest.mark.parametrize("state", State)
def test_without_a_relation_a_dossier_is_as_if_absent(viewer: Viewer, person: str | None, state: State) -> None:
    found = decision(viewer, person, replace(DOSSIER, state=state))
    assert found == Decision()
    assert not found.sees


def test_two_relations_add_up() -> None:
    both = Viewer(Role.OFFICER, "officer-1", ("22-XD", "22-MT"))
    found = decision(both)
    assert found.relations == {Relation.LEAD, Relation.COORDINATING}
    assert MoveName.COMPLETE_STEP in found.moves
    assert MoveName.GIVE_OPINION in found.moves


def test_a_head_of_both_units_is_head_of_the_competent_one() -> None:
    assert decision(Viewer(Role.HEAD, "head-9", ("22-MT", "22-XD"))).relations == {Relation.HEAD}


def test_a_head_of_the_unit_that_leads_below_the_competent_one_stands_in_no_relation() -> None:
    assert decision(Viewer(Role.HEAD, "head-9", ("22-XD-1",)), dossier=with_lead(DOSSIER, unit="22-XD-1")) == Decision()


def test_the_lead_is_the_one_named_last_also_after_the_end() -> None:
    ended = replace(DOSSIER, state=State.DECIDED, assignments=tuple(replace(a, ended_at=NOW) for a in DOSSIER.assignments))
    assert decision(Viewer(Role.OFFICER, "officer-1"), dossier=ended).relations == {Relation.LEAD}
    assert decision(Viewer(Role.OFFICER, "officer-0"), dossier=ended) == Decision()
    assert decision(Viewer(Role.OFFICER, "officer-1"), dossier=replace(DOSSIER, assignments=())) == Decision()


def test_a_lead_who_gave_back_has_returned_it_until_another_is_named() -> None:
    officer, successor = Viewer(Role.OFFICER, "officer-1", ("22-XD",)), Viewer(Role.OFFICER, "officer-5", ("22-XD",))
    assert decision(officer, dossier=LEFT).moves == frozenset()
    ended = with_lead(LEFT, ended_at=NOW)
    named = replace(ended, assignments=(*ended.assignments, Assignment(5, LEAD, "22-XD", NOW, "officer-5")))
    assert decision(officer, dossier=named) == Decision()
    assert decision(successor, dossier=named).relations == {Relation.LEAD}


@pytest.mark.parametrize("state", [State.DECIDED, State.DELIVERED, State.STOPPED, State.WITHDRAWN])
def test_a_lead_who_gave_back_is_no_handler_again_when_it_ends(state: State) -> None:
    ended = replace(with_lead(LEFT, ended_at=NOW), state=state, kind=DossierKind.DENUNCIATION)
    found = decision(Viewer(Role.OFFICER, "officer-1", ("22-XD",)), dossier=ended)
    assert found.relations == {Relation.RETURNED}
    assert PERSONAL not in found.groups


@pytest.mark.parametrize("dossier", [DOSSIER, LEFT, with_lead(replace(DOSSIER, state=State.DECIDED), ended_at=NOW)])
def test_a_head_approves_nothing_of_what_he_leads_himself(dossier: Dossier) -> None:
    others = decision(VIEWERS[Relation.HEAD][0], dossier=dossier)
    own = decision(Viewer(Role.HEAD, "officer-1", ("22-XD",)), dossier=dossier)
    mine = {MoveName.ASSIGN, MoveName.STOP, MoveName.REOPEN, MoveName.EXTEND, MoveName.APOLOGISE, MoveName.ERASE}
    assert others.moves - own.moves == mine
    assert own.moves == {
        MoveName.REQUEST_SUPPLEMENT, MoveName.DECIDE, MoveName.RAISE_BLOCKER, MoveName.CLEAR_BLOCKER, MoveName.ACKNOWLEDGE,
    }  # fmt: skip


def test_a_head_who_led_it_once_assigns_it_like_any_other() -> None:
    assert MoveName.ASSIGN in decision(Viewer(Role.HEAD, "officer-0", ("22-XD",))).moves


def test_a_counter_that_takes_in_and_hands_out_does_both() -> None:
    both = decision(Viewer(Role.RECEPTION, "reception-9", ("22-MC", "22-MD")))
    assert both.relations == {Relation.RECEPTION, Relation.DELIVERY}
    assert {MoveName.RECEIVE, MoveName.DELIVER} < both.moves


def test_nobody_is_the_applicant_of_a_dossier_without_one() -> None:
    citizen, person = VIEWERS[Relation.APPLICANT]
    assert decision(citizen, person, replace(DOSSIER, applicant=None)) == Decision()
    nameless = replace(DOSSIER, applicant=Applicant(Ref("d", 1)))
    assert decision(citizen, person, nameless) == decision(citizen, None, nameless) == Decision()


def test_a_named_officer_answers_alone_and_otherwise_anyone_of_the_unit() -> None:
    anyone, named = DOSSIER.assignments[2:]
    assert assigned_to(Viewer(Role.OFFICER, "officer-3", ("22-MT",)), anyone)
    assert not assigned_to(Viewer(Role.OFFICER, "officer-3", ("22-TC",)), anyone)
    assert assigned_to(Viewer(Role.OFFICER, "officer-4", ("22-XD",)), named)
    assert not assigned_to(Viewer(Role.OFFICER, "officer-5", ("22-TC",)), named)


@pytest.mark.parametrize(("viewer", "numbers"), [
    (Viewer(Role.OFFICER, "officer-1", ("22-XD",)), {2}),
    (Viewer(Role.OFFICER, "officer-1", ("22-XD", "22-MT")), {2, 3}),
    (Viewer(Role.OFFICER, "officer-3", ("22-MT", "22-TC")), {3}),
    (Viewer(Role.OFFICER, "officer-4", ("22-TC",)), {4}),
    (Viewer(Role.OFFICER, "officer-0", ("22-XD",)), set()),
    (Viewer(Role.HEAD, "officer-1", ("22-XD",)), set()),
    (Viewer(Role.HEAD, "head-2", ("22-MT",)), set()),
])  # fmt: skip
def test_the_assignments_that_are_an_officer_s_to_act_on(viewer: Viewer, numbers: set[int]) -> None:
    assert decision(viewer).standing == numbers
    returned = replace(DOSSIER, assignments=tuple(replace(a, returned_at=NOW) for a in DOSSIER.assignments))
    ended = replace(DOSSIER, assignments=tuple(replace(a, ended_at=NOW) for a in DOSSIER.assignments))
    assert decision(viewer, dossier=returned).standing == decision(viewer, dossier=ended).standing == set()


def test_a_supervisor_sees_the_units_of_the_tree_below() -> None:
    at_the_unit, above, beside = (Viewer(Role.SUPERVISOR, "supervisor-1", (unit,)) for unit in ("22-XD", "22", "22-MT"))
    assert decision(at_the_unit).relations == decision(above).relations == {Relation.SUPERVISOR}
    assert decision(beside) == Decision()


# Alerts.


def alert(level: AlertLevel, kind: DeadlineKind = DeadlineKind.DOSSIER, of: str | None = None) -> Alert:
    return Alert(1, kind, 1, level, NOW, NOW, NOW, "22-XD", of)


GOES_TO: dict[AlertLevel, set[Relation]] = {
    AlertLevel.AT_RISK: {Relation.LEAD},
    AlertLevel.DUE_TODAY: {Relation.LEAD, Relation.HEAD},
    AlertLevel.OVERDUE: {Relation.HEAD, Relation.RECEPTION},
    AlertLevel.ESCALATED: {Relation.SUPERVISOR},
}


@pytest.mark.parametrize("kind", [kind for kind in DeadlineKind if kind is not DeadlineKind.COORDINATION])
@pytest.mark.parametrize(("relation", "level"), list(product(Relation, AlertLevel)))
def test_a_level_goes_to_those_who_are_to_act_on_it(relation: Relation, level: AlertLevel, kind: DeadlineKind) -> None:
    dossier = LEFT if relation is Relation.RETURNED else DOSSIER
    assert goes_to(related(relation), dossier, alert(level, kind, "1")) is (relation in GOES_TO[level])


@pytest.mark.parametrize("nobody", [LEFT, with_lead(DOSSIER, officer=None), replace(DOSSIER, assignments=())])
def test_while_nobody_leads_it_the_head_is_told_from_the_start(nobody: Dossier) -> None:
    head = decision(VIEWERS[Relation.HEAD][0], dossier=nobody)
    assert goes_to(head, nobody, alert(AlertLevel.AT_RISK))
    assert not goes_to(head, DOSSIER, alert(AlertLevel.AT_RISK))
    assert not goes_to(head, nobody, alert(AlertLevel.AT_RISK, DeadlineKind.COORDINATION, "3"))


@pytest.mark.parametrize("level", AlertLevel)
def test_what_a_coordinating_unit_is_to_answer_goes_to_its_officer(level: AlertLevel) -> None:
    anyones, named = (alert(level, DeadlineKind.COORDINATION, number) for number in ("3", "4"))
    early = level in {AlertLevel.AT_RISK, AlertLevel.DUE_TODAY}
    answering = decision(VIEWERS[Relation.COORDINATING][0])
    assert (goes_to(answering, DOSSIER, anyones), goes_to(answering, DOSSIER, named)) == (early, False)
    assert goes_to(decision(Viewer(Role.OFFICER, "officer-4", ("22-TC",))), DOSSIER, named) is early
    assert not goes_to(related(Relation.LEAD), DOSSIER, anyones)
    assert not goes_to(related(Relation.COORDINATING_HEAD), DOSSIER, anyones)
    given_back = replace(DOSSIER, assignments=tuple(replace(a, returned_at=NOW) for a in DOSSIER.assignments))
    assert not goes_to(decision(VIEWERS[Relation.COORDINATING][0], dossier=given_back), given_back, anyones)
    assert goes_to(related(Relation.HEAD), DOSSIER, anyones) is (level in {AlertLevel.DUE_TODAY, AlertLevel.OVERDUE})


@pytest.mark.parametrize(("relation", "level"), list(product(Relation, AlertLevel)))
def test_an_alert_is_seen_with_internal_texts_and_at_the_counter_when_late(relation: Relation, level: AlertLevel) -> None:
    late = level in {AlertLevel.OVERDUE, AlertLevel.ESCALATED}
    seen = INTERNAL in SEEN[relation][0] or (relation is Relation.RECEPTION and late)
    assert sees_alert(related(relation), alert(level)) is seen
    assert seen or not goes_to(related(relation), DOSSIER, alert(level))


# Personal values.


def may_see_personal(viewer: Viewer, person: str | None, dossier: Dossier) -> bool:
    match viewer.role:
        case Role.CITIZEN:
            return person == "pseudonym-1"
        case Role.RECEPTION:
            return dossier.state is State.SUBMITTED and "22-MC" in viewer.units
        case Role.OFFICER:
            return viewer.sub in {"officer-1", "officer-4"} or "22-MT" in viewer.units
        case Role.HEAD:
            return "22-XD" in viewer.units
        case _:
            return False


SUBS = (None, "officer-0", "officer-1", "officer-4", "citizen-1")
UNITS = ((), ("22",), ("22-XD",), ("22-MT",), ("22-TC",), ("22-MC",), ("22-MD",))
TRACKED = ((None, None), (ID, 2), (ID, 1), (OTHER_ID, 2))


def test_no_applicant_s_value_is_seen_without_a_rule() -> None:
    looked = 0
    for role, state, sub, units, person, (tracked, generation) in product(
        Role, State, SUBS, UNITS, (None, "pseudonym-1", "pseudonym-2"), TRACKED
    ):
        viewer = Viewer(role, sub, units, dossier=tracked, generation=generation)
        dossier = replace(DOSSIER, state=state)
        found = decision(viewer, person, dossier)
        allowed = tracked is None and may_see_personal(viewer, person, dossier)
        assert (PERSONAL in found.groups) is allowed, (viewer, person, state)
        assert not found.groups or SUMMARY in found.groups
        looked += allowed
    assert looked


@pytest.mark.parametrize("state", State)
def test_reception_sees_the_applicant_s_values_at_intake_alone(state: State) -> None:
    found = decision(*VIEWERS[Relation.RECEPTION], replace(DOSSIER, state=state))
    assert (PERSONAL in found.groups) is (state is State.SUBMITTED)
    assert PERSONAL not in decision(*VIEWERS[Relation.DELIVERY], replace(DOSSIER, state=state)).groups


@pytest.mark.parametrize("relation", Relation)
def test_a_denouncer_is_known_to_the_handler_alone(relation: Relation) -> None:
    dossier = replace(LEFT if relation is Relation.RETURNED else DOSSIER, kind=DossierKind.DENUNCIATION)
    for state in State:
        found = decision(*VIEWERS[relation], replace(dossier, state=state))
        assert (PERSONAL in found.groups) is (relation in {Relation.APPLICANT, Relation.LEAD})
        assert MASKED not in found.groups


@pytest.mark.parametrize("relation", Relation)
def test_an_event_carries_no_applicant_s_value_to_an_official(relation: Relation) -> None:
    found = related(relation)
    event = pushed(found)
    assert event == replace(found, groups=event.groups)
    assert event.groups == (found.groups if relation is Relation.APPLICANT else found.groups - {PERSONAL, MASKED})


@pytest.mark.parametrize("relation", [Relation.SUPERVISOR, Relation.INSPECTOR])
def test_what_is_unmasked_is_seen_as_it_is(relation: Relation) -> None:
    found = related(relation)
    assert unmasked(found) == replace(found, groups=found.groups - {MASKED} | {PERSONAL})


@pytest.mark.parametrize("relation", Relation)
def test_whoever_is_not_the_applicant_opens_the_dossier(relation: Relation) -> None:
    assert watched_by(related(relation)) is (relation is not Relation.APPLICANT)


# Trackers.


@pytest.mark.parametrize(("subject", "generation", "tracked"), [
    (ID, 2, True),
    (ID, 1, False),
    (ID, 3, False),
    (ID, None, False),
    (OTHER_ID, 2, False),
])  # fmt: skip
def test_a_tracker_follows_its_dossier_while_its_secret_stands(subject: str, generation: int | None, tracked: bool) -> None:  # noqa: FBT001 - a column
    found = decision(Viewer(Role.PUBLIC, dossier=subject, generation=generation))
    assert found == Decision(tracked=tracked)
    assert not found.sees
    assert not found.moves


def test_a_tracking_secret_takes_the_place_of_every_other_right() -> None:
    for viewer, person in VIEWERS.values():
        assert decision(replace(viewer, dossier=ID, generation=1), person) == Decision()


# Opening a dossier.


@pytest.mark.parametrize(("viewer", "may"), [
    (Viewer(Role.CITIZEN, "citizen-1"), True),
    (Viewer(Role.CITIZEN), False),
    (Viewer(Role.RECEPTION, "reception-1", ("22-MC",)), True),
    (Viewer(Role.RECEPTION, "reception-2", ("22-MD",)), False),
    *((Viewer(role, "somebody", ("22-MC",)), False) for role in Role if role not in {Role.CITIZEN, Role.RECEPTION}),
])  # fmt: skip
def test_a_dossier_is_opened_by_a_citizen_or_at_its_counter(viewer: Viewer, may: bool) -> None:  # noqa: FBT001 - a column
    assert may_submit(viewer, "22-MC") is may


# A procedure's record.


@pytest.mark.parametrize("role", Role)
def test_all_see_a_procedure_and_those_who_answer_for_it_its_trail(role: Role) -> None:
    found = decide_procedure(Viewer(role, "somebody", ("22-XD",)))
    assert found.sees
    answers = role in {Role.ADMIN, Role.INSPECTOR}
    assert (found.trail, INTERNAL in found.groups) == (Trail.ALL if answers else Trail.NONE, answers)
    assert (found.moves, found.actor) == (frozenset(), None)


@pytest.mark.parametrize("role", Role)
def test_those_who_may_begin_or_inspect_a_task_see_it(role: Role) -> None:
    found = decide_task(Viewer(role, "somebody", ("22-XD",)))
    answers = role in {Role.ADMIN, Role.INSPECTOR, Role.SUPERVISOR, Role.HEAD}
    assert (found.sees, found.trail) == (answers, Trail.ALL if answers else Trail.NONE)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("units", "affected"), [(("22-XD",), True), (("22",), False), (("22-XD-B",), True), (("01-XD",), False)])
def test_all_see_an_incident_and_officials_whom_it_concerns_why(role: Role, units: tuple[str, ...], affected: bool) -> None:  # noqa: FBT001
    found = decide_incident(Viewer(role, "somebody", units), ("22-XD", "22"), affected=affected)
    above = role is Role.INSPECTOR or units[0] in {"22-XD", "22"}
    official = role is Role.INSPECTOR or (role in {Role.RECEPTION, Role.OFFICER, Role.HEAD, Role.SUPERVISOR} and (above or affected))
    assert (found.sees, REASONS in found.groups, PERSONAL in found.groups) == (True, official, False)
    answers = above and role in {Role.HEAD, Role.SUPERVISOR, Role.INSPECTOR}
    assert found.trail is (Trail.ALL if answers else Trail.TECHNICAL if role is Role.ADMIN else Trail.NONE)


@pytest.mark.parametrize("role", Role)
def test_inspectors_see_an_inspection_and_nobody_else_that_there_is_one(role: Role) -> None:
    found = decide_inspection(Viewer(role, "somebody", ("22-XD", "22")))
    trail = {Role.INSPECTOR: Trail.ALL, Role.ADMIN: Trail.TECHNICAL}.get(role, Trail.NONE)
    assert (found.sees, INTERNAL in found.groups, found.trail) == (role is Role.INSPECTOR, role is Role.INSPECTOR, trail)


# The register's last word.


def test_a_person_unknown_to_the_register_keeps_what_the_token_says() -> None:
    viewer = Viewer(Role.OFFICER, "officer-7", ("22-XD",))
    assert confirmed(viewer, None, TODAY) is viewer


def test_the_register_says_role_and_units() -> None:
    claimed = Viewer(Role.HEAD, "officer-1", ("22", "22-MT"), on_behalf_of="officer-2")
    found = confirmed(claimed, Officer("officer-1", Role.OFFICER, "22-XD"), TODAY)
    assert found == Viewer(Role.OFFICER, "officer-1", ("22-XD",), on_behalf_of="officer-2")


def test_reception_staff_have_their_point_beside_their_unit() -> None:
    found = confirmed(Viewer(Role.RECEPTION, "reception-1"), Officer("reception-1", Role.RECEPTION, "22", "22-MC"), TODAY)
    assert found.units == ("22", "22-MC")
    assert decision(found).relations == {Relation.RECEPTION}


def test_the_last_day_in_office_counts() -> None:
    viewer, _ = VIEWERS[Relation.LEAD]
    last_day = Officer("officer-1", Role.OFFICER, "22-XD", valid_to=TODAY)
    assert decision(confirmed(viewer, last_day, TODAY)).relations == {Relation.LEAD}


@pytest.mark.parametrize("relation", [r for r in Relation if r not in {Relation.APPLICANT, Relation.IMPORT}])
def test_who_has_left_office_sees_and_does_nothing(relation: Relation) -> None:
    viewer, _ = VIEWERS[relation]
    assert viewer.sub
    gone = Officer(viewer.sub, viewer.role, viewer.units[0], viewer.units[-1], valid_to=date(2025, 1, 19))
    found = confirmed(viewer, gone, TODAY)
    assert found == PUBLIC
    assert decision(found) == Decision()
    assert not may_submit(found, "22-MC")


def test_what_is_seen_is_named_without_the_moves_that_are_open() -> None:
    seen = Decision(frozenset(Group), frozenset({MoveName.ASSIGN}), Trail.ALL, frozenset({Relation.HEAD, Relation.LEAD}))
    assert seen.sight == replace(seen, moves=frozenset(), standing=frozenset({3})).sight
    others = [
        replace(seen, groups=frozenset({Group.SUMMARY})), replace(seen, trail=Trail.NONE), replace(seen, relations=frozenset()),
        replace(seen, tracked=True), replace(seen, actor="officer-1"),
    ]  # fmt: skip
    assert len({one.sight for one in [seen, *others]}) == len(others) + 1
