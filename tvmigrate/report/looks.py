"""The ids of later looks: what is added to a check's id when it looks a second time, and what that says."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.verify.rehearsal import AFTER_SECOND_MIGRATION, SECOND_MIGRATION, TWICE

AGAIN: Mapping[str, str] = {
    TWICE: "after the rollback command ran a second time",
    SECOND_MIGRATION: "after a second migration",
    AFTER_SECOND_MIGRATION: "after the rollback of a second migration",
}


def first_look(check_id: str) -> str:
    """Return the id that a check has when it looks the first time: that is what `--only` takes."""
    for suffix in AGAIN:
        if check_id.endswith(suffix):
            return check_id.removesuffix(suffix)
    return check_id
