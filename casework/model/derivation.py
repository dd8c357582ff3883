"""The derivation of a due date: its lines, each with its days, its legal basis and its sentence.

It says which sentence a line takes; the sentences are in `wording`, and what there is to tell is for `clock`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from casework.model.wording import Lang, Words, day_said, instant_said, quantity_said, sentence_said


class ReasonKind(StrEnum):
    """What a line of the derivation tells."""

    START = "START"
    SKIPPED_DAY = "SKIPPED_DAY"
    MAKEUP_DAY = "MAKEUP_DAY"
    PAUSE = "PAUSE"
    EXTENSION = "EXTENSION"
    ROLLED = "ROLLED"
    AMENDED = "AMENDED"
    IMPORTED = "IMPORTED"


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of the derivation. `name` names a day off or a make-up day; `amount` counts units.

    A pause has `on` only where its days left are laid from a later day than the one it ended on. Limits in working hours are told by
    the instants `from_at` and `to_at`; the start has its instant in `to_at`.
    """

    kind: ReasonKind
    on: date | None = None
    from_on: date | None = None
    to_on: date | None = None
    legal_basis: str = ""
    name: Words | None = None
    amount: int | None = None
    unit: str | None = None
    anew: bool = False  # of a START: at a reopening, and not at receipt
    from_at: datetime | None = None
    to_at: datetime | None = None

    def text(self, lang: Lang) -> str:
        """Say the line as a sentence for people."""
        fields = {
            "on": day_said(self.on or self.to_on, lang),
            "from": day_said(self.from_on, lang),
            "to": day_said(self.to_on, lang),
            "from_at": instant_said(self.from_at, lang),
            "to_at": instant_said(self.to_at, lang),
            "name": self.name.said(lang) if self.name else "—",
            "limit": quantity_said(self.amount, self.unit, lang),
        }
        return sentence_said(self._sentence(), lang, fields, self.legal_basis)

    def _sentence(self) -> str:
        if self.kind is ReasonKind.START:
            begun = "REOPENED" if self.anew else "START"
            if self.unit == "WORKING_HOURS":
                return f"{begun}_HOURS"
            moved = "" if self.from_on is None else "_OFF" if self.name else "_LATE"
            return f"{begun}{moved}"
        if self.kind is ReasonKind.PAUSE:
            if self.to_on is None:
                return "PAUSE_OPEN"
            if self.amount is None:
                return "PAUSE_AFTER_DUE"
            return "PAUSE_NO_DAY_LEFT" if self._none_left() else f"PAUSE_{self.unit}"
        if self.kind is ReasonKind.EXTENSION and self.from_at is not None:
            return "EXTENSION_HOURS"
        return str(self.kind)

    def _none_left(self) -> bool:
        return self.unit == "WORKING_DAYS" and self.amount == 0
