"""Every registered check: importing this module registers them. `rehearsal` says in what order they run."""

from __future__ import annotations

from tvmigrate.verify import balance, redis_checks
from tvmigrate.verify.check import REGISTRY

MODULES = (redis_checks, balance)

__all__ = ["MODULES", "REGISTRY"]
