"""The working days: the seed, the overrides on top of it, counting, and instants."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.model.errors import ClockInput
from casework.model.workdays import (
    CLOSES,
    OPENS,
    ZONE,
    Calendar,
    DayKind,
    OutsideCalendar,
    Override,
    OverrideKind,
    UnpairedSwap,
    at_time,
    checked,
    legal_day,
)

SEED = Calendar()
ANNOUNCED = date(2025, 12, 25)
FRIDAY, SATURDAY = date(2026, 1, 2), date(2026, 1, 10)
SWAP = (
    Override(FRIDAY, OverrideKind.OFF, SATURDAY, "12729/VPCP-KGVX", ANNOUNCED),
    Override(SATURDAY, OverrideKind.MAKEUP, FRIDAY, "12729/VPCP-KGVX", ANNOUNCED),
)
SWAPPED = Calendar(SWAP, version=2)
DAYS = st.dates(date(2023, 1, 1), date(2027, 12, 31))


@pytest.mark.parametrize(
    ("on", "kind", "english", "french"),
    [
        (date(2025, 1, 20), DayKind.WEEKDAY, "working day", "jour ouvré"),
        (date(2025, 1, 25), DayKind.WEEKEND, "weekly rest", "repos hebdomadaire"),
        (date(2025, 1, 29), DayKind.HOLIDAY, "Lunar New Year", "Nouvel An lunaire (Têt)"),
        (
            date(2026, 4, 27),
            DayKind.HOLIDAY,
            "Hung Kings' Commemoration Day (observed)",
            "Commémoration des rois Hùng (jour de compensation)",
        ),
        (
            date(2025, 5, 2),
            DayKind.SWAPPED_OFF,
            "day off swapped with Saturday 26 April 2025",
            "repos échangé avec le samedi 26 avril 2025",
        ),
        (
            date(2025, 4, 26),
            DayKind.MAKEUP,
            "making up for Friday 2 May 2025",
            "rattrapage du vendredi 2 mai 2025",
        ),
        (date(2019, 1, 5), DayKind.MAKEUP, "make-up working day", "jour de rattrapage"),
    ],
)
def test_the_seed_knows_each_kind_of_day(on: date, kind: DayKind, english: str, french: str) -> None:
    working = kind in {DayKind.WEEKDAY, DayKind.MAKEUP}
    day = SEED.day(on)
    assert (day.on, day.kind, day.working, day.document) == (on, kind, working, None)
    assert (day.names.en, day.names.fr) == (english, french)
    assert day.names.said("vi") == day.names.vi
    assert SEED.working(on) is working


def test_no_holiday_of_the_seed_lacks_a_name_of_its_own_in_french() -> None:
    first, last = date(1990, 1, 1), date(2060, 12, 31)
    days = SEED.between(first, last)
    assert {day.names.fr for day in days if day.kind is DayKind.HOLIDAY}.isdisjoint({"jour férié"})


def test_an_override_stands_above_the_seed() -> None:
    assert SEED.working(FRIDAY)
    assert not SEED.working(SATURDAY)
    off, makeup = SWAPPED.day(FRIDAY), SWAPPED.day(SATURDAY)
    assert (off.working, off.kind, off.document) == (False, DayKind.SWAPPED_OFF, "12729/VPCP-KGVX")
    assert (makeup.working, makeup.kind, makeup.document) == (True, DayKind.MAKEUP, "12729/VPCP-KGVX")
    assert off.names.vi == "nghỉ hoán đổi với thứ Bảy, 10/01/2026"


def test_an_override_without_a_pair_is_a_day_off_of_its_own() -> None:
    mourning = Override(date(2026, 3, 10), OverrideKind.OFF, None, "1/QD", ANNOUNCED)
    day = Calendar((mourning,)).day(date(2026, 3, 10))
    assert (day.kind, day.names.fr, day.document) == (DayKind.HOLIDAY, "jour chômé", "1/QD")


def test_a_holiday_that_is_overridden_keeps_its_name() -> None:
    again = Override(date(2025, 1, 29), OverrideKind.OFF, None, "1/QD", ANNOUNCED)
    day = Calendar((again,)).day(date(2025, 1, 29))
    assert (day.kind, day.names.en, day.document) == (DayKind.HOLIDAY, "Lunar New Year", "1/QD")


def test_pairs_are_checked() -> None:
    assert checked(SWAP) == SWAP
    off, makeup = SWAP
    elsewhere = Override(SATURDAY, OverrideKind.MAKEUP, date(2026, 1, 5), "x", ANNOUNCED)
    alike = Override(SATURDAY, OverrideKind.OFF, FRIDAY, "x", ANNOUNCED)
    for bad in ((off,), (makeup,), (off, elsewhere), (off, alike), (off, off)):
        with pytest.raises(UnpairedSwap) as refusal:
            Calendar(bad)
        assert isinstance(refusal.value, ValueError)
        assert isinstance(refusal.value, ClockInput)


def test_calendars_are_equal_by_what_they_hold() -> None:
    twin = Calendar(SWAP, version=2)
    twin.day(FRIDAY)
    assert twin == SWAPPED
    assert hash(twin) == hash(SWAPPED)


def test_the_years_known_have_two_ends() -> None:
    assert SEED.day(date(1950, 1, 2)).on == date(1950, 1, 2)
    assert SEED.working(date(2099, 12, 31))
    for beyond in (date(1949, 12, 31), date(2100, 1, 1)):
        with pytest.raises(OutsideCalendar, match="outside 1950 to 2099"):
            SEED.day(beyond)
    with pytest.raises(OutsideCalendar):
        SEED.nth_after(date(2099, 12, 31), 1)
    with pytest.raises(OutsideCalendar):
        SEED.nth_after(date(1950, 1, 2), -5)


def test_a_year_holds_each_of_its_days() -> None:
    assert [day.on for day in SEED.year(2024)] == [date(2024, 1, 1) + timedelta(n) for n in range(366)]
    assert {day.on for day in SWAPPED.year(2026) if day != SEED.day(day.on)} == {FRIDAY, SATURDAY}


def test_counting_over_tet_and_over_new_year() -> None:
    assert SEED.counted(date(2025, 1, 24), date(2025, 2, 7)) == 5
    assert SEED.counted(date(2025, 2, 7), date(2025, 2, 7)) == 0
    assert SEED.counted(date(2025, 2, 8), date(2025, 2, 7)) == 0
    assert SWAPPED.counted(date(2025, 12, 30), date(2026, 1, 8)) == 5
    assert SEED.first_from(date(2025, 1, 25)) == date(2025, 2, 3)
    assert SEED.first_from(date(2025, 2, 3)) == date(2025, 2, 3)


@settings(print_blob=True)
@given(DAYS, DAYS)
def test_counting_agrees_with_looking_at_each_day(after: date, upto: date) -> None:
    span = [after + timedelta(n) for n in range(1, (upto - after).days + 1)]
    assert SWAPPED.counted(after, upto) == sum(SWAPPED.working(on) for on in span)
    assert [day.on for day in SWAPPED.between(after + timedelta(1), upto)] == span


@settings(print_blob=True)
@given(DAYS, st.integers(1, 600))
def test_the_nth_day_after_is_the_one_that_counts_n(day: date, n: int) -> None:
    on = SWAPPED.nth_after(day, n)
    assert SWAPPED.working(on)
    assert SWAPPED.counted(day, on) == n
    back = SWAPPED.nth_after(on, -n)
    assert SWAPPED.counted(back, on) == n
    assert back <= day
    assert SWAPPED.counted(back, day) == 0


def test_legal_days_and_instants() -> None:
    assert legal_day(datetime(2025, 1, 20, 17, 0, tzinfo=UTC)) == date(2025, 1, 21)
    assert legal_day(datetime(2025, 1, 20, 16, 59, 59, tzinfo=UTC)) == date(2025, 1, 20)
    assert at_time(date(2025, 1, 20), CLOSES) == datetime(2025, 1, 20, 10, 0, tzinfo=UTC)
    assert at_time(date(2025, 1, 20), OPENS).tzinfo is UTC
    with pytest.raises(ValueError, match="no offset"):
        legal_day(datetime(2025, 1, 20, 9))  # noqa: DTZ001 - the naive instant is what is refused
    with pytest.raises(OutsideCalendar):
        legal_day(datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))))


@pytest.mark.parametrize(
    ("begun", "ended", "minutes"),
    [
        ("2025-01-20T07:00", "2025-01-20T18:00", 480),
        ("2025-01-20T09:00", "2025-01-20T09:00", 0),
        ("2025-01-20T10:00", "2025-01-20T09:00", 0),
        ("2025-01-20T11:00", "2025-01-20T13:30", 60),
        ("2025-01-20T12:00", "2025-01-20T12:30", 0),
        ("2025-01-24T16:00", "2025-02-03T08:30", 120),
        ("2025-01-25T09:00", "2025-01-26T09:00", 0),
        ("2024-12-31T16:59", "2025-01-02T07:31", 2),
    ],
)
def test_working_time_between_two_instants(begun: str, ended: str, minutes: int) -> None:
    from_at, to_at = (datetime.fromisoformat(at).replace(tzinfo=ZONE) for at in (begun, ended))
    assert SEED.opened(from_at, to_at) == timedelta(minutes=minutes)


@settings(print_blob=True)
@given(st.lists(st.datetimes(datetime(2025, 1, 1), datetime(2025, 6, 1)), min_size=3, max_size=3))  # noqa: DTZ001 - bounds may not have a zone
def test_working_time_adds_up(instants: list[datetime]) -> None:
    first, middle, last = sorted(at.replace(tzinfo=UTC) for at in instants)
    assert SEED.opened(first, middle) + SEED.opened(middle, last) == SEED.opened(first, last)


def test_the_offices_open_and_close() -> None:
    assert OPENS.isoformat("minutes") == "07:30"
    assert CLOSES.isoformat("minutes") == "17:00"
