"""Cohorts: subscriptions that get the same answer, so that an event is executed once for all of them.

A cohort is (document, canonical variables, authorization scope); neither cursor nor secret is part of it. At each event its members are
split by what each may see at that moment. It executes nothing and sends nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import orjson

from casework.live import feeds
from casework.live.topics import kind_of
from casework.model.access import Decision
from casework.model.parties import Role, Viewer


class Status(StrEnum):
    """Whether a subscription is still being brought up to date, or lives from the stream."""

    REPLAYING = "REPLAYING"
    LIVE = "LIVE"


@dataclass(frozen=True, slots=True)
class Cohort:
    """What is executed: a document without cursor and secret, its variables as canonical JSON, and for whom."""

    document: str
    operation: str | None
    variables: str
    scope: str

    @property
    def key(self) -> str:
        """A short name for the cohort, the same wherever it is computed."""
        parts = [self.document, self.operation or "", self.variables, self.scope]
        return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One client's operation on a topic; its viewer is hidden.

    On a topic with a trail, entries up to `seen` of `subject` reached it while it was replaying; on a feed there is neither. While it
    replays, it does so `since` an instant, from `start` on, and has come to a `place`: whoever finds that nobody does any more goes on from
    there. On a feed that holds until its last read is done, when it is LIVE already; then what lies between the two has been told.
    """

    topic: str
    cohort: Cohort
    connection: str
    operation: str
    subject: str
    viewer: str
    expires_at: datetime
    status: Status = Status.REPLAYING
    seen: int = 0
    since: datetime | None = None
    start: str | None = None
    place: str | None = None

    def replays(self, since: datetime, place: str) -> "Subscription":
        """Give the subscription as it is brought up to date from a place on; from an earlier one, if that is owed already."""
        if self.owed and self.place is not None:
            place = min(place, self.place, key=_order)
        return replace(self, status=Status.REPLAYING, since=since, start=place, place=place)

    def reached(self, since: datetime, place: str) -> "Subscription":
        """Give the subscription as its replay has come to a place."""
        return replace(self, status=Status.REPLAYING, since=since, place=place)

    def hears(self, since: datetime) -> "Subscription":
        """Give the subscription as it hears what is new, while its last read is owed still."""
        return replace(self, status=Status.LIVE, since=since)

    def settled(self) -> "Subscription":
        """Give a subscription to which nothing is owed any more."""
        return replace(self, since=None)

    def told(self, place: str) -> bool:
        """Whether what comes right behind a place of a feed has been told to it by a replay, or will be by the one under way."""
        if self.start is None or self.place is None or self.start > place:
            return False
        return self.status is Status.REPLAYING or self.place > place

    def over(self, now: datetime) -> bool:
        """Whether its time is over: its token's, or its connection's."""
        return self.expires_at <= now

    @property
    def owed(self) -> bool:
        """Whether something is still to be told to it that nobody posts from the stream."""
        return self.since is not None and (self.status is Status.REPLAYING or not kind_of(self.topic).trailed)

    def left(self, now: datetime) -> bool:
        """Whether whoever was to bring it up to date has not come to an end in time."""
        limit = feeds.LEFT_LIVE if self.status is Status.LIVE else feeds.LEFT
        return self.owed and self.since is not None and now - self.since > limit

    def lives(self, seen: int) -> "Subscription":
        """Give the subscription once it is up to date."""
        return replace(self, status=Status.LIVE, seen=seen)


@dataclass(frozen=True, slots=True)
class Owed:
    """A note to look after a subscription, and the subscription as it is now, None when it is gone."""

    lane: int
    place: str
    subscription: Subscription | None


def _order(place: str) -> tuple[int, str]:
    """Order places: those of a trail are numbers, those of a feed begin with as many digits each."""
    return len(place.partition("#")[0]), place


def scope(viewer: Viewer) -> str:
    """Name the authorization scope. Members of one scope may still be told apart by what each may see, see `split`."""
    if viewer.dossier is not None:
        return f"tracker:{viewer.dossier}:{viewer.generation}"
    return f"role:{viewer.role}"


def role_of(scope_: str) -> Role:
    """Give the role that a scope stands for; the bearer of a secret has none."""
    kind, _, name = scope_.partition(":")
    return Role(name) if kind == "role" else Role.PUBLIC


def split(
    members: Iterable[Subscription], decided: Callable[[Subscription], Decision]
) -> Mapping[tuple[Cohort, Decision], list[Subscription]]:
    """Group members by what is executed and what they may see now: one execution each."""
    groups: dict[tuple[Cohort, Decision], list[Subscription]] = {}
    for member in members:
        groups.setdefault((member.cohort, decided(member)), []).append(member)
    return groups
