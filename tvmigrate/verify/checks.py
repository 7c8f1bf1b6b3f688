"""Every registered check: importing this module registers them, in the order they run."""

from __future__ import annotations

from tvmigrate.verify import balance
from tvmigrate.verify.check import REGISTRY

__all__ = ["REGISTRY", "balance"]
