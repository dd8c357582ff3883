"""Several threads that take turns, one at a time, by a seed: what one does between two calls of another's is repeated by the seed alone."""

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

SELDOM = 0.002


class Turns:
    """Whose turn it is. A thread gives others theirs before each call of a store that it reaches through `over`."""

    def __init__(self, seed: int) -> None:
        """Start a sequence of turns that the seed repeats."""
        self._chance = random.Random(seed)  # noqa: S311 - turns to be repeated by their seed, no secret
        self._lock = threading.Lock()
        self._waiting: dict[int, threading.Semaphore] = {}
        self._failed: list[BaseException] = []
        self.taken = 0  # how often a turn went to another

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Run all to their ends, taking turns; raises what the first of them raised."""
        self._waiting = {number: threading.Semaphore(0) for number in range(len(jobs))}
        threads = [threading.Thread(target=self._run, args=(number, job), name=f"turn-{number}") for number, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        self._next(self._chance.choice(list(self._waiting)))
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def over(self, store: object) -> Any:  # noqa: ANN401 - stands for the store
        """Give a store before each call of which others may have their turn, seldom before a read of the due table."""
        return _Over(store, self._turn)

    def _turn(self, name: str) -> None:
        if name == "due" and self._chance.random() > SELDOM:
            return
        mine = int(threading.current_thread().name.removeprefix("turn-"))
        chosen = self._chance.choice(sorted(self._waiting))
        if chosen != mine:
            self.taken += 1
            self._next(chosen)
            self._waiting[mine].acquire()

    def _next(self, number: int) -> None:
        self._waiting[number].release()

    def _run(self, number: int, job: Callable[[], None]) -> None:
        self._waiting[number].acquire()
        try:
            job()
        except BaseException as fault:  # noqa: BLE001 - whatever it is, the others go on, and whoever runs them is told
            self._failed.append(fault)
        del self._waiting[number]
        if self._waiting:
            self._next(self._chance.choice(sorted(self._waiting)))


class _Over:
    def __init__(self, store: object, turn: Callable[[str], None]) -> None:
        self._store = store
        self._turn = turn

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the store has it
        what = getattr(self._store, name)
        if name == "second":
            return _Over(what, self._turn)

        def called(*given: Any, **more: Any) -> Any:  # noqa: ANN401 - as the store takes it
            self._turn(name)
            found = what(*given, **more)
            if name == "due" and found:
                self._turn("found")
            return found

        return called
