"""What a rehearsal and a migration compare to know that they are of one make: the rules, and what was left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from tvmigrate.contract.policy import Policy
from tvmigrate.old_layout_document import document_of

_CONTRACT_FILES = (".py", ".sql")

# Why a verdict says nothing of checks that a run was not asked for: such a run is no rehearsal of the whole.
OTHER_CHECKS = "Other checks were asked for."
NO_ROLLBACK = "The rollback was not run."


@cache
def contract_digest() -> str:
    """Return the SHA-256 over the package that holds both layouts and every rule: another rule, another digest."""
    found = sorted(
        (entry for entry in files("tvmigrate.contract").iterdir() if entry.name.endswith(_CONTRACT_FILES)),
        key=lambda entry: entry.name,
    )
    return digest_of((entry.name, hashlib.sha256(entry.read_bytes()).hexdigest()) for entry in found)


def choices(policy: Policy) -> dict[str, Any]:
    """Return a policy as a verdict has it, under the names that its options have."""
    return {
        "show": policy.show,
        "keep_entities": policy.keep_entities,
        "entity_map": dict(policy.entity_map),
        "old_layout": document_of(policy.layout),
        "timezone": policy.timezone,
        "missing_counts": "zero" if policy.zero_missing_counts else "quarantine",
    }


def digest_of(parts: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 of what `sha256sum` prints of (name, SHA-256) pairs, so that anybody can work it out again."""
    listed = "".join(f"{one}  {name}\n" for name, one in parts)
    return hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
