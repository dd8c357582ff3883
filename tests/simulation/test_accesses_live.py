"""Whatever happens in between, whoever keeps the rule of `fileViewed` hears of each access once and in order. By seeds."""

import pytest

from casework.accesses import WINDOW, noted
from casework.actions.unmasking import Asked, unmask
from casework.model.parties import Role, Viewer
from tests.simulation.clients import Watcher
from tests.simulation.stream import Stream
from tests.simulation.test_live import AT_ONCE, LONG, TICK, WORST, Play
from tests.simulation.worlds import HEAD, World

SEEDS = 50
VIEWED = "subscription($code: ID!, $after: String) { fileViewed(code: $code, after: $after) { id cursor ready gap } }"
SUPERVISOR = Viewer(Role.SUPERVISOR, "supervisor-1", ("22",))


class Views(Play):
    """The same play: officials look at dossiers, and a client watches who looks at one of them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        watched = self.watcher
        self.watcher = Watcher(watched.services, self.network, watched.token, VIEWED, watched.variables, name="viewed")
        self.clients, self.weathers = [self.watcher], [WORST]
        self._look_at(self.world, 0)
        self.before = self.told()
        self.watcher.connect()
        self.watcher.take()
        self.streams = [self.stream() for _ in range(2)]
        for one in self.streams:
            list(one)

    def stream(self) -> Stream:
        return Stream(self.world.store, 8, "accesses")

    def told(self) -> set[str]:
        subject = self.subjects[0]
        return {f"accesses/{subject}/{one.entry.seq}" for one in self.world.store.accesses(subject, 0, 1000)}

    def _move(self, people: World) -> None:
        while self.left:
            self.left -= 1
            self.world.clock.now += LONG if self.chance.random() < 0.05 else TICK
            self._look_at(people, self.left)

    def _look_at(self, people: World, number: int) -> None:
        """Look at some dossier, or unmask its applicant."""
        subject, services = self.chance.choice([self.subjects[0], self.subjects[0], self.subjects[1]]), people.services
        if self.chance.random() < 0.5:
            people.insisted(lambda: unmask(services, SUPERVISOR, subject, "đơn", None, Asked(f"unmask-{number}", "test", None)))
            return
        self.world.clock.now += WINDOW * self.chance.randrange(2)

        def view() -> None:
            held = services.store.held(subject)
            assert held
            fault = noted(services, HEAD, [held], "test")[subject]
            if fault is not None:
                raise fault

        people.insisted(view)

    def hold(self) -> None:
        """Hold what was heard against what there was to hear."""
        ordered = sorted(self.told() - self.before, key=lambda event: int(event.rpartition("/")[2]))
        assert self.watcher.seen == ordered, f"seed {self.seed}"
        assert ordered, f"seed {self.seed}"


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_each_access_is_heard_of_once_and_in_order(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        play = Views(seed)
        play.run()
        play.hold()
