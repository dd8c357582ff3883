"""The way of a request through `handlers.api`: what HTTP says, and the whole of a dossier's life over it."""

from tests.support import Client


def test_a_dossier_from_submit_to_decision(client: Client) -> None:
    code = client.assigned()
    for step in ("CHECK", "SITE", "DRAFT"):
        assert client.move("completeStep", "OFFICER", dossier=code, step=step)["entry"]["action"] == "STEP_COMPLETED"
    done = client.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason="đủ điều kiện")
    assert done["dossier"]["state"] == "DECIDED"
    assert (done["dossier"]["version"], done["dossier"]["entries"]) == (7, 7)
