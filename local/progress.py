"""Progress of long work, as a bar on standard error; where that is no terminal, one line when it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def bar(what: str, count: int) -> Iterator[Callable[[int], None]]:
    """Show how much of `count` is done; the function given is told what came to it."""
    from rich.console import Console  # noqa: PLC0415 - beside the bar alone

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=count)
        yield lambda more: progress.advance(task, more)
