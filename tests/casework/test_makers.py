"""Who makes a change: as entries name him, and as the memory of a request tells callers apart."""

from dataclasses import replace
from itertools import combinations

import pytest

from casework.audit.disclosure import Envelope, opened
from casework.makers import actor, behalf, caller
from casework.model.parties import PUBLIC, Party, PartyKind, Role, Viewer
from casework.ports import Services

SUBJECT = "00112233445566778899aabbccddeeff"


@pytest.fixture
def envelope() -> Envelope:
    return Envelope(7, lambda: b"\0" * 16)


def revealed(envelope: Envelope) -> list[tuple[str, str]]:
    return [opened(text) for text in envelope.disclosures.values()]


def test_callers_are_told_apart_by_role_person_and_for_whom() -> None:
    usual = Viewer(Role.CITIZEN, "a", (), "b")
    others = [
        usual, replace(usual, role=Role.RECEPTION), replace(usual, sub="b"), replace(usual, on_behalf_of="a"),
        replace(usual, on_behalf_of=None), replace(usual, sub="ab", on_behalf_of=None), replace(usual, sub=None, on_behalf_of="ab"), PUBLIC,
    ]  # fmt: skip
    assert all(caller(one) != caller(other) for one, other in combinations(others, 2))
    assert caller(usual) == caller(replace(usual, units=("22-XD",)))


def test_an_official_stands_under_his_code_with_his_unit(services: Services, envelope: Envelope) -> None:
    head = Viewer(Role.HEAD, "head-1", ("22-XD", "22"))
    assert actor(services, head, SUBJECT, envelope) == Party(PartyKind.OFFICER, "head-1", Role.HEAD, "22-XD")
    assert actor(services, Viewer(Role.ADMIN, "admin-9"), SUBJECT, envelope) == Party(PartyKind.OFFICER, "admin-9", Role.ADMIN)
    assert revealed(envelope) == []


def test_a_citizen_stands_under_a_name_for_this_subject_alone(services: Services, envelope: Envelope) -> None:
    citizen = Viewer(Role.CITIZEN, "citizen-1")
    found = actor(services, citizen, SUBJECT, envelope)
    assert (found.kind, found.role, found.unit, len(found.id)) == (PartyKind.CITIZEN, Role.CITIZEN, None, 32)
    assert found.identity
    assert (found.identity.entry, revealed(envelope)) == (7, [("identity", "citizen-1")])
    assert list(envelope.disclosures) == [found.identity.digest]
    assert actor(services, citizen, SUBJECT, envelope).id == found.id != actor(services, citizen, SUBJECT[::-1], envelope).id


def test_nobody_stands_for_himself_on_behalf(services: Services, envelope: Envelope) -> None:
    assert behalf(services, Viewer(Role.CITIZEN, "citizen-1"), SUBJECT, envelope) is None


@pytest.mark.parametrize("role", [Role.CITIZEN, Role.RECEPTION])
def test_whom_a_citizen_or_a_counter_acts_for_is_a_citizen(services: Services, envelope: Envelope, role: Role) -> None:
    found = behalf(services, Viewer(role, "a", (), "citizen-1"), SUBJECT, envelope)
    assert found == actor(services, Viewer(Role.CITIZEN, "citizen-1"), SUBJECT, Envelope(7, lambda: b"\0" * 16))
    assert revealed(envelope) == [("identity", "citizen-1")]


@pytest.mark.parametrize("role", [Role.OFFICER, Role.HEAD, Role.ADMIN])
def test_whom_another_official_acts_for_is_an_official(services: Services, envelope: Envelope, role: Role) -> None:
    found = behalf(services, Viewer(role, "a", ("22-XD",), "head-1"), SUBJECT, envelope)
    assert (found, revealed(envelope)) == (Party(PartyKind.OFFICER, "head-1"), [])
