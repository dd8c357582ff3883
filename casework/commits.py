"""The one way in which a verb writes: load, decide, seal, commit, and again when another writer was faster.

A change is one transaction (`ports.Change`). A request that is repeated finds the memory of its first time and gives the same entry.
What is to be written is decided by the caller's function, which may run several times and so has no effect of its own.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from casework.audit.canonical import canonical
from casework.audit.chain import Draft, Entry, Reason, Subject, Tip, sealed
from casework.audit.disclosure import SALT_BYTES, Envelope
from casework.model.errors import Conflict, Contended, Invalid, Refused
from casework.model.packing import Plain, moment
from casework.model.parties import Party, PartyKind
from casework.model.record import Dossier, DossierId
from casework.model.subjects import Record, flattened, kind_of
from casework.ports import Change, DueKey, Erased, Held, Raced, Repeat, Seen, Services, Thing

TRIES = 5
REMEMBERED = timedelta(hours=48)
LONGEST_KEY = 128
LARGEST_STATE = 250_000  # bytes; the engine takes 400 KB an item, and an entry may hold a list's element twice
LARGEST_LINE = 350_000  # bytes of an entry; what the engine takes, less what stands beside the line
DUE_SHARDS = 16


@dataclass(frozen=True, slots=True)
class Request:
    """What identifies a request: its scope and key, its mutation and input, and the correlation id that goes into the entry.

    The `caller` counts as input: who repeats another's request has used a key that is not his.
    """

    scope: str
    mutation: str
    key: str
    input: Plain
    correlation: str
    caller: str = ""
    for_ever: bool = False

    @property
    def memory(self) -> tuple[str, str]:
        """Scope and key under which it is remembered."""
        return self.scope, f"{self.mutation}#{self.key}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the verb decided: the next record, and what its entry says of it."""

    after: Record
    province: str
    action: str
    actor: Party
    occurred_at: datetime
    on_behalf_of: Party | None = None
    reason: Reason | None = None
    alert: tuple[str, datetime] | None = None
    applicant_key: str | None = None
    register: tuple[Thing, ...] = ()
    erased: tuple[Erased, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it. `repeated` tells that the entry is that of the request's first time, and `held` the subject as it is now."""

    held: Held
    entry: Entry
    repeated: bool = False


Decide = Callable[[Held | None, Envelope, datetime], Plan]
Settle = Callable[[Held | None, datetime], Plan | None]


def written(
    services: Services, subject: DossierId, request: Request, decide: Decide, *,
    sight: Callable[[Held | None], object] | None = None, known: Held | None = None,
) -> Written:  # fmt: skip
    """Decide and commit, at most TRIES times.

    `sight` raises when the caller may not see the dossier, and is asked before a repeated request is answered. `known` saves the first
    load to a caller that has just written the dossier; if it is stale the commit finds out.

    Raises:
        Contended: other writers were faster each time.
        Invalid: the key was used with another input, or is no key.
    """
    fingerprint = fingerprint_of(services, request)
    for attempt in range(TRIES):
        held, memory = known, None
        if held is None or attempt:
            held, memory = services.store.held_with_memory(subject, *request.memory)
        now = services.now()
        if memory is not None and memory.stands(now):
            return _repeated(services, memory, fingerprint, sight)
        envelope = Envelope((held.tip.seq if held else 0) + 1, lambda: services.entropy(SALT_BYTES))
        try:
            plan = decide(held, envelope, now)
        except (Refused, Conflict, Invalid):
            # The load is no snapshot: this very request may have committed between its two reads, or before `known` was taken.
            memory = services.store.remembered([request.memory]).get(request.memory)
            if memory is not None and memory.stands(now):
                return _repeated(services, memory, fingerprint, sight)
            raise
        plan = replace(plan, after=replace(plan.after, version=(held.version if held else 0) + 1))
        change = _change(services, subject, held, plan, request.correlation, envelope, now)
        until = None if request.for_ever else now + REMEMBERED
        change = replace(change, repeat=Repeat(*request.memory, fingerprint, subject, change.entry.seq, until))
        try:
            services.store.commit(change, now)
        except Seen:
            continue  # The try before, or this very request elsewhere, has committed: the next load finds its memory.
        except Raced:
            rest(attempt)
            continue
        return Written(change.after, change.entry)
    raise Contended("the dossier is being changed by others; nothing was written, try again with the same key")


def recorded(services: Services, subject: DossierId, correlation: str, settle: Settle, *, known: Held | None = None) -> Written | None:
    """Write what the service does by itself, at most TRIES times; None when there is nothing to be done.

    It has no memory of a request: `settle` tells by the state alone whether anything is left to do, so it may run twice, at once, and be
    killed in the middle. `version` stays, since nobody made a move; it grows where the service writes down what a person has read, once
    for each time that it was asked for. `known` is as for `written`.

    Raises:
        Contended: other writers were faster each time.
        Unavailable: the engine did not answer; what was to be written may stand.
    """
    for attempt in range(TRIES):
        held = services.store.held(subject) if known is None or attempt else known
        now = services.now()
        plan = settle(held, now)
        if plan is None:
            return None
        envelope = Envelope((held.tip.seq if held else 0) + 1, lambda: services.entropy(SALT_BYTES))
        made = plan.actor.kind is not PartyKind.SERVICE
        plan = replace(plan, after=replace(plan.after, version=(held.version if held else 0) + made))
        change = _change(services, subject, held, plan, correlation, envelope, now)
        try:
            services.store.commit(change, now)
        except Raced:
            rest(attempt)
            continue
        return Written(change.after, change.entry)
    raise Contended("the subject is being changed by others; nothing was written")


def begun_by(services: Services, subject: DossierId) -> str:
    """Give the correlation id of the request that long work comes of: a task or an export goes on under that of its first entry."""
    (first,) = services.store.entries(subject, 0, 1)
    return first.correlation


def _change(
    services: Services, subject: DossierId, held: Held | None, plan: Plan, correlation: str, envelope: Envelope, now: datetime
) -> Change:
    record = plan.after
    flat = flattened(record)
    if len(canonical(flat)) > LARGEST_STATE:
        raise Invalid("the record is full: it can hold no more of anything", code="TOO_MANY")
    named = Subject(kind_of(record), subject)
    draft = Draft(
        log=services.log,
        province=plan.province,
        subject=named,
        action=plan.action,
        actor=plan.actor,
        on_behalf_of=plan.on_behalf_of,
        occurred_at=plan.occurred_at,
        reason=plan.reason,
        request=correlation,
        before=held.flat if held else {},
        after=flat,
        digests=envelope.disclosures,
    )
    entry = sealed(draft, held.tip if held else Tip(), now)
    if len(entry.line.encode()) > LARGEST_LINE:
        raise Invalid("the change is too large for one entry: split it", code="TOO_MANY")
    unlisted = isinstance(record, Dossier) and record.erased  # The key follows from who the applicant is.
    after = Held(
        id=subject,
        province=plan.province,
        record=record,
        flat=flat,
        tip=Tip(entry.seq, entry.hash, entry.recorded_at),
        due=due_key(subject, plan.alert, entry.recorded_at),
        applicant_key=None if unlisted else held.applicant_key if held else plan.applicant_key,
    )
    return Change(named, held, after, entry, dict(envelope.disclosures), None, plan.register, plan.erased)


def due_key(subject: str, alert: tuple[str, datetime] | None, now: datetime) -> DueKey | None:
    """Place the subject's row; an instant already past goes into the current hour, so that no row lies behind the watermark."""
    if alert is None:
        return None
    level, at = alert
    shard = int(subject[:4], 16) % DUE_SHARDS
    return DueKey(f"{moment(max(at, now))[:13]}#{shard:02d}", f"{moment(at)}#{subject}", str(level))


def _repeated(services: Services, memory: Repeat, fingerprint: str, sight: Callable[[Held | None], object] | None) -> Written:
    held = services.store.held(DossierId(memory.subject))
    if sight is not None:
        sight(held)
    hold_to(memory, fingerprint)
    entries = services.store.entries(memory.subject, memory.seq - 1, 1)
    if held is None or not entries:
        raise Contended("the first answer to this key cannot be read yet; try again with the same key")
    return Written(held, entries[0], repeated=True)


def imported(log: str, step: str) -> Request:
    """Make the request of an import's move. All of it stands in the entry, so that its memory, which is for ever, can be put back."""
    named = f"import:{log}:{step}"
    return Request(scope=named, mutation="import", key="move", input=[step], correlation=named, for_ever=True)


def fingerprint_of(services: Services, request: Request) -> str:
    """Give the keyed digest by which a request's input is known again.

    Raises:
        Invalid: its key is none.
    """
    _checked_key(request.key)
    return services.keys.fingerprint(canonical([request.mutation, request.caller, request.input]))


def hold_to(memory: Repeat, fingerprint: str) -> None:
    """Hold a repeated request to the input of its first time.

    Raises:
        Invalid: it is another.
    """
    if memory.fingerprint != fingerprint:
        raise Invalid(
            "this idempotencyKey was used with another input; use a new key for a new request",
            path=("idempotencyKey",), code="IDEMPOTENCY_KEY_REUSED",
        )  # fmt: skip


def rest(attempt: int) -> None:
    """Wait a little, at random, before the try after that one."""
    time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, not a secret


def _checked_key(key: str) -> None:
    if not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise Invalid(
            f"an idempotencyKey has 1 to {LONGEST_KEY} printable characters",
            path=("idempotencyKey",),
            code="BAD_KEY",
        )
