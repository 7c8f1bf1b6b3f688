"""What can go wrong between the tool and its engines, each as one typed error with a whole sentence."""

# ruff: noqa: N818 - these names say what happened; "Error" would add nothing to them
from __future__ import annotations

from tvmigrate.errors import TvmigrateError, UsageError


class EngineError(TvmigrateError):
    """Base of every error about an engine: could not check (exit 3)."""


class EngineUnreachable(EngineError):
    """One or more of the three stores did not answer, or refused the user."""


class UnsupportedVersion(EngineError):
    """A store answered, but its version is outside what the tool supports."""


class EngineDied(EngineError):
    """An embedded engine's process ended unasked; holds the last lines of its log."""


class EngineNotReady(EngineError):
    """An embedded engine runs but did not answer a real request in time; holds the last lines of its log."""


class PortTaken(EngineError):
    """The port that was asked for is in use by another process."""


class DirectoryInUse(EngineError):
    """Another process runs engines in the same directory."""


class DirectoryUnusable(EngineError):
    """The directory cannot hold the engines' data: not writable, not a directory, or no space left."""


class DockerUnavailable(EngineError):
    """No Docker answers, so that nothing can run in containers."""


class ImageUnavailable(EngineError):
    """An image is not on this machine and cannot be pulled."""


class ImageNotMade(EngineError):
    """A local image could not be made."""


class ContainerNotStarted(EngineError):
    """Docker refused to make or start a container."""


class EnginesInUse(EngineError):
    """Another process uses the containers that are kept."""


class JarsUnavailable(EngineError):
    """The jars of the embedded Elasticsearch are not in the cache and could not be downloaded."""


class JarCorrupt(EngineError):
    """A jar's sha256 is not the one in `jars-VERSION.toml`."""


class WriteRefused(EngineError):
    """A client that was opened to read only was asked for something that may write; it was not sent."""


class UnknownEngine(UsageError):
    """A name that is not `redis`, `clickhouse` or `elasticsearch`."""
