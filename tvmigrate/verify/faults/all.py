"""Every declared fault: importing this module declares them."""

from __future__ import annotations

from tvmigrate.verify.faults import redis_migrated
from tvmigrate.verify.faults.model import CATALOGUE

MODULES = (redis_migrated,)

__all__ = ["CATALOGUE", "MODULES"]
