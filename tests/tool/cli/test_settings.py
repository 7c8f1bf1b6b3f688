"""What a person asked for: the entity map's file, and the command that asks for the same again."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tvmigrate import settings
from tvmigrate.entity_map import read_entity_map
from tvmigrate.errors import UsageError
from tvmigrate.rehearse import rehearse
from tvmigrate.report.looks import AGAIN
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
    timeout=2.5,
    workers=3,
    executor="dask://127.0.0.1:8786",
    report=Path("a report"),
)


@pytest.mark.parametrize("asked", [EVERYTHING, Asked(Path("d"), keep_entities=True)], ids=["every-option", "defaults"])
def test_the_command_that_repeats_a_check_asks_for_the_same(asked):
    """Assert that the printed command parses back, since it is there to be pasted."""
    again = parsed(asked.command("redis.eaos"))
    assert again.only == ("redis.eaos",)
    assert {**_fields(again), "only": ()} == _fields(asked)


def test_a_check_of_the_first_look_is_repeated_without_a_second_round():
    again = parsed(EVERYTHING.repeat("redis.eaos"))
    assert (again.only, again.second_round) == (("redis.eaos",), False)


@pytest.mark.parametrize("suffix", AGAIN)
def test_a_check_of_a_later_look_is_repeated_up_to_that_look(suffix):
    again = parsed(Asked(Path("d"), show="a").repeat(f"rollback.redis{suffix}"))
    assert (again.only, again.second_round) == (("rollback.redis",), True)


@pytest.mark.parametrize(
    ("on_path", "at", "told"),
    [
        ("scripts", ".", "tvmigrate"),
        ("elsewhere", ".", "scripts/tvmigrate"),
        ("elsewhere", "scripts", "tvmigrate"),
        ("nowhere", "other", "{root}/scripts/tvmigrate"),
    ],
    ids=["on-the-path", "below-here", "here", "elsewhere"],
)
def test_the_tool_is_named_so_that_a_shell_finds_this_very_one(tmp_path, monkeypatch, on_path, at, told):
    for folder in ("scripts", "elsewhere", "other"):
        (tmp_path / folder).mkdir()
        program = tmp_path / folder / "tvmigrate"
        if folder != "other":
            program.touch(0o755)
    monkeypatch.setattr(settings.sysconfig, "get_path", lambda name: str(tmp_path / name))
    monkeypatch.setenv("PATH", str(tmp_path / on_path))
    monkeypatch.chdir(tmp_path / at)
    (word,) = settings.program()
    assert word == ("./tvmigrate" if at == "scripts" else told.format(root=tmp_path))


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_is_none_says_what_is_expected(text):
    with pytest.raises(UsageError) as raised:
        settings.timeout_of({"TVMIGRATE_TIMEOUT": text})
    assert str(raised.value) == (f"TVMIGRATE_TIMEOUT is {text!r}; expected is a number of seconds above 0, such as 60.")


def test_a_timeout_is_taken_from_the_environment_unless_it_is_given(monkeypatch):
    monkeypatch.setenv("TVMIGRATE_TIMEOUT", "7.5")
    assert parsed("tvmigrate rehearse --dataset d --show a").timeout == settings.timeout_of(settings.os.environ) == 7.5
    assert parsed("tvmigrate rehearse --dataset d --show a --timeout 2").timeout == 2


def test_every_option_of_rehearse_is_asked_for_under_its_own_name():
    names = {parameter.name for parameter in rehearse.params}
    assert names == set(Asked.__slots__)


def test_an_unknown_choice_names_the_choices():
    result = CliRunner().invoke(rehearse, ["--dataset", "d", "--show", "s", "--engines", "docker"])
    assert result.exit_code == 2
    assert "'docker' is not one of 'embedded', 'containers', 'live', 'auto'." in result.output


def parsed(command):
    words = shlex.split(command)
    start = words.index("rehearse")
    with rehearse.make_context("rehearse", words[start + 1 :]) as context:
        return Asked(**context.params)


def _fields(asked):
    return {name: getattr(asked, name) for name in asked.__slots__}
