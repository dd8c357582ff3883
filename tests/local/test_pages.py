"""The pages: nothing on them comes from elsewhere, all that they name is there, and GraphiQL's page asks and watches."""

import json
import re
import subprocess
from dataclasses import replace
from email.message import Message
from pathlib import Path

import pytest

from local import pages
from local.pages import FILES
from schema.root import printed
from tests.local.conftest import LONGEST_S, Server
from tests.support import Client, Issuer

HERE = Path(__file__).parent
OURS = sorted(pages.HERE.glob("*.*"))
PAGES = ("/", "/graphiql")
NAMED = re.compile(r'(?:href|src)="([^"]*)"')


def got(server: Server, path: str, **headers: str) -> tuple[int, Message, bytes]:
    return server.asked("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_file_of_each_name_is_named_by_a_page() -> None:
    named = {name for page in OURS if page.suffix == ".html" for name in NAMED.findall(page.read_text())}
    assert {name.removeprefix("/pages/") for name in named if name.startswith("/pages/")} == set(FILES)


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_names_is_here_and_of_its_kind(server: Server, path: str) -> None:
    status, told, body = got(server, path)
    assert (status, told["content-type"]) == (200, "text/html; charset=utf-8")
    named = NAMED.findall(body.decode())
    assert named
    for name in named:
        assert re.fullmatch(r"/[\w./-]*", name), "it is of this origin"
        status, told, content = got(server, name)
        assert status == 200, name
        kinds = {".js": "text/javascript", ".css": "text/css", ".graphql": "text/plain", "": "text/html"}
        expected = "application/json" if name == "/health" else kinds[Path(name).suffix]
        assert told["content-type"] == f"{expected}; charset=utf-8", name
        assert content


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_nothing_of_ours_leads_elsewhere(file: Path) -> None:
    text = file.read_text()
    assert re.findall(r"https?://|wss?://|[\"'(]//", text) == []
    if file.suffix == ".html":
        assert re.findall(r"<script(?! src=)[^>]*>|<style|\son\w+=|\sstyle=", text) == [], "its policy forbids scripts inside of a page"


@pytest.mark.parametrize("path", [*PAGES, "/schema.graphql", "/pages/explorer.js", "/pages/graphiql.min.js", "/pages/nothing.js"])
def test_every_answer_carries_the_policy(server: Server, path: str) -> None:
    _, told, _ = got(server, path)
    policy = dict(part.split(" ", 1) for part in told["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert {word for value in policy.values() for word in value.split()} == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert [what for what, where in policy.items() if "unsafe" in where] == ["style-src"]
    assert (told["x-content-type-options"], told["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("path", ["/", "/schema.graphql", "/pages/graphiql.min.js"])
def test_who_has_it_is_not_sent_it_again(server: Server, path: str) -> None:
    _, told, body = got(server, path)
    tag = told["etag"]
    assert told["cache-control"] == "no-cache"
    for known in (tag, f"W/{tag}", f'"another", {tag}'):
        status, again, nothing = got(server, path, if_none_match=known)
        assert (status, nothing, again["etag"]) == (304, b"", tag)
    assert got(server, path, if_none_match='"another"')[2] == body


def test_the_first_page_is_in_three_languages(server: Server) -> None:
    _, _, body = got(server, "/")
    assert re.findall(r'<p lang="(\w+)">', body.decode()) == ["vi", "en", "fr"]


def test_the_schema_is_the_printed_one(server: Server) -> None:
    assert got(server, "/schema.graphql")[2].decode() == printed()


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "__init__.py", "..%2Fserver.py", "%2e%2e/server.py", "graphiql.min.js.map"])
def test_no_other_file_is_served(server: Server, name: str) -> None:
    status, told, _ = got(server, f"/pages/{name}")
    assert (status, told["content-type"]) == (404, "text/plain; charset=utf-8")


def test_a_name_that_is_none_is_answered_with_those_that_are(server: Server) -> None:
    body = got(server, "/pages/nothing.js")[2].decode()
    assert [name for name in FILES if name not in body] == []


def test_without_the_packages_it_says_what_to_type(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(FILES, "graphiql.min.js", replace(FILES["graphiql.min.js"], path=tmp_path / "graphiql.min.js"))
    status, told, body = got(server, "/graphiql")
    assert (status, told["content-type"]) == (503, "text/html; charset=utf-8")
    assert b"make setup" in body
    assert told["content-security-policy"] == pages.POLICY
    status, _, body = got(server, "/pages/graphiql.min.js")
    assert (status, body) == (404, b"graphiql.min.js is not there: run `make setup`\n")
    assert got(server, "/")[0] == 200


@pytest.mark.parametrize("path", [*PAGES, "/schema.graphql", "/pages/pages.css"])
def test_pages_are_only_read(server: Server, path: str) -> None:
    assert server.asked("HEAD", path)[0] == 200
    assert server.asked("POST", path)[0] == 405


def test_graphiql_asks_and_watches(server: Server, client: Client, issuer: Issuer) -> None:
    code = client.submitted()["dossier"]["code"]
    at = f"127.0.0.1:{server.port}"
    done = subprocess.run(
        ["node", HERE / "page.mjs", f"http://{at}", code, issuer.token("SUPERVISOR")],  # noqa: S607 - the machine's own Node
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert (found["canMount"], found["place"]) == (True, "graphiql")
    assert found["invalid"] == [], "the default query fits the schema"
    assert found["usual"]["data"]["procedure"]["limit"]["amount"] > 0
    assert found["viewer"] == {"data": {"viewer": {"role": "SUPERVISOR"}}}
    assert found["watched"] == {"data": {"dossierChanged": {"ready": True, "cursor": "1"}}}
    assert found["refused"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert found["addresses"] == [f"http://{at}/graphql", f"ws://{at}/graphql"], "all of this origin"
