"""Clients that keep the rules of docs/live.md, and the network between them and the service.

What is posted may come late, twice, in another order, or not at all, and connections die.
"""

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar, cast

from casework.model.errors import Unavailable
from casework.ports import Posted, Services, Store
from handlers import sockets
from tests.simulation.faults import Crash
from tests.support import posted

HOLD = timedelta(seconds=2)  # how long a client waits for an event that others overtook
SILENCE = timedelta(seconds=20)  # without READY, a client connects anew


@dataclass(frozen=True)
class Weather:
    """What may go wrong between the service and its clients, each as a probability."""

    failed: float = 0.0  # of a post: the service does not hear whether it arrived
    dropped: float = 0.0  # it never arrives, though the service believes so
    twice: float = 0.0
    overtaken: float = 0.0  # of a message: one that came later is there before it
    late: float = 0.0  # it is there only when the client looks again
    died: float = 0.0  # of a connection, each time that its client looks
    killed: float = 0.0  # of the process that serves a subscription, at one of its calls of the store


class Network:
    """A courier over such weather. Whoever closes a connection is heard at its other end."""

    def __init__(self, seed: int) -> None:
        self.weathers: dict[str, Weather] = {}  # of each connection
        self.chance = random.Random(seed)  # noqa: S311 - to be repeated
        self.under_way: dict[str, list[str]] = {}
        self.ended: set[str] = set()
        self.posts = 0

    def opened(self, connection: str, weather: Weather) -> None:
        self.under_way[connection], self.weathers[connection] = [], weather

    def post(self, connection: str, message: str) -> bool:
        self.posts += 1
        way = self.under_way.get(connection)
        if way is None or connection in self.ended:
            return False
        weather = self.weathers[connection]
        failed = self.hits(weather.failed)
        if not self.hits(0.5 if failed else weather.dropped):
            way += [message] * (1 + self.hits(weather.twice))
        if failed:
            raise Unavailable("the gateway did not take a message")
        return True

    def post_all(self, messages: Sequence[tuple[str, str]]) -> list[Posted]:
        return [posted(self, connection, message) for connection, message in messages]

    def close_all(self, connections: Sequence[str], code: int, reason: str) -> None:
        del code, reason
        self.ended |= {*connections}

    def arrived(self, connection: str) -> list[dict[str, Any]]:
        """Take what has come to a client by now; the rest comes later."""
        way, weather = self.under_way[connection], self.weathers[connection]
        for place in range(len(way) - 1):
            if self.hits(weather.overtaken):
                way[place], way[place + 1] = way[place + 1], way[place]
        here = next((place for place in range(len(way)) if self.hits(weather.late)), len(way))
        found, way[:] = way[:here], way[here:]
        return [json.loads(message) for message in found]

    def die(self, connection: str) -> None:
        """Let a connection die, with all that is under way."""
        self.under_way.pop(connection, None)

    def hits(self, probability: float) -> bool:
        return probability > 0 and self.chance.random() < probability


