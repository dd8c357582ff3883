"""Records of the streams of `trail` and `accesses`, as the engine gives them: what a follower takes from the image of an item.

An image is an item, of whatever form it was put in, and comes through `forms` like every other. Whether a record is a new entry at all is
for the handlers to tell.
"""

from collections.abc import Mapping
from typing import Any

from casework.adapters.dynamo.forms import FORMS, Attributes, plain
from casework.audit.chain import Entry, reopened


def entry_of(record: Mapping[str, Any]) -> tuple[Entry, str | None]:
    """Give the entry that a record brings, and the unit of its subject; an access has none.

    Raises:
        Corrupt: it is of a form that this version does not read.
    """
    image = plain(record["dynamodb"]["NewImage"])
    item: Attributes = FORMS[table_of(record)].read(image)
    return reopened(item["line"]), item["unit_month"].rpartition("#")[0] if "unit_month" in item else None


def table_of(record: Mapping[str, Any]) -> str:
    """Tell which of the two tables a record is of: an item of the trail has the keys of its indexes, in every form."""
    return "trail" if "unit_month" in (record["dynamodb"].get("NewImage") or {}) else "accesses"
