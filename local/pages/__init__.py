"""The pages of the one-machine service: `/`, `/graphiql`, the printed schema, and the files that they name.

All of it comes from this machine: a fixed list of files, our own beside this one and those that npm installed. A page says nothing of
dossiers; its script asks `/graphql` like anybody.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.root import printed

HERE = Path(__file__).parent
NPM = HERE.parents[1] / "node_modules"
PAGE, SCRIPT, STYLE, TEXT = "text/html", "text/javascript", "text/css", "text/plain"
ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # GraphiQL and its editor place their elements with it
    "font-src": "data:",  # these stand in GraphiQL's style sheet
    "img-src": "data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{what} {where}" for what, where in ALLOWED.items())
GUARDED = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class File:
    """A file that a page names."""

    path: Path
    kind: str


FILES = {
    "pages.css": File(HERE / "pages.css", STYLE),
    "explorer.js": File(HERE / "explorer.js", SCRIPT),
    "graphiql.min.css": File(NPM / "graphiql" / "graphiql.min.css", STYLE),
    "graphiql.min.js": File(NPM / "graphiql" / "graphiql.min.js", SCRIPT),
    "react.production.min.js": File(NPM / "react" / "umd" / "react.production.min.js", SCRIPT),
    "react-dom.production.min.js": File(NPM / "react-dom" / "umd" / "react-dom.production.min.js", SCRIPT),
}


def routes() -> list[Route]:
    """Give the addresses."""
    return [
        Route("/", _index),
        Route("/graphiql", _graphiql),
        Route("/schema.graphql", _schema),
        Route("/pages/{name}", _file),
    ]


def _index(request: Request) -> Response:
    return _answer(request, (HERE / "index.html").read_bytes(), PAGE)


def _graphiql(request: Request) -> Response:
    if all(file.path.is_file() for file in FILES.values()):
        return _answer(request, (HERE / "graphiql.html").read_bytes(), PAGE)
    return Response((HERE / "missing.html").read_bytes(), 503, {**GUARDED, "cache-control": "no-store"}, PAGE)


def _schema(request: Request) -> Response:
    return _answer(request, _sdl(), TEXT)


@cache
def _sdl() -> bytes:
    return printed().encode()


def _file(request: Request) -> Response:
    file = FILES.get(request.path_params["name"])
    if file is None:
        return _absent(f"no such file; the pages name {', '.join(FILES)}\n")
    try:
        content = file.path.read_bytes()
    except FileNotFoundError:
        return _absent(f"{file.path.name} is not there: run `make setup`\n")
    return _answer(request, content, file.kind)


def _absent(text: str) -> Response:
    return Response(text, 404, {**GUARDED, "cache-control": "no-store"}, TEXT)


def _answer(request: Request, content: bytes, kind: str) -> Response:
    """Answer with a content, or with nothing to who has it. It is asked for each time, so that an update is seen at once."""
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {**GUARDED, "etag": tag, "cache-control": "no-cache"}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, kind)
