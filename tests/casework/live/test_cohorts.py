"""Cohorts: what makes two subscriptions one, and how an event's watchers are split by what each may see."""

import hashlib
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from casework.live.cohorts import Cohort, Status, Subscription, role_of, scope, split
from casework.live.feeds import LEFT, LEFT_LIVE
from casework.model.access import Decision, Group, Trail
from casework.model.parties import PUBLIC, Role, Viewer

COHORT = Cohort("subscription { x }", "Op", '{"code":"x"}', "role:OFFICER")
TICK = timedelta(microseconds=1)
EXPIRES = datetime(2025, 1, 20, 4, tzinfo=UTC)
SUBSCRIPTION = Subscription("dossier:a", COHORT, "c1", "1", "a", "hidden", EXPIRES)
MUCH = Decision(frozenset(Group), trail=Trail.ALL)
LITTLE = Decision(frozenset({Group.SUMMARY}))


def test_a_key_is_the_same_wherever_it_is_computed() -> None:
    assert (
        COHORT.key
        == replace(COHORT).key
        == hashlib.sha256(rb'["subscription { x }","Op","{\"code\":\"x\"}","role:OFFICER"]').hexdigest()[:32]
    )
    assert re.fullmatch(r"[0-9a-f]{32}", Cohort("", None, "", "").key)


@pytest.mark.parametrize("name", [field.name for field in fields(Cohort)])
def test_a_key_depends_on_every_part(name: str) -> None:
    part: dict[str, str] = {name: "another"}
    assert replace(COHORT, **part).key != COHORT.key


def test_parts_do_not_run_into_each_other() -> None:
    keys = {Cohort(*parts).key for parts in (("ab", "c", "d", "e"), ("a", "bc", "d", "e"), ("a", "b", "cd", "e"), ('a","b', "c", "d", "e"))}
    assert len(keys) == 4


@pytest.mark.parametrize("role", Role)
def test_a_scope_is_a_role_without_person_or_unit(role: Role) -> None:
    assert scope(Viewer(role, "officer-1", ("22-XD",))) == scope(Viewer(role)) == f"role:{role.value}"


def test_the_scope_of_a_tracker_is_one_dossier_and_generation() -> None:
    assert scope(replace(PUBLIC, dossier="a", generation=2)) == "tracker:a:2"


def test_a_subscription_is_replaying_until_it_lives() -> None:
    assert (SUBSCRIPTION.status, SUBSCRIPTION.seen) == (Status.REPLAYING, 0)
    assert SUBSCRIPTION.lives(7) == replace(SUBSCRIPTION, status=Status.LIVE, seen=7)


def test_an_event_is_executed_once_for_each_cohort_and_decision() -> None:
    other = replace(COHORT, operation=None)
    members = [
        replace(SUBSCRIPTION, connection=f"c{n}", cohort=cohort, viewer=viewer)
        for n, (cohort, viewer) in enumerate([(COHORT, "head"), (COHORT, "reception"), (other, "head"), (COHORT, "head")])
    ]
    asked: list[Subscription] = []

    def decided(member: Subscription) -> Decision:
        asked.append(member)
        return MUCH if member.viewer == "head" else LITTLE

    groups = split(members, decided)
    assert groups == {
        (COHORT, MUCH): [members[0], members[3]],
        (COHORT, LITTLE): [members[1]],
        (other, MUCH): [members[2]],
    }
    assert asked == members


def test_members_who_see_their_own_actions_are_told_apart() -> None:
    members = [replace(SUBSCRIPTION, connection=f"c{n}", viewer=f"officer-{n}") for n in range(3)]
    assert len(split(members, lambda member: Decision(trail=Trail.OWN_ACTIONS, actor=member.viewer))) == 3


def test_nobody_watching_is_nothing_to_execute() -> None:
    assert split([], lambda member: MUCH) == {}


def test_a_scope_gives_the_role_back() -> None:
    for role in Role:
        assert role_of(scope(Viewer(role, "x"))) is role
    assert role_of(scope(Viewer(Role.PUBLIC, dossier="a" * 32, generation=2))) is Role.PUBLIC


def test_a_subscription_that_replays_says_since_when_and_from_where() -> None:
    back = SUBSCRIPTION.lives(4).replays(EXPIRES, "7")
    assert (back.status, back.since, back.start, back.place) == (Status.REPLAYING, EXPIRES, "7", "7")
    assert back.lives(9).status is Status.LIVE
    further = back.reached(EXPIRES + TICK, "19")
    assert (further.status, further.since, further.start, further.place) == (Status.REPLAYING, EXPIRES + TICK, "7", "19")


@pytest.mark.parametrize(("topic", "first", "second"), [("dossier:a", "9", "10"), ("unit:22", f"{9:016d}", f"{10:016d}"),
                                                         ("unit:22", f"{9:016d}", f"{9:016d}#a/000000001")])  # fmt: skip
def test_what_is_owed_already_is_not_forgotten(topic: str, first: str, second: str) -> None:
    row = replace(SUBSCRIPTION, topic=topic)
    assert row.replays(EXPIRES, first).replays(EXPIRES, second).place == first
    assert row.replays(EXPIRES, second).replays(EXPIRES, first).place == first
    assert row.replays(EXPIRES, first).settled().lives(1).replays(EXPIRES, second).place == second


@pytest.mark.parametrize(("topic", "status", "limit"), [
    ("dossier:a", Status.REPLAYING, LEFT), ("unit:22", Status.REPLAYING, LEFT), ("unit:22", Status.LIVE, LEFT_LIVE),
    ("dossier:a", Status.LIVE, None),
])  # fmt: skip
def test_one_that_nobody_brings_up_to_date_any_more_is_left(topic: str, status: Status, limit: timedelta | None) -> None:
    row = replace(SUBSCRIPTION, topic=topic, status=status, since=EXPIRES, place="1")
    assert row.owed is (limit is not None)
    assert not row.left(EXPIRES + (limit or timedelta(days=1)))
    assert row.left(EXPIRES + (limit or timedelta(days=1)) + TICK) is (limit is not None)
    assert not row.settled().owed
    assert not row.settled().left(EXPIRES + timedelta(days=1))


def test_a_replay_has_told_what_lies_between_its_start_and_where_it_is() -> None:
    row = replace(SUBSCRIPTION, topic="unit:22")
    assert not row.told("5")
    replaying = row.replays(EXPIRES, "3").reached(EXPIRES, "6")
    assert [replaying.told(place) for place in "2345678"] == [False, *[True] * 6], "and will tell the rest"
    live = replaying.hears(EXPIRES).settled()
    assert [live.told(place) for place in "234567"] == [False, True, True, True, False, False]


def test_a_settled_subscription_is_owed_nothing_and_stays_as_it_is_otherwise() -> None:
    live = replace(SUBSCRIPTION.replays(EXPIRES, "7"), status=Status.LIVE, seen=4)
    assert live.settled() == replace(SUBSCRIPTION.lives(4), start="7", place="7")


def test_a_subscription_is_over_when_its_time_is() -> None:
    assert not SUBSCRIPTION.over(EXPIRES - TICK)
    assert SUBSCRIPTION.over(EXPIRES)
