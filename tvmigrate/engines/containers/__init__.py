"""Engines in containers: the official images, or whichever the environment names, started through testcontainers."""

from tvmigrate.engines.containers.engines import NAMES, ContainerEngines

__all__ = ["NAMES", "ContainerEngines"]
