"""Whether the service says truly whether it is well, soon enough, and no more than that."""

import json
import threading
import time
from importlib import metadata
from typing import Any

import pytest

from casework.model.errors import Unavailable
from casework.ports import Services
from handlers import health

Event = dict[str, Any]


def event(method: str = "GET") -> Event:
    return {"rawPath": "/health", "headers": {}, "requestContext": {"http": {"method": method}, "requestId": "test-request"}}


def asked(services: Services, lag: health.Lag | None = None, method: str = "GET") -> tuple[int, dict[str, Any]]:
    answer = health.handle(event(method), services, lag)
    assert answer["headers"]["content-type"] == "application/json; charset=utf-8"
    assert answer["headers"]["cache-control"] == "no-store"
    return answer["statusCode"], json.loads(answer["body"])


def failing(monkeypatch: pytest.MonkeyPatch, services: Services, error: Exception) -> None:
    def fails(*_: str) -> None:
        raise error

    monkeypatch.setattr(services.store, "place", fails)


def test_all_is_well(services: Services) -> None:
    status, body = asked(services, lambda: 0.123)
    took_ms = body["engine"].pop("took_ms")
    assert status == 200
    assert body == {"status": "ok", "version": metadata.version("giamsat"), "engine": {"answers": True}, "stream": {"lag_s": 0.12}}
    assert 0 < took_ms < health.ANSWER_S * 1000


def test_where_nobody_measures_the_stream_nothing_is_said_of_it(services: Services) -> None:
    status, body = asked(services)
    assert (status, set(body)) == (200, {"status", "version", "engine"})


def test_a_stream_that_is_far_behind_is_told_and_no_failure(services: Services) -> None:
    status, body = asked(services, lambda: 3600.0)
    assert (status, body["status"], body["stream"]) == (200, "ok", {"lag_s": 3600.0})


def test_a_stream_that_nobody_follows_is_a_failure(services: Services) -> None:
    status, body = asked(services, lambda: None)
    assert (status, body["status"], body["stream"]) == (503, "failing", {"lag_s": None})
    assert body["engine"]["answers"] is True


def test_an_engine_that_does_not_answer_is_a_failure(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, services, Unavailable("the store did not answer (giamsat-test-live)"))
    status, body = asked(services, lambda: 0.0)
    assert (status, body["status"], body["engine"]["answers"]) == (503, "failing", False)
    assert set(body) == {"status", "version", "engine", "stream"}
    assert "giamsat-" not in json.dumps(body)
    assert "giamsat-test-live" in caplog.text  # the log tells what the answer does not


def test_a_fault_that_nobody_expected_is_a_failure_too(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, services, RuntimeError("giamsat-test-live"))
    for _ in range(8):  # and leaves no question under way
        status, body = asked(services)
        assert (status, body["status"]) == (503, "failing")
        assert "giamsat-" not in json.dumps(body)
    assert "giamsat-test-live" in caplog.text


def test_an_engine_that_hangs_holds_nobody_for_long(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_S", 0.2)
    answers = threading.Event()
    begun: list[str] = []

    def hangs(*_: str) -> None:
        begun.append(threading.current_thread().name)
        answers.wait(60)

    place = services.store.place
    monkeypatch.setattr(services.store, "place", hangs)
    for _ in range(6):
        began = time.monotonic()
        status, body = asked(services)
        assert (status, body["engine"]["answers"]) == (503, False)
        assert body["engine"]["took_ms"] >= 199
        assert time.monotonic() - began < 30, "it does not wait for the engine"
    assert begun == ["health"] * 4, "questions do not pile up"
    answers.set()
    monkeypatch.setattr(services.store, "place", place)
    monkeypatch.setattr(health, "ANSWER_S", 3.0)
    assert asked(services)[0] == 200


def test_head_is_answered_as_get(services: Services) -> None:
    assert asked(services, method="HEAD")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_only_read(services: Services, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    failing(monkeypatch, services, AssertionError("the engine is not asked"))
    answer = health.handle(event(method), services)
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "GET, HEAD")


def test_a_package_without_its_metadata_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(health, "version", absent)
    assert health._version() == "unknown"
