"""Engines that need nothing installed but this package: no Docker, no system Java, no account."""

from tvmigrate.engines.embedded.engines import NAMES, EmbeddedEngines

__all__ = ["NAMES", "EmbeddedEngines"]
