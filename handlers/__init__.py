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

from casework.ports import Services
from casework.wiring import deployed

log = Logger(service="giamsat")

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


def entry(handle: Callable[[Event, Services], Answer]) -> Callable[[Event, object], Answer]:
    """Give Lambda's form of a `handle`: its figures go to the log as metrics (EMF), the rest is the answer."""

    def handler(event: Event, _: object) -> Answer:
        answer = handle(event, services())
        if figures := answer.pop("figures", None):
            metrics = Metrics(namespace="giamsat", service="giamsat")
            metrics.add_dimension("stage", services().stage)
            for name, value in figures.items():
                metrics.add_metric(name, UNITS[name], value)
            metrics.flush_metrics()
        return answer

    return handler
