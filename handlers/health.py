"""HTTP events of API Gateway (payload format 2.0) -> whether this service can do its work: `/health`.

It asks the engine one small thing and waits a bounded time for the answer. It says nothing about what is stored, and nothing about why.
"""

import queue
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson

from casework.model.errors import Unavailable
from casework.ports import Services, Store
from handlers import log

ANSWER_S = 3.0  # for slot and answer together
METHODS = ("GET", "HEAD")

# Questions under way. One to an engine that hangs lasts longer than whoever asks here waits; no more than these pile up.
_asking = threading.BoundedSemaphore(4)

Lag = Callable[[], float | None]


def _version() -> str:
    try:
        return version("giamsat")
    except PackageNotFoundError:  # an archive may come without the package's metadata
        return "unknown"


VERSION = _version()


def handle(event: dict[str, Any], services: Services, lag: Lag | None = None, merge_delay: Lag | None = None) -> dict[str, Any]:
    """Take one HTTP event. `lag` gives how many seconds the stream's follower is behind, None when it follows no longer.

    `merge_delay` gives in how many seconds of 99 out of 100 checkpoints all their entries were published; None before the first.
    """
    if event["requestContext"]["http"]["method"].upper() not in METHODS:
        return _answer(405, {"message": f"/health is asked by {' or '.join(METHODS)}"}, allow=", ".join(METHODS))
    began = time.monotonic()
    answers = _answers(services.store)
    body: dict[str, Any] = {
        "version": VERSION,
        "engine": {"answers": answers, "took_ms": round((time.monotonic() - began) * 1000, 1)},
    }
    follows = True
    if lag is not None:
        behind = lag()
        follows = behind is not None
        body["stream"] = {"lag_s": None if behind is None else round(behind, 2)}
    if merge_delay is not None:
        delay = merge_delay()
        body["log"] = {"merge_delay_s": None if delay is None else round(delay, 2)}
    well = answers and follows
    return _answer(200 if well else 503, {"status": "ok" if well else "failing", **body})


def _answers(store: Store) -> bool:
    """Ask the engine for a place that nobody keeps, in a thread of its own, which a hanging engine may hold as long as it likes."""
    until = time.monotonic() + ANSWER_S
    if not _asking.acquire(timeout=ANSWER_S):
        return False
    answered: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(store, answered), name="health", daemon=True).start()
    try:
        return answered.get(timeout=max(until - time.monotonic(), 0))
    except queue.Empty:
        return False


def _ask(store: Store, answered: "queue.SimpleQueue[bool]") -> None:
    answers = False
    try:
        store.place("health", "health")
        answers = True
    except Unavailable as fault:
        log.warning("health: %s", fault.message)
    except Exception:  # noqa: BLE001 - nobody waits for this thread but who is told below; the log has the rest
        log.exception("health: the engine could not be asked")
    finally:
        _asking.release()
        answered.put(answers)


def _answer(status: int, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    told = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store", **headers}
    return {"statusCode": status, "headers": told, "body": orjson.dumps(body).decode()}
