"""What a person asked for: the entity map's file, and the command that asks for the same again."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tvmigrate.entity_map import read_entity_map
from tvmigrate.errors import UsageError
from tvmigrate.rehearse import rehearse
from tvmigrate.settings import Asked

EXPECTED = 'Expected is one JSON object of texts, such as {"contestant_1": "the_voice/contestant_1"}.'


def test_an_entity_map_is_read(tmp_path):
    path = tmp_path / "map.json"
    path.write_text('{"thí sinh": "the_voice/thí sinh"}', encoding="utf-8")
    assert read_entity_map(path) == {"thí sinh": "the_voice/thí sinh"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1). " + EXPECTED),
        (b"[]", "holds no JSON object. " + EXPECTED),
        (b'{"a": 1}', "maps 'a' to 1, not a text. " + EXPECTED),
        (b'{"a": "b", "a": "c"}', "names 'a' twice: say once what becomes of it."),
    ],
    ids=["not-json", "no-object", "no-text", "twice"],
)
def test_an_entity_map_that_cannot_be_used_says_why(tmp_path, content, sentence):
    path = tmp_path / "map.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read_entity_map(path)
    assert str(raised.value) == f"The entity map {path} {sentence}"


def test_an_entity_map_that_is_not_there_says_so(tmp_path):
    with pytest.raises(UsageError) as raised:
        read_entity_map(tmp_path / "none")
    assert str(raised.value) == (
        f"The entity map {tmp_path / 'none'} cannot be read: No such file or directory. {EXPECTED}"
    )


EVERYTHING = Asked(
    dataset=Path("a folder/data"),
    engines="live",
    migration="./migrate.sh --fast 'x y'",
    rollback="./back.sh",
    show="the_voice",
    entity_map=Path("map.json"),
    timezone="Asia/Ho_Chi_Minh",
    missing_counts="zero",
    old="kept",
    quarantine="none",
    max_findings=3,
    second_round=True,
)


@pytest.mark.parametrize("asked", [EVERYTHING, Asked(Path("d"), keep_entities=True)], ids=["every-option", "defaults"])
def test_the_command_that_repeats_a_check_asks_for_the_same(asked):
    """Assert that the printed command parses back, since it is there to be pasted."""
    words = shlex.split(asked.command("redis.eaos"))
    assert words[:2] == ["tvmigrate", "rehearse"]
    with rehearse.make_context("rehearse", words[2:]) as context:
        again = Asked(**context.params)
    assert again.only == ("redis.eaos",)
    assert {**_fields(again), "only": ()} == _fields(asked)


def test_every_option_of_rehearse_is_asked_for_under_its_own_name():
    names = {parameter.name for parameter in rehearse.params}
    assert names == set(Asked.__slots__)


def test_an_unknown_choice_names_the_choices():
    result = CliRunner().invoke(rehearse, ["--dataset", "d", "--show", "s", "--engines", "docker"])
    assert result.exit_code == 2
    assert "'docker' is not one of 'embedded', 'live'." in result.output


def _fields(asked):
    return {name: getattr(asked, name) for name in asked.__slots__}
