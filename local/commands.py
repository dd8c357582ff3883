"""The command line. Each command has help with an example; faults are one line on standard error.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 unreadable input; of `verify` also 4, verified with limits.
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from casework.actions.recovering import lacking, recover, recover_accesses
from casework.adapters.aside import FolderAside
from casework.audit import command as verifying
from casework.model.errors import Fault, Unavailable, Unreadable
from casework.model.parties import Role
from casework.ports import Services, Store
from local import eventlog, seeding
from local.due import LANGUAGES, due, plain, told
from local.faults import LocalError
from local.home import Home
from local.progress import bar
from local.replay import replay, total
from local.tokens import EIGHT_HOURS, issued

if TYPE_CHECKING:
    from local.deployed import Deployed

DONE, FAILED, USAGE, UNREADABLE = range(4)
PORT = "8000"
CLOUD = "ap-southeast-1"  # serverless.yml has the same
LEAST_FREE_BYTES = 1024 * 1024
LONGEST_CODE = 255
CODE = re.compile(rf"[A-Z0-9._-]{{1,{LONGEST_CODE}}}", re.ASCII)
TTL = re.compile(r"(\d{1,6})([smhd])")
STAGED = re.compile(r"[a-z0-9-]{1,20}", re.ASCII)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and shows examples as they are written."""

    def error(self, message: str) -> NoReturn:
        """Say it and leave with status 2."""
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an engine of ours is ended in order by either signal
    try:
        return int(asked.run(asked))
    except Unreadable as error:
        return _failed(str(error), UNREADABLE)
    except Unavailable as error:
        return _failed(f"{_said(error)}; run it again to go on{_full(asked.data)}", FAILED)
    except (LocalError, Fault) as error:
        return _failed(f"{_said(error)}{_full(asked.data)}", FAILED)
    except (BotoCoreError, ClientError) as error:
        if getattr(asked, "stage", None):
            return _failed(
                f"AWS did not do it: {error} (stage {asked.stage}, {asked.region}; are your credentials those of its account?)", FAILED
            )
        return _failed(f"the engine failed: {error}{_full(asked.data)}", FAILED)
    except OSError as error:
        return _failed(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", FAILED)
    except KeyboardInterrupt:
        return _failed("interrupted; run it again to go on", FAILED)


def _failed(message: str, status: int) -> int:
    print(f"giamsat: {' '.join(message.split())}", file=sys.stderr)
    return status


def _full(folder: Path) -> str:
    """The engine gives no reason when it cannot write; the disk does."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            return f"; the disk of {folder} is full"
    return ""


def _said(error: Exception) -> str:
    """Give its message, and what was noted of it on its way."""
    return "; ".join([str(error), *getattr(error, "__notes__", ())])


def _serve(asked: argparse.Namespace) -> int:
    from local.serving import serve  # noqa: PLC0415 - the other commands start faster without a server

    serve(asked.data, asked.port, demo=os.environ.get("DEMO") != "0")
    return DONE


def _seed(asked: argparse.Namespace) -> int:
    with _store(asked) as store, bar("loading the register", seeding.total()) as advance:
        seeding.begin(store, datetime.now(UTC))
        count = seeding.seed(store, advance)
    print(f"the register holds all of its {count} things" if count else "the register was loaded before: nothing to do")
    return DONE


@contextlib.contextmanager
def _store(asked: argparse.Namespace) -> Iterator[Store]:
    """Open the store of a deployed stage where one is named, else that of the data folder."""
    if asked.stage:
        yield _deployed(asked).store
    else:
        with Home(asked.data).opened() as opened:
            yield opened.services.store


def _deployed(asked: argparse.Namespace) -> "Deployed":
    from local.deployed import Deployed  # noqa: PLC0415 - for deployed stages alone

    return Deployed(asked.stage, asked.region)


def _vkey(asked: argparse.Namespace) -> int:
    if asked.stage:
        log, accesses = map(str, _deployed(asked).keys)
    else:
        if not (asked.data / "keys" / "log.pem").exists():
            raise LocalError(f"{asked.data} has no log yet: name the folder of the service with --data, or start it once")
        Home(asked.data).environ("")
        log, accesses = ((asked.data / "keys" / f"{name}.vkey").read_text().strip() for name in ("log", "accesses"))
    print(accesses if asked.accesses else log)
    return DONE


def _redrive(asked: argparse.Namespace) -> int:
    from local.redriving import redriven, waiting  # noqa: PLC0415 - for this command alone

    if not asked.stage:
        if not asked.data.exists():
            raise LocalError(f"there is no {asked.data}: name the folder of the service with --data")
        count = FolderAside(asked.data / "set-aside").redrive()
        print(f"{count} for the service to take again, within seconds of its running" if count else "nothing was set aside")
        return DONE
    deployed = _deployed(asked)
    with bar("taking again", waiting(deployed)) as advance:
        tally = redriven(deployed, advance)
    for why in tally.why:
        print(f"giamsat: one is left: {why}", file=sys.stderr)
    print(tally.told)
    return FAILED if tally.anew or tally.left else DONE


def _recover(asked: argparse.Namespace) -> int:
    with _restored(asked) as services, bar("leaves proved, then put back", 2 * (lacking(services) + lacking(services.second))) as advance:
        found = recover(services, advance)
        try:
            others = recover_accesses(services, advance)
        except Fault as fault:
            fault.add_note(f"{found.entries} entries of {services.log} were put back, and stay")
            raise
    if not found.leaves + others.leaves:
        print("the store lacks nothing of what its logs have published: nothing to recover")
        return DONE
    print(
        f"put back {found.entries} entries, among them those of {found.subjects} new subjects, and {others.entries} accesses; "
        f"{found.erased} disclosures erased again. Their texts, and the names of new applicants, are gone; the logs go on from here"
    )
    return DONE


@contextlib.contextmanager
def _restored(asked: argparse.Namespace) -> Iterator[Services]:
    """Open what nobody else writes to: a stage whose functions its operator has stopped, or a data folder without a service."""
    if asked.stage:
        yield _deployed(asked).services
    elif not any((asked.data / name).exists() for name in ("log", "log-journal")):
        raise LocalError(f"nothing was ever published from {asked.data}: name the folder whose store was put back with --data")
    elif Home(asked.data).running():
        raise LocalError("a service runs on this folder: end it first, since nothing may write meanwhile")
    else:
        with Home(asked.data).opened(older=True) as opened:
            yield opened.services


def _replay(asked: argparse.Namespace) -> int:
    try:
        log = eventlog.read(asked.file)
    except Unreadable as error:
        raise Unreadable(f"{asked.file.name}: {error}") from error
    with Home(asked.data).opened() as opened, bar(f"replaying {asked.file.name}", total(log)) as advance:
        tally = replay(opened.services, log, asked.speed, advance)
    told = tally.told()
    print(json.dumps(told) if asked.json else "  ".join(f"{name} {value:g}" for name, value in told.items()))
    return DONE


def _token(asked: argparse.Namespace) -> int:
    units = tuple(asked.unit) if asked.unit else None
    print(
        issued(
            Home(asked.data),
            Role(asked.role),
            units=units,
            subject=asked.subject,
            on_behalf_of=asked.on_behalf_of,
            ttl=asked.ttl,
        )
    )
    return DONE


def _due(asked: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # Vietnamese has letters that few other encodings have
    with Home(asked.data).opened() as opened:
        found = due(opened.services, asked.procedure, asked.at)
    if asked.json:
        print(json.dumps(plain(found, asked.lang), ensure_ascii=False))
    else:
        print("\n".join(told(found, asked.lang)))
    return DONE


def _witness(asked: argparse.Namespace) -> int:
    from local import witness  # noqa: PLC0415 - for this command alone

    where = asked.log or str(asked.data / "log")
    if asked.to is None and "://" in where:
        asked.misused("argument --to: a log at an address needs a folder for what is cosigned")
    to = asked.to or Path(where)
    log = witness.read_key(asked.vkey or asked.data / "keys" / "log.vkey")
    with witness.opened(asked.keys, asked.name) as mine:
        if asked.once:
            size = mine.look(log, where, to)
            print("nothing new" if size is None else f"cosigned {size}")
        else:
            with contextlib.suppress(KeyboardInterrupt):
                mine.watch(log, where, to, asked.every.total_seconds(), lambda size: print(f"cosigned {size}", flush=True))
    return DONE


def _parser() -> Parser:
    parser = Parser(prog="giamsat", description="Supervision of administrative procedures, on one machine.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, run: Callable[[argparse.Namespace], int], tells: str, example: str) -> Parser:
        made: Parser = commands.add_parser(
            name,
            help=tells,
            description=tells,
            epilog=f"Example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        data = Path(os.environ.get("DATA") or ".local")
        made.add_argument(
            "--data",
            type=Path,
            default=data,
            metavar="DIR",
            help="the data folder (default: $DATA or .local)",
        )
        made.set_defaults(run=run)
        return made

    served = command(
        "serve",
        _serve,
        "Run the service and its engine. An empty store gets demonstration data; with DEMO=0 none.",
        "PORT=8080 DEMO=0 giamsat serve",
    )
    served.add_argument("--port", type=_port, default=os.environ.get("PORT") or PORT, help="default: $PORT or 8000")

    def staged(made: Parser) -> Parser:
        made.add_argument(
            "--stage", metavar="NAME", type=_stage, help="a stage deployed on AWS, with your own credentials, in the place of a folder"
        )
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or CLOUD
        made.add_argument("--region", metavar="NAME", default=region, help=f"where it is deployed (default: $AWS_REGION or {CLOUD})")
        return made

    staged(command(
        "seed", _seed, "Load the register into the store: units, counters, people, procedures. A second run adds nothing.",
        "giamsat seed --stage test",
    ))  # fmt: skip
    staged(command(
        "redrive", _redrive, "Have entries taken again that a follower of the trail had set aside, once what they failed of is mended.",
        "giamsat redrive --stage test",
    ))  # fmt: skip
    staged(command(
        "recover", _recover,
        "After a restore from a backup, put back from the journal what the store lacks of the entries that its logs have published.",
        "giamsat recover --stage test",
    ))  # fmt: skip
    keyed = staged(command(
        "vkey", _vkey, "Print the public key of the log, which inspectors and witnesses hold.", "giamsat vkey --stage test > log.vkey"
    ))  # fmt: skip
    keyed.add_argument("--accesses", action="store_true", help="that of the log of accesses")
    replayed = command(
        "replay", _replay, "Read a process event log (CSV) through the service's own moves. A second run adds nothing.",
        "giamsat replay receipt.csv --speed 100000 --json",
    )  # fmt: skip
    replayed.add_argument(
        "file", type=Path, metavar="FILE.csv", help=f"a log with the columns of the CoSeLoG receipt-phase log: {' '.join(eventlog.COLUMNS)}"
    )
    replayed.add_argument(
        "--speed",
        type=_speed,
        metavar="N",
        help="N times as fast as the log's own time (default: as fast as can be)",
    )
    replayed.add_argument("--json", action="store_true", help="print the figures as one line of JSON")
    token = command(
        "token", _token, "Print a token, signed by this data folder's key. For one machine only.",
        "giamsat token --role SUPERVISOR --unit 22 --ttl 1h",
    )  # fmt: skip
    roles = [role for role in Role if role not in {Role.PUBLIC, Role.IMPORT}]
    token.add_argument("--role", choices=[role.value for role in roles], required=True, metavar="ROLE", help=" ".join(roles))
    token.add_argument(
        "--unit",
        action="append",
        metavar="CODE",
        help="a unit, or for RECEPTION its reception point; may be repeated. The register has the last word on people it knows",
    )
    token.add_argument(
        "--subject",
        metavar="ID",
        help="whose token; an officer's code (default: the register's own of that role)",
    )
    token.add_argument("--on-behalf-of", metavar="ID", help="for whom the subject acts")
    token.add_argument(
        "--ttl",
        type=_ttl,
        default=EIGHT_HOURS,
        metavar="TIME",
        help="how long it holds: 30s, 15m, 8h, 7d (default: 8h)",
    )
    verified = command("verify", verifying.run, verifying.TELLS, verifying.EXAMPLE)
    verifying.arguments(verified)
    dated = command(
        "due", _due, "Tell when a dossier would be due, and why, line by line. It changes nothing that is stored.",
        "giamsat due --procedure XD-01 --at 2025-01-24T16:10:00+07:00 --lang en",
    )  # fmt: skip
    dated.add_argument("--procedure", type=_code, required=True, metavar="CODE", help="the procedure, as XD-01")
    dated.add_argument(
        "--at",
        type=_instant,
        required=True,
        metavar="TIME",
        help="when it is received: RFC 3339 with an offset from UTC, as 2025-01-24T16:10:00+07:00",
    )
    dated.add_argument("--lang", choices=LANGUAGES, default="vi", help="the language of the lines (default: vi)")
    dated.add_argument("--json", action="store_true", help="print it all as one line of JSON")
    seen = command(
        "witness", _witness, "Cosign what a log publishes, with a key of the witness's own, as long as it only grows.",
        "giamsat witness --log https://log.example --vkey log.vkey --keys witness --to published",
    )  # fmt: skip
    seen.add_argument("--log", type=_place, metavar="DIR|URL", help="where the log is published (default: log in the data folder)")
    seen.add_argument("--vkey", type=Path, metavar="FILE", help="the log's public key (default: keys/log.vkey in the data folder)")
    seen.add_argument(
        "--keys",
        type=Path,
        required=True,
        metavar="DIR",
        help="the witness's own folder, made on first use: its key, what it cosigned last, evidence. Never remove what is in it",
    )
    seen.add_argument("--name", type=_key_name, help="the name of the key that is made on first use (default: it follows from the key)")
    seen.add_argument("--to", type=Path, metavar="DIR", help="a folder for cosigned/<size> (default: that of the log)")
    seen.add_argument("--every", type=_every, default="10s", metavar="TIME", help="how often to look: 30s, 15m, 8h (default: 10s)")
    seen.add_argument("--once", action="store_true", help="look once, tell what was done, and end")
    seen.set_defaults(misused=seen.error)
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):  # noqa: PLR2004 - ports are 16 bits
        raise argparse.ArgumentTypeError(f"a port is 1 to 65535, not {text!r}")
    return int(text)


def _stage(text: str) -> str:
    if not STAGED.fullmatch(text):
        raise argparse.ArgumentTypeError(f"a stage is 1 to 20 small letters, digits and dashes, not {text[:40]!r}")
    return text


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"a speed is a number above 0, not {text!r}")
    return speed


def _code(text: str) -> str:
    code = text.strip().upper()
    if not CODE.fullmatch(code):
        raise argparse.ArgumentTypeError(f"a code is 1 to {LONGEST_CODE} letters, digits, dots, dashes and underscores, not {text[:40]!r}")
    return code


def _instant(text: str) -> datetime:
    from schema.scalars import RFC3339  # noqa: PLC0415 - as the API takes it; the other commands start faster without a schema

    if RFC3339.fullmatch(text):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(text.upper())
    raise argparse.ArgumentTypeError(f"a time is RFC 3339 with an offset from UTC, as 2025-01-24T16:10:00+07:00, not {text[:40]!r}")


def _ttl(text: str) -> timedelta:
    found = TTL.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"a time is as 30s, 15m, 8h or 7d, not {text!r}")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def _every(text: str) -> timedelta:
    if not (time := _ttl(text)):
        raise argparse.ArgumentTypeError(f"a time is at least 1s, not {text!r}")
    return time


def _place(text: str) -> str:
    if not text or ("://" in text and not text.lower().startswith(("http://", "https://"))):
        raise argparse.ArgumentTypeError(f"a log is in a folder or at an address that begins with http:// or https://, not {text[:40]!r}")
    return text


def _key_name(text: str) -> str:
    from casework.audit.note import COSIGNED, KEY_BYTES, Key  # noqa: PLC0415 - for one command alone

    with contextlib.suppress(ValueError):
        if len(text) <= LONGEST_CODE and Key(text, COSIGNED, bytes(KEY_BYTES)).id:
            return text
    raise argparse.ArgumentTypeError(
        f"the name of a key is 1 to {LONGEST_CODE} characters without spaces and plus signs, not {text[:40]!r}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
