"""Elasticsearch's jars: fetched whole or not at all, checked on every start, from the repository the user names."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tvmigrate.engines.embedded.class_archive import ensure_archive
from tvmigrate.engines.embedded.engines import EmbeddedEngines
from tvmigrate.engines.embedded.jars import CACHE_VARIABLE, ensure_jars, file_name, jar_directory, jar_files
from tvmigrate.engines.embedded.versions import Versions, jar_checksums
from tvmigrate.engines.errors import JarCorrupt, JarsUnavailable
from tvmigrate.events import Advanced, Event, Finished, Said, Started

from .processes import python

VICTIM = "org.hdrhistogram:HdrHistogram:2.1.9"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word on stderr."""

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="package")
def published(tmp_path_factory: pytest.TempPathFactory, engines: EmbeddedEngines) -> Path:
    """All jars in the layout of a Maven repository, copied from the cache that the running engines have filled."""
    engines.check()
    repository = tmp_path_factory.mktemp("repository")
    for coordinate in jar_checksums():
        group, artifact, version = coordinate.split(":")
        directory = repository.joinpath(*group.split("."), artifact, version)
        directory.mkdir(parents=True)
        shutil.copyfile(jar_directory() / file_name(coordinate), directory / file_name(coordinate))
    return repository


@pytest.fixture
def repository(published: Path, tmp_path: Path) -> Path:
    """A repository of this test's own, to be spoiled."""
    return shutil.copytree(published, tmp_path / "repository")


@pytest.fixture
def cache(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, whose jars come from `repository` over HTTP and from nowhere else."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=repository)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\nmirror = http://127.0.0.1:{server.server_address[1]}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # the world outside is not to be reached
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
        yield jar_directory()
        server.shutdown()


def test_a_first_start_fetches_every_jar_and_counts_them(cache: Path) -> None:
    events: list[Event] = []
    ensure_jars(events.append)
    total = len(jar_checksums())
    assert [path.name for path in jar_files()] == [path.name for path in jar_files() if path.exists()]
    assert events[0] == Started("Elasticsearch jars", total, "jars")
    assert [event.done for event in events if isinstance(event, Advanced)] == list(range(1, total + 1))
    assert isinstance(events[-1], Finished)
    assert sorted(path.name for path in cache.iterdir() if path.name != ".lock") == sorted(
        file_name(coordinate) for coordinate in jar_checksums()
    )


def test_a_later_start_fetches_nothing_and_says_nothing(cache: Path, repository: Path) -> None:
    ensure_jars()
    shutil.rmtree(repository)
    events: list[Event] = []
    ensure_jars(events.append)
    assert events == []
    assert cache.exists()


def test_a_corrupt_jar_is_named_with_how_to_mend_it(cache: Path) -> None:
    ensure_jars()
    jar = cache / file_name(VICTIM)
    with jar.open("ab") as file:
        file.write(b"x")
    with pytest.raises(JarCorrupt) as raised:
        ensure_jars()
    sentence = str(raised.value)
    assert sentence.startswith(f"{jar} is not the jar it should be: its sha256 is ")
    assert f"expected is {jar_checksums()[VICTIM]}." in sentence
    assert sentence.endswith(f"Remove it (rm '{jar}') and start again: it is then downloaded afresh.")


def test_a_corrupt_jar_is_fetched_afresh_once_it_is_removed(cache: Path) -> None:
    ensure_jars()
    (cache / file_name(VICTIM)).unlink()
    events: list[Event] = []
    ensure_jars(events.append)
    total = len(jar_checksums())
    assert [event.done for event in events if isinstance(event, Advanced)] == [total]


def test_a_repository_that_gives_another_file_is_refused_and_nothing_of_it_kept(cache: Path, repository: Path) -> None:
    next(repository.rglob(file_name(VICTIM))).write_bytes(b"not what was published")
    events: list[Event] = []
    with pytest.raises(JarCorrupt) as raised:
        ensure_jars(events.append)
    assert [event.text for event in events if isinstance(event, Said)] == [
        f"{VICTIM} did not arrive whole: attempt {n} of 3." for n in (2, 3)
    ]
    assert str(raised.value).startswith(f"The download of {VICTIM} has the sha256 ")
    assert not (cache / file_name(VICTIM)).exists()
    assert not (cache / ".download").exists()


def test_a_jar_that_nobody_gives_is_named_with_what_to_do(
    cache: Path, repository: Path, environ: dict[str, str]
) -> None:
    """Assert it of a process of its own, since jgo leaves the sockets of a 404 to the garbage collector."""
    next(repository.rglob(file_name(VICTIM))).unlink()
    command = python("-c", "from tvmigrate.engines.embedded.jars import ensure_jars; ensure_jars()")
    start = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    sentence = start.stderr.splitlines()[-1].removeprefix(f"{JarsUnavailable.__module__}.JarsUnavailable: ")
    assert sentence.startswith(f"{VICTIM}, a jar of the embedded Elasticsearch, could not be downloaded: ")
    assert sentence.endswith(f"or copy {cache} from a machine that has it.")


def test_two_first_starts_at_once_leave_one_whole_cache(cache: Path, environ: dict[str, str]) -> None:
    command = python("-c", "from tvmigrate.engines.embedded.jars import ensure_jars; ensure_jars()")
    starts = [subprocess.Popen(command, env=environ) for _ in range(2)]
    assert [start.wait(120) for start in starts] == [0, 0]
    events: list[Event] = []
    ensure_jars(events.append)
    assert events == []
    assert cache.exists()


def test_the_lock_of_jars_names_the_pinned_elasticsearch() -> None:
    assert set(Versions.read().jars) <= set(jar_checksums())
    own = {
        coordinate.rpartition(":")[2] for coordinate in jar_checksums() if coordinate.startswith("org.elasticsearch")
    }
    assert own == {Versions.read().elasticsearch}


def test_no_two_jars_share_a_file_name() -> None:
    assert len({file_name(coordinate) for coordinate in jar_checksums()}) == len(jar_checksums())


def test_a_class_cache_that_cannot_be_made_is_a_warning_not_a_failure(cache: Path) -> None:
    ensure_jars()
    events: list[Event] = []
    assert ensure_archive("2m", events.append, threading.Event()) == []  # no JVM starts in 2 MB
    (warning,) = [event for event in events if isinstance(event, Said)]
    assert warning.level == "warning"
    assert warning.text.startswith(
        "The class cache of Elasticsearch could not be made; it starts more slowly without it."
    )
    assert not list(cache.glob("classes-*"))
