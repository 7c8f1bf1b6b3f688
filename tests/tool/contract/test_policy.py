"""What an operator may decide, and the sentence that answers what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from tvmigrate.contract import policy
from tvmigrate.contract.policy import Policy
from tvmigrate.errors import UsageError

ONE_OF_TWO = (
    "Say how an old entity becomes a program id: either --show NAME (contestant_1 becomes NAME/contestant_1) or"
    " --keep-entities (it stays contestant_1); exactly one of the two must be given."
)
IT_BECOMES = (
    "It becomes the first part of every program id, so it may hold no '/', ':', control or blank characters; try a name"
    " such as the_voice."
)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, ONE_OF_TWO),
        ({"show": "x", "keep_entities": True}, ONE_OF_TWO),
        ({"show": ""}, f"The show name '' cannot be used: it is empty. {IT_BECOMES}"),
        (
            {"show": "a/b:c\x07 /"},
            rf"The show name 'a/b:c\x07 /' cannot be used: it holds '\x07', ' ', '/', ':'. {IT_BECOMES}",
        ),
        ({"show": "a\u3000"}, rf"The show name 'a\u3000' cannot be used: it holds '\u3000'. {IT_BECOMES}"),
        ({"show": "a\ud800"}, rf"The show name 'a\ud800' cannot be used: it holds '\ud800'. {IT_BECOMES}"),
        (
            {"keep_entities": True, "entity_map": {"a": " "}},
            "The entity map holds 'a' → ' ': neither side may be empty or blank.",
        ),
        (
            {"keep_entities": True, "entity_map": {"": "b"}},
            "The entity map holds '' → 'b': neither side may be empty or blank.",
        ),
        (
            {"keep_entities": True, "entity_map": {"a\ud800": "b"}},
            r"The entity map holds 'a\ud800' → 'b', which is not Unicode text.",
        ),
        (
            {"keep_entities": True, "entity_map": {"a": "b\udfff"}},
            r"The entity map holds 'a' → 'b\udfff', which is not Unicode text.",
        ),
        (
            {"keep_entities": True, "timezone": "Mars/Base"},
            "'Mars/Base' is no time zone of the IANA database; give a name such as Asia/Ho_Chi_Minh or UTC.",
        ),
        (
            {"keep_entities": True, "timezone": "../etc"},
            "'../etc' is no time zone of the IANA database; give a name such as Asia/Ho_Chi_Minh or UTC.",
        ),
    ],
)
def test_a_policy_that_cannot_be_says_why_and_what_to_do(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        Policy(**asked)
    assert str(refused.value) == sentence


def test_a_show_may_be_named_in_any_script() -> None:
    for name in ("giọng_hát-Việt.2025", "The-X-Factor", "x"):
        assert Policy(show=name).show == name


def test_a_migration_gets_its_policy_from_these_variables() -> None:
    assert Policy(show="the_voice").environ() == {
        "TVMIGRATE_TIMEZONE": "UTC", "TVMIGRATE_MISSING_COUNTS": "quarantine", "TVMIGRATE_SHOW": "the_voice",
    }  # fmt: skip
    mapped = Policy(None, True, {"a": "b"}, "Asia/Ho_Chi_Minh", True)
    assert mapped.environ("map.json") == {
        "TVMIGRATE_TIMEZONE": "Asia/Ho_Chi_Minh",
        "TVMIGRATE_MISSING_COUNTS": "zero",
        "TVMIGRATE_KEEP_ENTITIES": "1",
        "TVMIGRATE_ENTITY_MAP": "map.json",
    }
    with pytest.raises(ValueError, match=r"^a policy with an entity map needs the path of its file$"):
        mapped.environ()


def test_the_variables_have_the_names_of_the_contract() -> None:
    names = (policy.SHOW, policy.KEEP_ENTITIES, policy.ENTITY_MAP, policy.TIMEZONE, policy.MISSING_COUNTS)
    assert " ".join(names) == (
        "TVMIGRATE_SHOW TVMIGRATE_KEEP_ENTITIES TVMIGRATE_ENTITY_MAP TVMIGRATE_TIMEZONE TVMIGRATE_MISSING_COUNTS"
    )


def test_a_policy_decides_nothing_else_unless_it_is_said() -> None:
    plain = Policy(show="x")
    assert (plain.keep_entities, dict(plain.entity_map), plain.timezone, plain.zero_missing_counts) == (
        False, {}, "UTC", False,
    )  # fmt: skip
    assert plain.zone.key == "UTC"
