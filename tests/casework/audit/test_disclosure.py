"""Disclosures: their form, their digests, what they hide, and what is none."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.audit.disclosure import SALT_BYTES, Envelope, digest_of, is_personal, opened
from casework.model.errors import Corrupt
from casework.model.parties import Ref


def encoded(raw: str | bytes) -> str:
    return urlsafe_b64encode(raw if isinstance(raw, bytes) else raw.encode()).rstrip(b"=").decode()


def test_a_disclosure_is_salt_name_and_value_in_canonical_json() -> None:
    envelope = Envelope(3, lambda: b"\0" * SALT_BYTES)
    found = envelope.enclosed("applicant.name", "Nguyễn Văn Ánh")
    disclosure = envelope.disclosures[found.digest]
    assert found == Ref(digest_of(disclosure), 3)
    assert "=" not in disclosure + found.digest
    padded = disclosure + "=" * (-len(disclosure) % 4)
    assert urlsafe_b64decode(padded).decode() == '["AAAAAAAAAAAAAAAAAAAAAA","applicant.name","Nguyễn Văn Ánh"]'
    assert found.digest == encoded(hashlib.sha256(disclosure.encode("ascii")).digest())


def test_a_digest_is_that_of_the_example_in_rfc_9901() -> None:
    disclosure = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert digest_of(disclosure) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
    assert opened(disclosure) == ("family_name", "Möbius")


def test_one_value_under_two_salts_has_two_digests() -> None:
    salts = iter((b"\0" * SALT_BYTES, b"\1" * SALT_BYTES))
    envelope = Envelope(1, lambda: next(salts))
    refs = [envelope.enclosed("reason", "the same") for _ in range(2)]
    assert len({ref.digest for ref in refs}) == 2
    assert list(envelope.disclosures) == [ref.digest for ref in refs]


def test_nothing_is_enclosed_for_an_absent_value() -> None:
    envelope = Envelope(1, lambda: b"\0" * SALT_BYTES)
    assert envelope.enclosed_if("applicant.phone", None) is None
    assert envelope.disclosures == {}
    assert envelope.enclosed_if("applicant.phone", "") == Ref(next(iter(envelope.disclosures)), 1)


@settings(print_blob=True, deadline=None)
@given(st.text(), st.text(), st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES))
def test_what_was_enclosed_is_opened(name: str, value: str, salt: bytes) -> None:
    envelope = Envelope(1, lambda: salt)
    assert opened(envelope.disclosures[envelope.enclosed(name, value).digest]) == (name, value)


@pytest.mark.parametrize("disclosure", [
    "",
    "A",
    "é",
    encoded(b"\xff\xfe"),
    encoded("no JSON"),
    encoded("5"),
    encoded("null"),
    encoded('"abc"'),
    encoded('{"a":"1","b":"2","c":"3"}'),
    encoded('["salt","name"]'),
    encoded('["salt","name","value","more"]'),
    encoded('["salt","name",1]'),
    encoded('["salt",null,"value"]'),
    encoded('[1,"name","value"]'),
])  # fmt: skip
def test_what_is_no_disclosure_is_corrupt(disclosure: str) -> None:
    with pytest.raises(Corrupt, match="cannot be read"):
        opened(disclosure)


@pytest.mark.parametrize(("name", "personal"), [
    ("applicant.name", True), ("applicant.identity_number", True), ("account", True), ("identity", True), ("reason", False),
    ("legal_basis", False), ("opinion", False),
])  # fmt: skip
def test_some_tell_who_a_citizen_is(name: str, personal: bool) -> None:  # noqa: FBT001 - a row of the table
    envelope = Envelope(1, lambda: b"\0" * SALT_BYTES)
    assert is_personal(envelope.disclosures[envelope.enclosed(name, "value").digest]) is personal
