"""The manifest of a backup: what each of its files is, whose it is, and what can read it; signed by its own digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tvmigrate.dataset.write import PartWriter
from tvmigrate.migrate.errors import BackupRefused

FILE = "manifest.json"
BACKUP = "backup"  # the folder beside it: a dataset
FORMAT = 2  # 1 said neither whose it is nor its own digest
# Counted up whenever what an old record is changes (contract §1): what an older tool saved may then lack something.
CONTRACT = 1
_MEMBERS = {"format", "contract", "tvmigrate", "run", "system", "redis_epoch_ms", "tables", "parts", "sha256"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of the backup: its name below the folder, `records` lines, `bytes` and sha256 when it is not packed."""

    file: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is. `system` are the stores, `tables` the order-free digests of the old tables, by name.

    TTLs in it count from `redis_epoch_ms` (ms since the epoch, Redis's clock). `sha256` is of all the rest.
    """

    run: str
    system: str
    redis_epoch_ms: int
    tables: Mapping[str, list[str]]
    parts: tuple[Listed, ...]
    tvmigrate: str = ""
    sha256: str = ""


def write(folder: Path, manifest: Manifest) -> str:
    """Write the manifest of the run's folder; return its sha256, which the journal keeps too. Raises OSError."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "contract": CONTRACT,
        "tvmigrate": version("tvmigrate"),
        "run": manifest.run,
        "system": manifest.system,
        "redis_epoch_ms": manifest.redis_epoch_ms,
        "tables": dict(manifest.tables),
        "parts": [
            {"file": part.file, "records": part.records, "bytes": part.bytes, "sha256": part.sha256}
            for part in manifest.parts
        ],
    }
    body["sha256"] = _digest(body)
    with PartWriter(folder / FILE) as part:
        part._append(json.dumps(body, indent=2).encode() + b"\n", 0)
    return str(body["sha256"])


def read(folder: Path) -> Manifest:
    """Read the manifest of a run's folder.

    Raises:
        BackupRefused: there is none, it is damaged, or it is of another format or contract.
    """
    path = folder / FILE
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BackupRefused(
            folder, [f"it has no {FILE}, which a run writes when its backup is whole; name the folder of such a run"]
        ) from None
    except OSError as error:
        raise BackupRefused(folder, [f"{FILE} cannot be read ({error.strerror or error})"]) from error
    except ValueError:
        raise BackupRefused(folder, [f"{FILE} is damaged: it is no JSON"]) from None
    if not isinstance(body, dict) or "parts" not in body:
        raise BackupRefused(folder, [f"{FILE} is not the manifest of a backup"])
    _require_ours(folder, body)
    if set(body) != _MEMBERS or body["sha256"] != _digest({k: v for k, v in body.items() if k != "sha256"}):
        raise BackupRefused(folder, [f"{FILE} is damaged: its content has not the sha256 that stands in it"])
    return Manifest(
        body["run"], body["system"], body["redis_epoch_ms"], body["tables"],
        tuple(Listed(**part) for part in body["parts"]), body["tvmigrate"], body["sha256"],
    )  # fmt: skip


def _require_ours(folder: Path, body: dict[str, Any]) -> None:
    made = f"tvmigrate {body.get('tvmigrate', 'before 0.1.0')} made it"
    for what, ours in (("format", FORMAT), ("contract", CONTRACT)):
        found = body.get(what, 1 if what == "format" else CONTRACT)
        if found != ours:
            raise BackupRefused(
                folder, [f"it is of {what} {found}, and this tvmigrate reads {what} {ours}: {made}, use that version"]
            )


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
