"""The forms that stored items have had, and how an item of an older form is read.

Each table counts its forms from 1; an item carries the number of its own as `v`. Here stands, for each table, which form is written, and
the steps from one form to the next: pure functions on attributes by name, as the engine gives them, a number as text. Readers upgrade, step
by step; nothing here writes, and no sweep goes over a table: an item has a new form when it is written next, whole.

A subject's `state` is what audit entries commit to, so it stays as it is stored, and its fields are upgraded apart from it (`Forms.state`).
What conditions, updates in place and indexes are on is `fixed`: it is the same in every form (docs/decisions/0018-forms.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from casework.model.errors import Corrupt

Attributes = dict[str, Any]
Upgrade = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """From one form to the next: `item` is given an item's attributes, and `states`, by the kind of subject, the fields of a state.

    Left out is what does not change. A table's items are of several kinds: a step tells by the keys what it has before it.
    """

    item: Upgrade | None = None
    states: Mapping[str, Upgrade] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of a table's items: those that are read go from 1 to one more than there are steps, and `writes` is one of them."""

    table: str
    fixed: frozenset[str]
    writes: int = 1
    steps: tuple[Step, ...] = ()
    newest: str = field(init=False)

    def __post_init__(self) -> None:
        """Nobody writes what he does not read."""
        if not 1 <= self.writes <= self.reads:
            raise ValueError(f"{self.table}: form {self.writes} is written, and forms up to {self.reads} are read")
        object.__setattr__(self, "newest", str(self.reads))

    @property
    def reads(self) -> int:
        """The newest form that is read."""
        return len(self.steps) + 1

    def read(self, item: Attributes) -> Attributes:
        """Give an item in the newest form. `v` stays as it is stored: `state` is of that form still.

        Raises:
            Corrupt: it has no form, or a later one than this version reads.
        """
        return item if item.get("v") == self.newest else self._upgraded(item)

    def known(self, item: Attributes) -> Attributes:
        """Give a part of an item, which is fixed, or a state: it stays, and only what is of no form that is read is refused.

        Raises:
            Corrupt: as for `read`.
        """
        if item.get("v") != self.newest:
            self.form_of(item)
        return item

    def state(self, item: Mapping[str, Any], fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the fields of an item's state in the newest form.

        Raises:
            Corrupt: as for `read`.
        """
        for step in self.steps[self.form_of(item) - 1 :]:
            if upgrade := step.states.get(item["kind"]):
                fields = upgrade(fields)
        return fields

    def form_of(self, item: Mapping[str, Any]) -> int:
        """Tell which form an item is of.

        Raises:
            Corrupt: as for `read`.
        """
        try:
            form = int(item["v"])
        except (KeyError, TypeError, ValueError):
            form = 0
        if form < 1:
            raise Corrupt(f"an item of {self.table} has no form: this service did not write it")
        if form > self.reads:
            raise Corrupt(
                f"an item of {self.table} is of form {form}, and this version reads forms up to {self.reads}: "
                "deploy a version that reads it (docs/operations.md, Upgrade and rollback)"
            )
        return form

    def _upgraded(self, item: Attributes) -> Attributes:
        found: Mapping[str, Any] = item
        for step in self.steps[self.form_of(item) - 1 :]:
            if step.item:
                found = step.item(found)
        for name in self.fixed:
            if found.get(name) != item.get(name):
                raise Corrupt(f"a step between forms of {self.table} changes {name}, which is the same in all of them")
        return dict(found)


_ALL = (
    Forms(
        "subjects",
        frozenset({
            "pk", "sk", "v", "province", "kind", "state", "entries", "due_bucket", "due_moment", "unit_key", "province_key", "officer_key",
            "applicant_key", "point_key", "due_sort", "expires_at", "drawn",
        }),
    ),
    Forms("trail", frozenset({"subject", "seq", "v", "line", "moment", "unit_month", "province_day", "actor_month"})),
    Forms("disclosures", frozenset({"subject", "seq", "v", "disclosures"})),
    Forms("due", frozenset({"bucket", "moment", "v"})),
    Forms(
        "alerts",
        frozenset({"subject", "number", "v", "unit_key", "province_key", "officer_key", "point_key", "raised_sort"}),
    ),
    Forms("log", frozenset({"pk", "sk", "v", "number"})),
    Forms("accesses", frozenset({"subject", "seq", "v", "line"})),
    Forms(
        "live",
        frozenset({
            "pk", "sk", "v", "province", "body", "phase", "status", "seen", "members", "operations", "wanted_until", "expires_at",
        }),
    ),
    Forms("register", frozenset({"pk", "sk", "v", "list_key", "list_sort"})),
)  # fmt: skip
FORMS = {forms.table: forms for forms in _ALL}


def plain(item: Mapping[str, Mapping[str, Any]]) -> Attributes:
    """Give the attributes of an item by name, out of the form in which the engine sends it: each holds one, its type and itself."""
    return {name: value for name, held in item.items() for value in held.values()}
