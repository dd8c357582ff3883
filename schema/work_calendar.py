"""The work calendar: each day of a year, worked or not, why, and by which document."""

from datetime import date

import strawberry

from casework.model.wording import ANNOUNCED, UNANNOUNCED
from casework.model.workdays import Calendar, DayKind
from casework.model.workdays import WorkDay as Stored
from schema.text import LANGS, Lang, Language


@strawberry.type(description="A legal day.")
class WorkDay:
    """A day of the calendar."""

    stored: strawberry.Private[Stored]
    on: date = strawberry.field(description="The day.")
    working: bool = strawberry.field(description="Whether the offices work.")
    kind: DayKind = strawberry.field(description="What kind of day.")
    document: str | None = strawberry.field(description="The document that moved it; null where none did.")

    @strawberry.field(description="Its name, or why it is worked or not.")
    def reason(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return self.stored.names.said(LANGS[lang])


@strawberry.type(description="The days of a year.")
class WorkCalendar:
    """A year of the calendar."""

    year: int = strawberry.field(description="The year.")
    official: bool = strawberry.field(
        description="Whether a document of the Government is entered for it; else holidays as the law fixes them."
    )
    version: int = strawberry.field(description="The version of the table of overrides; clocks name it.")
    days: list[WorkDay] = strawberry.field(description="Every day, from 1 January on.")

    @strawberry.field(description="What the year rests on, in words.")
    def note(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return (ANNOUNCED if self.official else UNANNOUNCED).said(LANGS[lang])


def calendar_shown(calendar: Calendar, year: int) -> WorkCalendar:
    """Show a year.

    Raises:
        OutsideCalendar: it is none of those whose holidays are known.
    """
    days = calendar.year(year)
    return WorkCalendar(
        year=year,
        official=any(override.day.year == year for override in calendar.overrides),
        version=calendar.version,
        days=[WorkDay(stored=day, on=day.on, working=day.working, kind=day.kind, document=day.document) for day in days],
    )
