"""What is left of an applicant's values when they are masked."""

import pytest

from casework.model.masking import masked_name, masked_number, masked_text


@pytest.mark.parametrize(("name", "masked"), [
    ("Nguyễn Văn An", "N***"), ("Ơn", "Ơ***"), (" An", "A***"), ("\tĐỗ", "Đ***"), ("X", "X***"), ("công ty 3", "c***"), ("", "***"),
])  # fmt: skip
def test_a_name_keeps_its_first_letter(name: str, masked: str) -> None:
    assert masked_name(name) == masked


@pytest.mark.parametrize(("number", "masked"), [
    ("0900 000 789", "*******789"), ("001099000001", "*********001"), ("+84 (90) 123-45.67", "********567"), ("B1234567", "*****567"),
    ("123456", "***456"), ("12345", "***"), ("1 2 3", "***"), ("--", "***"), ("", "***"),
])  # fmt: skip
def test_a_number_keeps_its_last_digits_unless_it_is_short(number: str, masked: str) -> None:
    assert masked_number(number) == masked


@pytest.mark.parametrize("text", ["12 Phố Kín", "x", ""])
def test_nothing_is_left_of_a_text(text: str) -> None:
    assert masked_text(text) == "***"
