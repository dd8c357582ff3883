"""One file for each Lambda trigger: `handle(event, services)`, the same on one machine and in the cloud, and `handler` for Lambda.

`log` is the one logger of the service, in lines of JSON; the layers below write to it by its name, `giamsat`.
"""

import gc
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from casework.ports import Services
from casework.wiring import deployed

log = Logger(service="giamsat")

# An answer is some ten thousand small objects that live as long as it does: to look for cycles among them at every 700th costs a tenth
# of its time and finds none.
gc.set_threshold(50_000, 20, 20)

Event = dict[str, Any]
Answer = dict[str, Any]


@cache
def services() -> Services:
    """Give the services of this process; built at the first event, since an import reads no settings and calls nobody."""
    return deployed()


def entry(handle: Callable[[Event, Services], Answer]) -> Callable[[Event, object], Answer]:
    """Give Lambda's form of a `handle`."""
    return lambda event, _: handle(event, services())
