"""Demonstration data: a few hundred dossiers in every state over several provinces, and a few that go on moving.

Every dossier is made through the service's own verbs, at the times of its story, so that trail, clock and lists are what they would be.
It follows from a seed: the same start gives the same dossiers. Loading goes on where it was interrupted. Only an empty store gets it.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import count
from random import Random
from secrets import token_hex

import orjson

from casework.actions.dossiers import ID_BYTES, Asked, move, submit
from casework.model.errors import Fault
from casework.model.packing import instant, moment
from casework.model.record import DossierId
from casework.noticing import MAKER, settle
from casework.ports import Held, Services
from local.stories import COUNT as COUNT  # noqa: PLC0414 - part of what the demonstration is
from local.stories import SEED, Story, laid, told

log = logging.getLogger("giamsat")

NOTE = "demo"
TEMPO_S = 4.0  # between two moves of those that go on moving
KEPT_EACH = 20  # dossiers; those since are looked at again after an interruption, and left as they are
AT_ONCE = 3  # dossiers that move at once
MOST_MOVES = 5000  # of one run: then the demonstration stands still


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the demonstration is: its seed, when it began, how many dossiers are whole."""

    seed: int
    began: str
    done: int


def begin(services: Services) -> None:
    """Note that this store is to have the demonstration data: it is empty now."""
    _keep(services, Progress(SEED, moment(services.now().replace(second=0, microsecond=0)), 0))


def progress(services: Services) -> Progress | None:
    """Tell how far it is; None for a store that is not to have it."""
    noted = services.store.noted(NOTE)
    return Progress(**orjson.loads(noted)) if noted else None


def fill(services: Services, advance: Callable[[int], None] = lambda _: None) -> int:
    """Make the dossiers that are missing still; gives how many were made."""
    here = progress(services)
    if here is None:
        return 0
    began = instant(here.began)
    for number in range(here.done, COUNT):
        _live(services, number, began, here.seed)
        if (number + 1) % KEPT_EACH == 0 or number + 1 == COUNT:
            _keep(services, replace(here, done=number + 1))
        advance(1)
    return COUNT - here.done


def _live(services: Services, number: int, began: datetime, seed: int) -> None:
    """Make one dossier's moves, those that are there already left out."""
    story = told(services, number, began, seed)
    subject = DossierId(Random(f"{seed}/entropy/{number}").randbytes(ID_BYTES).hex())  # noqa: S311 - the same each time are wanted
    times = laid(story, began, services.store.calendar(), number)
    held = services.store.held(subject)
    made = held.version if held else 0
    for place, at in enumerate(times[made:], made):
        # Chance begins anew with each move, so that what is gone on with after an interruption is as it would have been.
        chance = Random(f"{seed}/entropy/{number}" + (f"/{place}" if place else ""))  # noqa: S311 - as above
        then = replace(services, now=_standing(at), entropy=chance.randbytes)
        key = f"demo-{seed}-{number}-{place}"
        if held is None:
            held = submit(then, story.submitter, story.submission, Asked(key, key, key))[0].held
        else:
            _noticed(services, held, at)
            act = story.acts[place - 1]
            held = move(then, act.maker, subject, act.name, Asked(key, key, key), act.making).held
    if held is not None:
        _noticed(services, held, began)


def _noticed(services: Services, held: Held, upto: datetime) -> None:
    """Raise what fell due of a dossier before an instant, at the times at which it did."""
    found: Held | None = held
    while found and found.due and (at := instant(found.due.moment.partition("#")[0])) <= upto:
        done = settle(replace(services, now=_standing(at)), held.id, f"{MAKER}:{held.id}", known=found)
        found = done.held if done else None


def _standing(at: datetime) -> Callable[[], datetime]:
    """Give a clock that stands."""
    return lambda: at


def _keep(services: Services, here: Progress) -> None:
    services.store.note(NOTE, orjson.dumps(asdict(here)).decode())


class Mover:
    """A thread that keeps a few dossiers moving, so that whoever watches sees life."""

    def __init__(self, services: Services, tempo_s: float = TEMPO_S) -> None:
        """Move on these; nothing is begun yet."""
        self._services = services
        self._tempo_s = tempo_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mover", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the move in hand."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        numbers = count(int(self._services.now().timestamp()))
        underway: list[Walk] = []
        for turn in range(MOST_MOVES):
            if self._stopping.wait(self._tempo_s):
                return
            try:
                if len(underway) < AT_ONCE:
                    underway.append(Walk(self._services, next(numbers)))
                walk = underway[turn % len(underway)]
                if not walk.step():
                    underway.remove(walk)
            except Fault as fault:
                log.info("the demonstration waits: %s", fault.message)
            except Exception:  # A store may hold what no story foresees: the others go on.
                log.exception("the demonstration leaves a story")


class Walk:
    """One dossier that lives through its story now, a move at a time."""

    def __init__(self, services: Services, number: int) -> None:
        """Choose its story."""
        self._services = services
        self._story: Story = told(services, number, services.now())
        self._subject: DossierId | None = None
        self._place = 0

    def step(self) -> bool:
        """Make its next move; False when there is none, or it was refused, as when somebody else has moved the dossier meanwhile."""
        key = token_hex(8)
        try:
            if self._subject is None:
                done, _ = submit(self._services, self._story.submitter, self._story.submission, Asked(key, key, key))
                self._subject = done.held.id
            else:
                act = self._story.acts[self._place]
                move(self._services, act.maker, self._subject, act.name, Asked(key, key, key), act.making)
                self._place += 1
        except Fault as fault:
            log.info("the demonstration leaves a dossier: %s", fault.message)
            return False
        return self._place < len(self._story.acts)
