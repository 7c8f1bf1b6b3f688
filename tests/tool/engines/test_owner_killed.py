"""No process outlives the one that asked for it, also when that one is killed with -9."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tvmigrate.engines.embedded.engines import EmbeddedEngines
from tvmigrate.engines.embedded.jars import CACHE_VARIABLE, jar_directory, jar_files

from .processes import left_in, processes_in, python

OWNER = """
import sys, time
from pathlib import Path
from tvmigrate.engines.embedded import EmbeddedEngines
def tell(event):
    print(type(event).__name__, event.task, flush=True)
EmbeddedEngines(Path(sys.argv[1]) if sys.argv[1:] else None, tell).start()
time.sleep(600)
"""


def kill_owner_at(moment: str, environ: dict[str, str], cwd: Path, *arguments: str) -> int:
    """Start engines in a process, kill that process when it says `moment`; return how many it had by then."""
    command = python("-c", OWNER, *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, cwd=cwd.parent, text=True) as owner:
        assert owner.stdout is not None
        for line in owner.stdout:
            if line.strip() == moment:
                break
        else:
            pytest.fail(f"the owner ended before {moment}")
        children = len(processes_in(cwd))
        owner.kill()
    return children


MOMENTS = ["Started engines", "Started clickhouse", "Started elasticsearch", "Finished redis", "Finished engines"]


@pytest.mark.usefixtures("engines")  # the first start of all fills the cache; here it is to be warm
@pytest.mark.parametrize("moment", MOMENTS)
def test_no_process_and_no_temporary_file_outlives_an_owner_killed_at(
    moment: str, tmp_path: Path, environ: dict[str, str]
) -> None:
    kill_owner_at(moment, environ | {"TMPDIR": str(tmp_path)}, tmp_path)
    assert left_in(tmp_path) == []
    if moment.startswith("Finished"):  # killed before a guard knew of the directory, an owner leaves it empty
        assert list(tmp_path.iterdir()) == []


def test_the_data_of_a_killed_owner_stays_and_serves_the_next(tmp_path: Path, environ: dict[str, str]) -> None:
    directory = tmp_path / "engines"
    directory.mkdir()
    assert kill_owner_at("Finished engines", environ, directory, str(directory)) >= 6
    with EmbeddedEngines(directory) as engines:  # at once: it waits for the last of the old ones
        engines.check()
    assert left_in(directory) == []


def test_nothing_is_left_of_an_owner_killed_while_it_makes_the_class_cache(
    tmp_path: Path, environ: dict[str, str], engines: EmbeddedEngines
) -> None:
    engines.check()
    cache, temporary = tmp_path / "cache", tmp_path / "temporary"
    jars = cache / jar_directory().name
    jars.mkdir(parents=True)
    temporary.mkdir()
    for jar in jar_files():
        shutil.copyfile(jar, jars / jar.name)
    changed = {CACHE_VARIABLE: str(cache), "TMPDIR": str(temporary)}
    kill_owner_at("Started Elasticsearch class cache", environ | changed, temporary)
    assert left_in(temporary) == []
    assert not list(jars.glob("classes-*.aot"))
    assert all((jars / jar.name).exists() for jar in jar_files())
