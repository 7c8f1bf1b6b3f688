"""The jars of the embedded Elasticsearch: fetched once by jgo, cached, held to `jars-VERSION.toml` on every start."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import stamina

from tvmigrate.engines.embedded.locks import locked
from tvmigrate.engines.embedded.versions import Versions, jar_checksums, lock_name
from tvmigrate.engines.errors import JarCorrupt, JarsUnavailable
from tvmigrate.events import Advanced, Finished, Listener, Said, Started, ignore

if TYPE_CHECKING:
    from jgo.maven import MavenContext

CACHE_VARIABLE = "TVMIGRATE_CACHE"
_ATTEMPTS = 3
_DOWNLOADS_AT_ONCE = 4
_HEADER = """\
# Every jar of the embedded Elasticsearch and its sha256, as jgo resolved the coordinates in versions.toml.
# Written by `python -m tvmigrate.engines.embedded.jars --lock`; a jar that differs is refused.

[sha256]
"""


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where downloads are kept: `TVMIGRATE_CACHE`, or the user's cache directory."""
    if chosen := environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("tvmigrate")


def jar_directory() -> Path:
    """Return where the jars of the pinned Elasticsearch lie."""
    return cache_directory() / f"elasticsearch-{Versions.read().elasticsearch}"


def file_name(coordinate: str) -> str:
    """Return the file name of a coordinate: `a.b:name:1.0` → `name-1.0.jar`."""
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def jar_files() -> list[Path]:
    """Return the paths of all jars, whether or not they are there yet."""
    directory = jar_directory()
    return [directory / file_name(coordinate) for coordinate in jar_checksums()]


def ensure_jars(listener: Listener = ignore, cancelled: threading.Event | None = None) -> None:
    """Return when every jar is in the cache with the checksum of `jars-VERSION.toml`, downloading what is absent.

    A first start says how many jars are there, as events of the task `Elasticsearch jars`, and which one is tried
    again; several threads call `listener`. Any number of
    processes may call this at once: one downloads, the others wait; a jar appears under its name only whole
    and checked.

    Raises:
        JarCorrupt: a jar in the cache, or one just downloaded, has another checksum.
        JarsUnavailable: a jar cannot be downloaded.
    """
    directory = jar_directory()
    if not _missing(directory):
        return
    directory.mkdir(parents=True, exist_ok=True)
    waiting = Said("Another process is downloading the jars of Elasticsearch: waiting for it.")
    with locked(directory / ".lock", lambda: listener(waiting)):
        if missing := _missing(directory):
            _download(missing, directory, listener, cancelled or threading.Event())


def _missing(directory: Path) -> dict[str, str]:
    """Return checksums by coordinate of the jars that are absent; raises JarCorrupt for one that is wrong."""
    missing = {}
    for coordinate, expected in jar_checksums().items():
        path = directory / file_name(coordinate)
        if not path.exists():
            missing[coordinate] = expected
        elif (found := _sha256(path)) != expected:
            raise JarCorrupt(
                f"{path} is not the jar it should be: its sha256 is {found}, expected is {expected}. "
                f"Remove it (rm '{path}') and start again: it is then downloaded afresh."
            )
    return missing


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(missing: Mapping[str, str], directory: Path, listener: Listener, cancelled: threading.Event) -> None:
    task, began = "Elasticsearch jars", time.monotonic()
    total = len(jar_checksums())
    listener(Started(task, total, "jars"))
    # A repository of its own: jgo takes whatever lies in the user's for whole, also what an interruption
    # cut off.
    scratch = directory / ".download"
    shutil.rmtree(scratch, ignore_errors=True)
    context = _maven(scratch)

    def fetch(coordinate: str, expected: str) -> None:
        if not cancelled.is_set():
            _fetch(context, coordinate, expected, directory, listener)

    try:
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            tasks = [pool.submit(fetch, *item) for item in missing.items()]
            try:
                for done, finished in enumerate(as_completed(tasks), total - len(missing) + 1):
                    finished.result()
                    listener(Advanced(task, done, total))
            except BaseException:
                cancelled.set()
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    size = sum(path.stat().st_size for path in jar_files() if path.exists())
    listener(Finished(task, time.monotonic() - began, f"{size / 1e6:.0f} MB in {directory}"))


def _maven(scratch: Path) -> MavenContext:
    """Return jgo's context: the repositories of the user's jgo settings (a mirror), and jgo's own default."""
    # Imported here: it takes a quarter of a second, and only the first start on a machine needs it.
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(repo_cache=scratch, timeout=30)
    context.remote_repos = {**GlobalSettings.load().repositories, **context.remote_repos}
    return context


def _fetch(context: MavenContext, coordinate: str, expected: str, directory: Path, listener: Listener) -> None:
    group, artifact, version = coordinate.split(":")
    jar = context.project(group, artifact).at_version(version).artifact()
    part = directory / ".download" / context.project(group, artifact).path_prefix / version / file_name(coordinate)
    try:
        for attempt in stamina.retry_context(on=(OSError, JarCorrupt), attempts=_ATTEMPTS, timeout=120):
            if attempt.num > 1:
                listener(Said(f"{coordinate} did not arrive whole: attempt {attempt.num} of {_ATTEMPTS}.", "warning"))
            with attempt:
                part.unlink(missing_ok=True)
                jar.resolve()
                if (found := _sha256(part)) != expected:
                    raise JarCorrupt(
                        f"The download of {coordinate} has the sha256 {found}, expected is {expected}: "
                        "the Maven repository that answered does not give the published file. "
                        "Nothing was kept of it; look at its proxy or mirror settings."
                    )
    except (OSError, RuntimeError) as error:
        raise JarsUnavailable(
            f"{coordinate}, a jar of the embedded Elasticsearch, could not be downloaded: {error}. The first "
            "start needs a Maven repository: give a proxy with HTTPS_PROXY, a mirror in jgo's settings "
            f"([repositories] in ~/.config/jgo.conf), or copy {directory} from a machine that has it."
        ) from error
    part.replace(directory / part.name)


def write_lock(path: Path) -> int:
    """Resolve the coordinates of `versions.toml` and write all checksums to `path`; return how many."""
    import jgo  # noqa: PLC0415 - as in _maven

    scratch = path.with_suffix(".download")
    try:
        lines = []
        for artifact in jgo.resolve("+".join(Versions.read().jars)):
            context = _maven(scratch)
            jar = context.project(artifact.groupId, artifact.artifactId).at_version(artifact.version).artifact()
            coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            lines.append(f'"{coordinate}" = "{_sha256(jar.resolve())}"')
        path.write_text(_HEADER + "\n".join(lines) + "\n")
        return len(lines)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write jars-VERSION.toml anew, after a change of versions.toml.")
    parser.add_argument("--lock", action="store_true", required=True)
    parser.parse_args()
    write_lock(Path(__file__).with_name(lock_name(Versions.read().elasticsearch)))
