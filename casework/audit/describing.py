"""What a bundle says of itself, to people and to programs: its README, and the JSON Schema of an entry. The same in every bundle.

Verifiers know the texts by their hashes (`bundle.TEXTS`): of one that is changed here the new hash goes there, beside those before it, and
into `docs/audit-format.md`, section 8.
"""

import json
from typing import Any

README = """Giamsat: an export of the audit trail

This folder is a BagIt bag (RFC 8493). What it was asked for stands in data/request.json, and the
checkpoint of the log that all of it is shown for in data/checkpoint.

  data/entries.jsonl       one entry of the trail in each line, subject by subject, from its first entry on
  data/states.jsonl        what each subject has come to behind its last entry here
  data/disclosures.jsonl   texts that entries refer to by their digests; personal values are not among them
  data/outside.jsonl       for a unit and a period: the first entries of the dossiers next to them in the register
  data/leaves              form FULL: all leaves of the log
  data/proofs.jsonl        form LIGHT: that each entry is in the log
  data/entry.schema.json   the shape of an entry (JSON Schema)

Do not believe it: verify it, with the key of the log that you have from elsewhere:

  python3 giamsat-verify.pyz FILE.zip --dossier ID --vkey log.vkey

The verifier is that one file, which needs Python and the package "cryptography" alone; have it from where
you have the key. The format, enough to write another verifier, is in docs/audit-format.md of the project.

If it cannot be verified, keep the file as it is: together with a checkpoint that was signed by the
same key it may prove that the trail was changed.
"""

INSTANT = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"}
HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
DIGEST = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}
REFERENCE = {
    "type": "object",
    "properties": {"digest": DIGEST, "entry": {"type": "integer", "minimum": 1}},
    "required": ["digest", "entry"],
    "additionalProperties": False,
}
PARTY: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "kind": {"enum": ["CITIZEN", "OFFICER", "IMPORT", "SERVICE"]},
        "id": {"type": "string"},
        "role": {"type": "string"},
        "unit": {"type": "string"},
        "identity": REFERENCE,
    },
    "required": ["kind", "id"],
    "additionalProperties": False,
}
MEMBERS: dict[str, Any] = {
    "v": {"const": 1},
    "log": {"type": "string"},
    "province": {"type": "string"},
    "subject": {
        "type": "object",
        "properties": {"kind": {"type": "string"}, "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
        "required": ["kind", "id"],
        "additionalProperties": False,
    },
    "seq": {"type": "integer", "minimum": 1},
    "prev": HASH,
    "occurred_at": INSTANT,
    "recorded_at": INSTANT,
    "actor": PARTY,
    "on_behalf_of": PARTY,
    "action": {"type": "string"},
    "reason": {
        "type": ["object", "null"],
        "properties": {"code": {"type": "string"}, "text": REFERENCE, "log": {"type": "string"}},
        "required": ["code"],
        "additionalProperties": False,
    },
    "changes": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"field": {"type": "string"}, "from": {}, "to": {}},
            "required": ["field", "from", "to"],
            "additionalProperties": False,
        },
    },
    "request": {"type": "string"},
    "after": HASH,
    "digests": {"type": "array", "items": DIGEST, "uniqueItems": True},
}
SCHEMA = json.dumps(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An entry of a giamsat audit trail, version 1",
        "type": "object",
        "properties": MEMBERS,
        "required": list(MEMBERS),
        "additionalProperties": False,
    },
    indent=2,
)
