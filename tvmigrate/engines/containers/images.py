"""Which image each store's container is made of: `images.toml`, or what the environment names."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any


def chosen_images(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the image of each store: that of its variable in `environ`, else the pinned official one."""
    return {name: environ.get(pin["variable"]) or pin["image"] for name, pin in _pins().items()}


def image_variables() -> dict[str, str]:
    """Return the variable of each store, such as `TVMIGRATE_REDIS_IMAGE`."""
    return {name: pin["variable"] for name, pin in _pins().items()}


def _pins() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("images.toml").read_text())
