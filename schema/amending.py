"""What amendCalendar brings: a document, when it was announced, and the days that it moves."""

from datetime import date

import strawberry

from casework.model.amending import Amendment, Moved
from casework.model.texts import LONGEST_NAME, text
from casework.model.workdays import OverrideKind
from schema.inputs import KeyedInput


@strawberry.input(description="A day that a document moves.")
class MovedDayInput:
    """A day."""

    on: date = strawberry.field(description="The day, 1950 to 2099.")
    kind: OverrideKind = strawberry.field(description="What becomes of it.")
    pair: date | None = strawberry.field(
        default=None, description="The other half of a swap, which names this one in turn; a make-up day has one."
    )


@strawberry.input(description="Amends the work calendar.")
class AmendCalendarInput(KeyedInput):
    """Input of amendCalendar."""

    document: str = strawberry.field(description="The document's number.")
    announced_on: date = strawberry.field(description="The day on which it was announced.")
    days: list[MovedDayInput] = strawberry.field(description="The days that it moves.")


def amendment_of(given: AmendCalendarInput) -> Amendment:
    """Build the amendment that is asked for.

    Raises:
        Invalid: its document is no text.
    """
    days = tuple(Moved(day.on, day.kind, day.pair) for day in given.days)
    return Amendment(text(given.document, "document", longest=LONGEST_NAME), given.announced_on, days)
