"""trailAppended: every entry of a unit, or of one person, to whoever answers for it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.handlers.test_sockets import Socket, join, pump, tables
from tests.support import Client

__all__ = ["join", "pump", "tables"]  # fixtures

TRAIL = """subscription($unit: ID, $actor: ID, $after: String) { trailAppended(unit: $unit, actor: $actor, after: $after) {
    id cursor ready gap version entry { seq action actor { id } } } }"""


def entries(socket: Socket, subject: str) -> list[tuple[int, str]]:
    """What a socket hears of a dossier, since it last listened."""
    events = [message["payload"]["data"]["trailAppended"] for message in socket.heard()]
    return [
        (event["entry"]["seq"], event["entry"]["action"]) for event in events if event["id"].startswith(f"{subject}/") and event["entry"]
    ]


def test_entries_are_told_by_unit_and_by_person(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    watching = {
        "unit": (join("HEAD"), {"unit": "22-XD"}), "above": (join("SUPERVISOR"), {"unit": "22"}),
        "inspector": (join("INSPECTOR"), {"unit": "22"}),
        "actor": (join("INSPECTOR"), {"actor": "officer-1"}), "his head": (join("HEAD"), {"actor": "officer-1"}),
        "elsewhere": (join("INSPECTOR"), {"unit": "22-MT"}),
    }  # fmt: skip
    for socket, given in watching.values():
        socket.subscribe(TRAIL, **given)
        (ready,) = [message["payload"]["data"]["trailAppended"] for message in socket.heard()][:1]
        assert (ready["ready"], ready["entry"], ready["gap"]) == (True, None, False)
    code = client.decided()
    subject = client.services.store.coded(code)
    assert subject
    pump(code)
    heard = {name: entries(socket, subject) for name, (socket, _) in watching.items()}
    whole = [(1, "SUBMITTED"), (2, "RECEIVED"), (3, "ASSIGNED"), *heard["unit"][3:]]
    assert heard["unit"] == heard["above"] == heard["inspector"] == whole
    assert heard["actor"] == heard["his head"] == [(whole[-1][0], "DECIDED")]
    assert heard["elsewhere"] == []


@pytest.mark.parametrize(("who", "given"), [
    (("OFFICER", None), {"unit": "22-XD"}), (("OFFICER", "officer-1"), {"actor": "officer-1"}), (("CITIZEN", None), {"unit": "22-XD"}),
    (("RECEPTION", None), {"unit": "22-XD"}), (("ADMIN", None), {"unit": "22-XD"}), ((None, None), {"unit": "22-XD"}),
    (("HEAD", "22-MT-H"), {"actor": "officer-1"}), (("INSPECTOR", None), {"actor": "nobody"}), (("INSPECTOR", None), {"unit": "nowhere"}),
])  # fmt: skip
def test_nobody_else_may(join: Callable[..., Socket], who: tuple[str | None, str | None], given: dict[str, Any]) -> None:
    socket = join(*who)
    socket.subscribe(TRAIL, **given)
    (refused,) = socket.heard()
    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


@pytest.mark.parametrize("given", [{}, {"unit": "22-XD", "actor": "officer-1"}])
def test_one_of_the_two_is_named(join: Callable[..., Socket], given: dict[str, Any]) -> None:
    socket = join("INSPECTOR")
    socket.subscribe(TRAIL, **given)
    (refused,) = socket.heard()
    assert refused["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert refused["payload"][0]["message"] == "name what the trail is of: `unit` or `actor`"
