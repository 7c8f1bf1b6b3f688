"""What a person asked for, on the command line or of pytest: the policy, and the words that ask for the same again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tvmigrate.contract.policy import Policy
from tvmigrate.entity_map import read_entity_map

if TYPE_CHECKING:
    from tvmigrate.engines.live import Kind
    from tvmigrate.verify.rehearsal import Job

STATE = "TVMIGRATE_STATE"  # the variable of the directory that `tvmigrate apply` keeps its journal in
DEFAULT_REPORT = Path("report")
DEFAULT_MAX_FINDINGS = 20
DEFAULT_TIMEZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a run, under the names they have on the command line; None where the default holds.

    `migration` and `rollback` are shell commands, `only` the ids of the checks to run (empty: all).
    `second_round` also rolls back twice, migrates again and rolls that back.
    """

    dataset: Path
    engines: str = "embedded"
    migration: str | None = None
    rollback: str | None = None
    show: str | None = None
    keep_entities: bool = False
    entity_map: Path | None = None
    timezone: str = DEFAULT_TIMEZONE
    missing_counts: str = "quarantine"
    old: str = "removed"
    quarantine: str = "table"
    max_findings: int = DEFAULT_MAX_FINDINGS
    only: tuple[str, ...] = ()
    second_round: bool = False
    report: Path = DEFAULT_REPORT

    def policy(self) -> Policy:
        """Return the policy asked for.

        Raises:
            UsageError: neither or both of `--show` and `--keep-entities`, a name or time zone that cannot be used, an
                entity map that cannot be read.
        """
        return make_policy(self.show, self.keep_entities, self.entity_map, self.timezone, self.missing_counts)

    def job(self) -> Job:
        """Return the rehearsal asked for. A command that was given runs where we were started, as it would by hand.

        Raises:
            UsageError: as `policy`.
        """
        # Imported here, so that `--help` does not wait for three drivers.
        from tvmigrate.verify.context import OldEndState, QuarantineKind  # noqa: PLC0415
        from tvmigrate.verify.rehearsal import MIGRATION_COMMAND, ROLLBACK_COMMAND, Job  # noqa: PLC0415

        kind: Kind = "live" if self.engines == "live" else "embedded"
        return Job(
            dataset=self.dataset,
            policy=self.policy(),
            entity_map=self.entity_map,
            migration=MIGRATION_COMMAND if self.migration is None else _from_here(self.migration),
            rollback=ROLLBACK_COMMAND if self.rollback is None else _from_here(self.rollback),
            engines=kind,
            old_end_state=OldEndState(self.old),
            quarantine=QuarantineKind(self.quarantine),
            max_findings=self.max_findings,
            only=frozenset(self.only) or None,
            second_round=self.second_round,
        )

    def command(self, *only: str) -> str:
        """Return the shell command that asks for the same, of the checks `only`."""
        words = ["tvmigrate", "rehearse", "--dataset", str(self.dataset)]
        words += ["--keep-entities"] if self.keep_entities else ["--show", self.show or ""]
        given: tuple[tuple[str, object, object], ...] = (
            ("--engines", self.engines, "embedded"),
            ("--migration", self.migration, None),
            ("--rollback", self.rollback, None),
            ("--entity-map", self.entity_map, None),
            ("--timezone", self.timezone, DEFAULT_TIMEZONE),
            ("--missing-counts", self.missing_counts, "quarantine"),
            ("--old", self.old, "removed"),
            ("--quarantine", self.quarantine, "table"),
            ("--max-findings", self.max_findings, DEFAULT_MAX_FINDINGS),
        )
        for option, value, default in given:
            if value != default:
                words += [option, str(value)]
        words += ["--second-round"] if self.second_round else []
        for check in only:
            words += ["--only", check]
        return shlex.join(words)


def make_policy(
    show: str | None, keep_entities: bool, entity_map: Path | None, timezone: str, missing_counts: str
) -> Policy:
    """Return the policy that these options ask for; `missing_counts` is `quarantine` or `zero`.

    Raises:
        UsageError: see `Asked.policy`.
    """
    return Policy(
        show=show,
        keep_entities=keep_entities,
        entity_map={} if entity_map is None else read_entity_map(entity_map),
        timezone=timezone,
        zero_missing_counts=missing_counts == "zero",
    )


def _from_here(command: str) -> str:
    # A command may call ours, whose journal stays where the rehearsal's other command looks for it.
    return f'export {STATE}="$PWD/.tvmigrate"; cd {shlex.quote(str(Path.cwd()))} && {command}'
