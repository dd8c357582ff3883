"""The one tree of errors that the service raises on purpose, each with a stable code.

    Fault                       every error of the service's own
    |- Invalid                  the input is wrong: `path` names the field
    |  `- ClockInput            an input of the statutory clock is out of its range
    |- NotFound                 absent, or hidden from this viewer: the two are told alike
    |- Refused                  the dossier does not allow the move: its state, and where it is allowed from
    |- Conflict                 the caller's version is stale
    |- Unauthenticated          the token is bad, expired or foreign
    |- Forbidden                no such right, where a null answer is impossible (subscriptions)
    |- Contended                five tries met other writers; nothing was written, try again
    |- Unavailable              the store did not answer; whether the change stands is known by repeating its key
    |- Unreadable               an input file cannot be read: line and reason
    `- Corrupt                  stored bytes are not what the service wrote

`schema/errors.py` maps the codes for front ends. This module holds no texts in the languages of the users.
"""


class Fault(Exception):
    """An error of the service's own, with a stable `code`."""

    code = "INTERNAL"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        """Keep the English message; `code` overrides that of the class."""
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class Invalid(Fault):
    """The input is wrong; `path` names the field, outermost first."""

    code = "INVALID"

    def __init__(self, message: str, *, path: tuple[str, ...] = (), code: str | None = None) -> None:
        """Say which field is wrong and what it must be."""
        super().__init__(message, code=code)
        self.path = path


class ClockInput(Invalid):
    """A limit, a time or a pause that no clock can be computed from."""

    code = "CLOCK_INPUT"


class NotFound(Fault):
    """Absent, or hidden from this viewer."""

    code = "NOT_FOUND"

    def __init__(self, message: str, *, path: tuple[str, ...] = ()) -> None:
        """Say what was looked for, in the caller's own words."""
        super().__init__(message)
        self.path = path


class Refused(Fault):
    """The dossier does not allow the move now, or not to this maker."""

    code = "REFUSED"

    def __init__(self, message: str, *, code: str, state: str, allowed_from: tuple[str, ...]) -> None:
        """Keep the state the dossier is in and those the move is allowed from."""
        super().__init__(message, code=code)
        self.state = state
        self.allowed_from = allowed_from


class Conflict(Fault):
    """The version that the caller acted upon is no longer the current one."""

    code = "CONFLICT"

    def __init__(self, message: str, *, subject: str, version: int) -> None:
        """Keep whose version it is and what it is now."""
        super().__init__(message)
        self.subject = subject
        self.version = version


class Unauthenticated(Fault):
    """The token is bad, expired or from elsewhere."""

    code = "UNAUTHENTICATED"


class Forbidden(Fault):
    """There is no such right, or no such thing: the two are told alike."""

    code = "FORBIDDEN"


class Contended(Fault):
    """Other writers were faster five times running; nothing was written."""

    code = "CONTENDED"


class Unavailable(Fault):
    """The store did not answer in time."""

    code = "UNAVAILABLE"


class Unreadable(Fault):
    """An input file cannot be read."""

    code = "UNREADABLE"

    def __init__(self, message: str, *, line: int | None = None) -> None:
        """Keep the line's number, counted from 1, where one is to blame."""
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line


class Corrupt(Fault):
    """Stored bytes are not what the service wrote."""

    code = "CORRUPT"