@dataclass
class Client(ABC):
    """One client of one subscription: it connects, subscribes from where it was, and comes again whatever happens."""

    services: Services
    network: Network
    token: str
    query: str
    variables: dict[str, Any]
    weather: Weather = Weather()
    name: str = ""
    connection: str = ""
    ready: bool = False
    began: datetime | None = None
    seen: list[str] = field(default_factory=list)  # ids of the events observed
    numbers: Any = field(default_factory=count)

    @abstractmethod
    def after(self) -> str | None:
        """Where to resume."""

    @abstractmethod
    def told(self, event: dict[str, Any]) -> None:
        """Take an event as it arrived."""

    def settled(self) -> bool:
        """Whether it may stay as it is; else it subscribes again."""
        return True

    def connect(self) -> None:
        """Open a connection and subscribe; whoever serves that may be killed on the way."""
        self.network.die(self.connection)
        self.connection, self.ready, self.began = f"{type(self).__name__}{self.name}-{next(self.numbers)}", False, self.services.now()
        self.network.opened(self.connection, self.weather)
        killed = self.network.hits(self.weather.killed)
        services = mortal(self.services, self.network.chance.randrange(14)) if killed else self.services
        self._event(services, "$connect", headers={"Sec-WebSocket-Protocol": "graphql-transport-ws"})
        self._say(services, type="connection_init", payload={"authorization": f"Bearer {self.token}"})
        self._say(services, type="subscribe", id="1", payload={"query": self.query, "variables": {**self.variables, "after": self.after()}})

    def take(self) -> None:
        """Take what has arrived, and come again if need be."""
        for message in self.network.arrived(self.connection):
            if message["type"] == "next":
                (event,) = message["payload"]["data"].values()
                self.ready = self.ready or event["ready"]
                self.told(event)
            elif message["type"] == "error":
                assert message["payload"][0]["extensions"]["code"] == "INTERNAL", message
                self.network.ended.add(self.connection)
                break  # Of an operation that is over, nothing is heard.
        assert self.began
        silent = not self.ready and self.services.now() - self.began > SILENCE
        if silent or self.connection in self.network.ended or not self.settled() or self.network.hits(self.weather.died):
            self.connect()

    def listened(self) -> list[dict[str, Any]]:
        """Give the events that have arrived, as they came."""
        found = [message["payload"]["data"] for message in self.network.arrived(self.connection) if message["type"] == "next"]
        return [event for data in found for event in data.values()]

    def _say(self, services: Services, **message: Any) -> None:  # noqa: ANN401 - JSON
        self._event(services, "$default", body=json.dumps(message))

    def _event(self, services: Services, route: str, **more: Any) -> None:  # noqa: ANN401 - parts of an event
        try:
            sockets.handle({"requestContext": {"routeKey": route, "connectionId": self.connection}, **more}, services)
        except (Unavailable, Crash):
            return  # Nobody tells the client; it hears no READY, or nothing more.


@dataclass
class Watcher(Client):
    """It watches a dossier: it applies n only when n = last + 1, drops n <= last, and holds a higher one for two seconds."""

    last: int | None = None
    held: dict[int, str] = field(default_factory=dict)
    since: datetime | None = None

    def after(self) -> str | None:
        self.held, self.since = {}, None
        return None if self.last is None else str(self.last)

    def told(self, event: dict[str, Any]) -> None:
        number = int(event["cursor"])
        if event["ready"]:
            self.last = number if self.last is None else self.last
            return
        if self.last is None or number <= self.last:  # What overtook READY comes again behind it.
            return
        self.held[number] = event["id"]
        while (following := self.last + 1) in self.held:
            self.seen.append(self.held.pop(following))
            self.last = following
        self.since = (self.since or self.services.now()) if self.held else None

    def settled(self) -> bool:
        return self.since is None or self.services.now() - self.since <= HOLD


@dataclass
class Follower(Client):
    """It follows a unit: it resumes from the greatest cursor, and drops by id."""

    greatest: str | None = None
    order: dict[str, str] = field(default_factory=dict)  # id of an event -> the least cursor with which it came
    drops: ClassVar[bool] = True

    def after(self) -> str | None:
        return self.greatest

    def told(self, event: dict[str, Any]) -> None:
        assert not event["gap"]
        if not event["ready"] and not (self.drops and event["id"] in self.order):
            self.seen.append(event["id"])
        if not event["ready"]:
            self.order[event["id"]] = min(self.order.get(event["id"], event["cursor"]), event["cursor"], key=_micros)
        if self.greatest is None or _micros(event["cursor"]) > _micros(self.greatest):
            self.greatest = event["cursor"]


def _micros(cursor: str) -> int:
    return int(cursor.partition(".")[2])


class _Mortal:
    """A store whose process dies at one of its calls."""

    def __init__(self, store: Any, calls: int) -> None:  # noqa: ANN401 - stands for the store
        self._store, self._calls = store, calls

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the store has it
        what = getattr(self._store, name)
        if name == "second":
            return _Mortal(what, self._calls)

        def called(*given: Any, **more: Any) -> Any:  # noqa: ANN401 - as above
            self._calls -= 1
            if self._calls < 0:
                raise Crash(0, done=False)
            return what(*given, **more)

        return called


def mortal(services: Services, calls: int) -> Services:
    """Give services whose process dies at one of its calls of the store."""
    return replace(services, store=cast("Store", _Mortal(services.store, calls)))
