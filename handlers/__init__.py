"""One file for each Lambda trigger: `handle(event, services)`, the same on one machine and in the cloud, and `handler` for Lambda.

`log` is the one logger of the service, in lines of JSON; the layers below write to it by its name, `giamsat`.
"""

from handlers import prepared  # noqa: F401 - before anything that it quickens

# isort: split
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from casework.correlation import correlated, made
from casework.model.errors import Fault
from casework.ports import Services
from casework.wiring import deployed
from handlers.telling import Lines, kind

log = Logger(service="giamsat", logger_formatter=Lines())

Event = dict[str, Any]
Answer = dict[str, Any]


@cache
def services() -> Services:
    """Give the services of this process; built at the first event, since an import reads no settings and calls nobody."""
    return deployed()


# What an answer may have as `figures`, each told to CloudWatch (docs/operations.md) and to nobody else.
UNITS = {
    "MergeDelay": MetricUnit.Seconds,  # the longest that an entry published in this run has waited
    "SweepLag": MetricUnit.Seconds,  # the longest that anything due may have waited for a look
    "TrailChanged": MetricUnit.Count,  # records of a stream of entries that are no new entry
    "SetAside": MetricUnit.Count,  # records put on the dead-letter queue
}


class Failed(Exception):
    """A function failed of what nobody foresaw: of what kind it was, and where."""


def entry(handle: Callable[[Event, Services], Answer]) -> Callable[[Event, object], Answer]:
    """Give Lambda's form of a `handle`: its figures go to the log as metrics (EMF), the rest is the answer.

    Lambda writes down what is raised, so that no message of a fault gets to it but our own.
    """

    def handler(event: Event, context: object) -> Answer:
        with correlated(getattr(context, "aws_request_id", None) or made()):
            here = services()
            try:
                answer = handle(event, here)
            except Fault:
                raise
            except Exception as fault:  # noqa: BLE001 - whatever it is, it is raised, without its message
                raise Failed(kind(fault)) from None
        if figures := answer.pop("figures", None):
            metrics = Metrics(namespace="giamsat", service="giamsat")
            metrics.add_dimension("stage", here.stage)
            for name, value in figures.items():
                metrics.add_metric(name, UNITS[name], value)
            metrics.flush_metrics()
        return answer

    return handler
