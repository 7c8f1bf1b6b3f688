"""The commands as a person or the suite starts them: exit codes, and sentences for bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.migrate.stores import ROOT, Stores, different


def tvmigrate(stores: Stores, *words: str, **environ: str) -> tuple[int, str, str]:
    """Run a command without a terminal; return exit code, output, errors."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("TVMIGRATE_")}
    variables |= {
        **stores.endpoints.environ(),
        "TVMIGRATE_STATE": str(stores.state),
        "PYTHONPATH": str(ROOT),
        **environ,
    }
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "tvmigrate", *words],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_apply_and_rollback_take_their_policy_from_the_environment(stores: Stores) -> None:
    before = stores.picture()
    code, out, _ = tvmigrate(stores, "apply", "--yes", TVMIGRATE_KEEP_ENTITIES="1", TVMIGRATE_TIMEZONE="UTC")
    assert code == 0
    assert "redis.eaos" in out
    assert stores.clients.redis.exists("eaos:current:contestant_1") == 1
    code, out, _ = tvmigrate(stores, "rollback", "--yes")
    assert (code, out.split(" is ")[1]) == (0, "rolled back: the old data are as its backup has them.\n")
    assert different(before, stores.picture()) == {}


def test_plan_exits_with_0_if_nothing_is_in_the_way_and_with_1_if_something_is(stores: Stores) -> None:
    code, out, _ = tvmigrate(stores, "plan", "--show", "the_voice")
    assert code == 0
    assert out.endswith("Nothing stands in the way.\n")
    stores.clients.redis.zadd("trends:top:5min", {"x": 1})
    code, out, _ = tvmigrate(stores, "plan", "--show", "the_voice")
    assert code == 1
    assert "Blockers: 1\n  - The Redis key trends:top:5min is there already" in out
    code, _, err = tvmigrate(stores, "apply", "--yes", "--show", "the_voice")
    assert code == 1
    assert "The migration cannot begin, 1 blocker, and nothing was written:" in err


def test_without_a_terminal_and_without_yes_nothing_is_done(stores: Stores) -> None:
    before = stores.picture()
    for command in ("apply", "rollback", "finish"):
        options = ["--show", "the_voice"] if command == "apply" else []
        code, _, err = tvmigrate(stores, command, *options)
        assert (code, err) == (2, "Error: There is no terminal to ask at: say --yes to go on without being asked.\n")
    assert different(before, stores.picture()) == {}


def test_a_missing_show_is_a_usage_error(stores: Stores) -> None:
    code, _, err = tvmigrate(stores, "apply", "--yes")
    assert code == 2
    assert err.startswith("Error: Say how an old entity becomes a program id: either --show NAME")


def test_an_unreachable_store_is_named_and_the_exit_code_is_3(stores: Stores) -> None:
    code, _, err = tvmigrate(stores, "apply", "--yes", "--show", "the_voice", REDIS_URL="redis://127.0.0.1:1")
    assert code == 3
    assert err.startswith("Error: redis at redis://127.0.0.1:1 cannot be worked with: ")
    assert not stores.state.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[1]",
            (
                "holds no JSON object. Expected is one JSON object of texts, such as "
                '{"contestant_1": "the_voice/contestant_1"}.'
            ),
        ),
        ('{"a": "x", "a": "y"}', "names 'a' twice: say once what becomes of it."),
    ],
    ids=["no-object", "an-entity-twice"],
)
def test_an_entity_map_that_cannot_be_followed_is_a_usage_error(
    stores: Stores, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    code, _, err = tvmigrate(stores, "apply", "--yes", "--show", "s", "--entity-map", str(path))
    assert code == 2
    assert err == f"Error: The entity map {path} {said}\n"


def test_a_state_directory_that_cannot_be_made_is_a_usage_error(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = tvmigrate(stores, "apply", "--yes", "--show", "s", TVMIGRATE_STATE=str(tmp_path / "file" / "state"))
    assert code == 2
    assert err.startswith(f"Error: The state directory {tmp_path / 'file' / 'state'} cannot be used: Not a directory.")


@pytest.fixture(params=[16, 64, 128, 192, 224], ids=lambda size: f"{size}kB")
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system that is full at another step for each size."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_one_sentence_and_the_old_data_stay_or_come_back(stores: Stores, small_disk: Path) -> None:
    before = stores.picture()
    state = str(small_disk / "state")
    code, _, err = tvmigrate(stores, "apply", "--yes", "--show", "the_voice", "--assume-room", TVMIGRATE_STATE=state)
    assert code == 3
    assert "Traceback" not in err
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("Error: ")
    assert "Make room on the disk, then" in sentence
    code, _, err = tvmigrate(stores, "rollback", "--yes", TVMIGRATE_STATE=state)
    assert "Traceback" not in err
    assert different(before, stores.picture()) == {}
