"""How a line of the log is written: with the id of what is in hand, and of a fault its kind and its place alone.

A fault's message may hold what only an entry may, as a value that could not be read. Whoever wants it told says so in the line itself.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from casework.correlation import current

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
FRAMES = 8  # of a fault, those next to where it was raised


class Lines(LambdaPowertoolsFormatter):
    """Powertools' JSON, with `correlation_id` and without messages of faults."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as the base class has them
        """See the base class, which would write the message once more with the frames."""
        super().__init__(**{**options, "serialize_stacktrace": False})

    def format(self, record: logging.LogRecord) -> str:
        """See the base class."""
        record.correlation_id = current()
        return super().format(record)

    def formatException(self, ei: Raised) -> str:  # noqa: N802 - the standard library's name
        """See the base class."""
        return " < ".join(map(kind, _causes(ei[1])))


def kind(fault: BaseException) -> str:
    """Tell a fault without its message: its kind, and where it came from."""
    frames = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in extract_tb(fault.__traceback__)[-FRAMES:]]
    return f"{type(fault).__name__} ({' > '.join(frames)})"


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
