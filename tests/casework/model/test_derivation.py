"""The sentences of a derivation: three languages, real dates, nothing left empty."""

from datetime import UTC, date, datetime

import pytest

from casework.model.derivation import Reason, ReasonKind
from casework.model.wording import (
    SENTENCES,
    Lang,
    Words,
    day_said,
    holiday_in_french,
    instant_said,
    quantity_said,
    sentence_said,
)

LANGUAGES: tuple[Lang, ...] = ("vi", "en", "fr")
FIRST, SECOND, THIRD = date(2025, 2, 1), date(2025, 2, 3), date(2025, 2, 5)
NAME = Words("tên", "name", "nom")
PAUSE = ReasonKind.PAUSE
NINE, TEN = datetime(2025, 2, 3, 2, tzinfo=UTC), datetime(2025, 2, 3, 3, 15, tzinfo=UTC)

REASONS = {
    "START": Reason(ReasonKind.START, FIRST, amount=10, unit="WORKING_DAYS"),
    "START_LATE": Reason(ReasonKind.START, SECOND, FIRST, SECOND, amount=1, unit="WORKING_DAYS"),
    "START_OFF": Reason(ReasonKind.START, SECOND, FIRST, SECOND, "1/QD", NAME, 30, "CALENDAR_DAYS"),
    "REOPENED": Reason(ReasonKind.START, FIRST, amount=10, unit="WORKING_DAYS", anew=True),
    "REOPENED_LATE": Reason(ReasonKind.START, SECOND, FIRST, SECOND, amount=1, unit="WORKING_DAYS", anew=True),
    "REOPENED_OFF": Reason(ReasonKind.START, SECOND, FIRST, SECOND, "1/QD", NAME, 30, "CALENDAR_DAYS", anew=True),
    "START_HOURS": Reason(ReasonKind.START, FIRST, amount=16, unit="WORKING_HOURS", to_at=NINE),
    "REOPENED_HOURS": Reason(ReasonKind.START, FIRST, amount=16, unit="WORKING_HOURS", anew=True, to_at=NINE),
    "SKIPPED_DAY": Reason(ReasonKind.SKIPPED_DAY, FIRST, name=NAME),
    "MAKEUP_DAY": Reason(ReasonKind.MAKEUP_DAY, FIRST, legal_basis="1/QD", name=NAME),
    "PAUSE_WORKING_DAYS": Reason(PAUSE, None, FIRST, SECOND, amount=2, unit="WORKING_DAYS"),
    "PAUSE_NO_DAY_LEFT": Reason(PAUSE, None, FIRST, SECOND, amount=0, unit="WORKING_DAYS"),
    "PAUSE_CALENDAR_DAYS": Reason(PAUSE, None, FIRST, SECOND, amount=0, unit="CALENDAR_DAYS"),
    "PAUSE_WORKING_MINUTES": Reason(PAUSE, None, FIRST, SECOND, amount=90, unit="WORKING_MINUTES", from_at=NINE, to_at=TEN),
    "PAUSE_OPEN": Reason(PAUSE, from_on=FIRST),
    "PAUSE_AFTER_DUE": Reason(PAUSE, None, FIRST, SECOND),
    "EXTENSION": Reason(ReasonKind.EXTENSION, FIRST, SECOND, THIRD, amount=2, unit="WORKING_DAYS"),
    "EXTENSION_HOURS": Reason(ReasonKind.EXTENSION, None, FIRST, SECOND, amount=8, unit="WORKING_HOURS", from_at=NINE, to_at=TEN),
    "ROLLED": Reason(ReasonKind.ROLLED, None, FIRST, SECOND, "91/2015/QH13, 148.5"),
    "AMENDED": Reason(ReasonKind.AMENDED, FIRST, SECOND, THIRD, "1/QD"),
    "IMPORTED": Reason(ReasonKind.IMPORTED, FIRST),
}


def test_each_sentence_has_a_line_that_takes_it() -> None:
    assert REASONS.keys() == SENTENCES.keys()
    assert {reason.kind for reason in REASONS.values()} == set(ReasonKind)


@pytest.mark.parametrize("key", REASONS)
def test_each_line_is_told_in_three_languages(key: str) -> None:
    reason = REASONS[key]
    texts = [reason.text(lang) for lang in LANGUAGES]
    assert len(set(texts)) == 3
    for lang, text in zip(LANGUAGES, texts, strict=True):
        assert text.endswith(".")
        assert text[0].isupper()
        assert "—" not in text
        assert "{" not in text
        assert (reason.legal_basis in text) if reason.legal_basis else "[" not in text
        fixed = SENTENCES[key].said(lang).split("{", maxsplit=1)[0]
        assert text.lower().startswith(fixed.lower())


def test_a_pause_that_ended_before_the_start_is_laid_from_the_start() -> None:
    reason = Reason(PAUSE, THIRD, FIRST, SECOND, amount=5, unit="WORKING_DAYS")
    assert reason.text("en").endswith("5 working days left, counted from the day after Wednesday 5 February 2025.")
    assert reason.text("vi").endswith("còn lại 5 ngày làm việc, tính từ ngày liền sau thứ Tư, 05/02/2025.")


def test_days_are_written_as_people_write_them() -> None:
    assert [day_said(FIRST, lang) for lang in LANGUAGES] == [
        "thứ Bảy, 01/02/2025",
        "Saturday 1 February 2025",
        "samedi 1er février 2025",
    ]
    assert day_said(SECOND, "fr") == "lundi 3 février 2025"
    assert day_said(None, "vi") == "—"


def test_instants_are_written_in_the_time_of_viet_nam() -> None:
    assert [instant_said(TEN, lang) for lang in LANGUAGES] == [
        "10:15, thứ Hai, 03/02/2025",
        "10:15 on Monday 3 February 2025",
        "10:15, le lundi 3 février 2025",
    ]
    assert instant_said(None, "en") == "—"


def test_numbers_agree_with_their_nouns() -> None:
    assert [quantity_said(n, "WORKING_DAYS", "en") for n in (0, 1, 2)] == [
        "0 working days",
        "1 working day",
        "2 working days",
    ]
    assert [quantity_said(n, "WORKING_DAYS", "fr") for n in (0, 1, 2)] == [
        "0 jour ouvré",
        "1 jour ouvré",
        "2 jours ouvrés",
    ]
    assert quantity_said(30, "CALENDAR_DAYS", "vi") == "30 ngày (kể cả ngày nghỉ)"
    assert quantity_said(None, "FIXED_DATE", "vi") == quantity_said(1, None, "vi") == "—"


def test_a_basis_is_put_before_the_full_stop() -> None:
    fields = {"on": "day", "name": "rest"}
    assert sentence_said("SKIPPED_DAY", "en", fields, "1/QD") == "Day is not a working day (rest) [1/QD]."


def test_a_holiday_not_known_in_french_still_has_a_name() -> None:
    assert holiday_in_french("Some Day (observed); National Day") == ("jour férié (jour de compensation) ; Fête nationale")
