"""A small world over the second store: a clock that stands still, the register of one province, and people who insist on their requests."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any, TypeVar

from casework.actions.dossiers import Asked, Person, Submission, move, submit
from casework.commits import Written
from casework.model.errors import Contended, Invalid, Refused, Unavailable
from casework.model.moves import MoveName
from casework.model.parties import Role, Viewer
from casework.model.procedure import Channel
from casework.model.record import AssignmentRole, DossierId, Outcome
from casework.ports import Services, Thing
from local.register import things
from schema import inputs
from tests.casework.actions.expected import MAKINGS, Given
from tests.simulation.store import SimulatedStore
from tests.support import Issuer, RecordingCourier, SettableClock, StandingClock, services_over

T = TypeVar("T")
START = datetime(2031, 3, 3, 2, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
CITIZEN, DESK = Viewer(Role.CITIZEN, "citizen-1"), Viewer(Role.RECEPTION, "reception-1", ("22", "22-MC"))
HEAD = Viewer(Role.HEAD, "head-1", ("22-XD",))
MOST_TRIES = 200


@cache
def province() -> tuple[tuple[str, tuple[Thing, ...]], ...]:
    """Give the register of one province and of the nation."""
    found = {name: tuple(thing for of, thing in things() if of == name) for name in ("VN", "22")}
    return tuple(found.items())


@dataclass
class World:
    """Store, services and clock. `tried` counts what came of every attempt."""

    seed: int
    clock: StandingClock = field(default_factory=lambda: StandingClock(START))
    tried: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SimulatedStore(self.clock, self.seed)
        for name, those in province():
            self.store.register(those, name)
        self.chance = random.Random(self.seed)  # noqa: S311 - what people do, to be repeated
        self.clock.now += HOUR  # what was loaded is no news to anybody
        self.issuer = Issuer()
        usual = services_over(self.store, self.issuer, RecordingCourier(), SettableClock())
        self.services: Services = replace(usual, now=self.clock, entropy=self.chance.randbytes)
        self._keys = (f"key-{number}" for number in count())

    def insisted(self, ask: Callable[[], T]) -> T | None:
        """Ask until there is an answer; None when that is a refusal."""
        for _ in range(MOST_TRIES):
            self.clock.now += SECOND
            try:
                done = ask()
            except (Refused, Invalid) as fault:
                self.tried.append(fault.code)
                return None
            except (Unavailable, Contended) as fault:
                self.tried.append(fault.code)
            else:
                self.tried.append("DONE")
                return done
        raise AssertionError("nobody gets an answer any more")

    def opening(self) -> Callable[[], Written]:
        """Give the request that opens a dossier."""
        submission = Submission("XD-01", "22-MC", Channel.ONLINE, Person("Nguyễn Văn An"))
        asked = Asked(next(self._keys), "test", "input")
        return lambda: submit(self.services, CITIZEN, submission, asked)[0]

    def making(self, viewer: Viewer, kind: Callable[..., Given], name: MoveName, subject: DossierId, **given: Any) -> Callable[[], Written]:  # noqa: ANN401 - JSON
        """Give the request that makes a move."""
        made = kind(idempotency_key=next(self._keys), dossier=subject, **given)
        asked = Asked(made.idempotency_key, "test", "input")
        return lambda: move(self.services, viewer, subject, name, asked, MAKINGS[name](made))

    def received(self) -> DossierId:
        """Open a dossier and take it in, whatever it takes."""
        done = self.insisted(self.opening())
        assert done
        subject = done.held.id
        self.insisted(self.making(DESK, inputs.ReceiveDossierInput, MoveName.RECEIVE, subject, checked=["FORM", "DEED"]))
        return subject

    def some(self, subject: DossierId) -> Callable[[], Written]:
        """Make up a move, which the dossier may not allow."""
        work = {"task": "t", "responsibility": "r", "expected_result": "e", "due_at": self.clock.now + DAY}
        lead = {"role": AssignmentRole.LEAD, "unit": "22-XD", "officer": "officer-1", **work}
        beside = {"role": AssignmentRole.COORDINATING, "unit": "22-MT", **work}
        decided = {"outcome": Outcome.GRANTED, "reason": "r"}
        moves: list[tuple[Callable[..., Given], MoveName, dict[str, Any]]] = [
            (inputs.AssignDossierInput, MoveName.ASSIGN, lead),
            (inputs.AssignDossierInput, MoveName.ASSIGN, beside),
            (inputs.DecideDossierInput, MoveName.DECIDE, decided),
            (inputs.ReopenDossierInput, MoveName.REOPEN, {"reason": "r"}),
        ]
        kind, name, given = self.chance.choice(moves)
        return self.making(HEAD, kind, name, subject, **given)
