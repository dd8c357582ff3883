"""What tests of every package share."""

from collections.abc import Iterator

import pytest

from local import engine as engines


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    """One engine in memory for the whole session: a test keeps to its own stage or its own keys."""
    with engines.start(None) as running:
        yield running
