"""What a person asked for, on the command line or of pytest: the policy, and the words that ask for the same again."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.policy import Policy
from tvmigrate.entity_map import read_entity_map
from tvmigrate.errors import UsageError
from tvmigrate.old_layout import read_old_layout
from tvmigrate.state_option import STATE

if TYPE_CHECKING:
    from tvmigrate.report.redact import Redactor
    from tvmigrate.verify.rehearsal import Job

TIMEOUT = "TVMIGRATE_TIMEOUT"  # the variable of `--timeout`
DEFAULT_TIMEOUT = 300.0  # seconds
DEFAULT_REPORT = Path("report")
DEFAULT_MAX_FINDINGS = 20
DEFAULT_TIMEZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a run, under the names they have on the command line; None where the default holds.

    `migration` and `rollback` are shell commands, `only` the ids of the checks to run (empty: all).
    `second_round` also rolls back twice, migrates again and rolls that back. `timeout` is how long the verification
    waits for an answer of a store, in seconds. `keep` lets engines in containers run on for the next run. `show_values`
    lets the reports for people show comment texts and user names; `annotations` names a build server.
    `redis_cluster` is the shape of the embedded engines' Redis Cluster, such as `3x1`, and
    `elasticsearch_nodes` how many nodes their Elasticsearch has. `workers` and `executor` are for the verification, and
    for the commands if they are ours.
    """

    dataset: Path
    engines: str = "embedded"
    migration: str | None = None
    rollback: str | None = None
    show: str | None = None
    keep_entities: bool = False
    entity_map: Path | None = None
    old_layout: Path | None = None
    timezone: str = DEFAULT_TIMEZONE
    missing_counts: str = "quarantine"
    old: str = "removed"
    quarantine: str = "table"
    max_findings: int = DEFAULT_MAX_FINDINGS
    only: tuple[str, ...] = ()
    second_round: bool = False
    timeout: float = DEFAULT_TIMEOUT
    report: Path = DEFAULT_REPORT
    keep: bool = False
    show_values: bool = False
    annotations: str | None = None
    redis_cluster: str | None = None
    elasticsearch_nodes: int = 1
    workers: int | None = None
    executor: str | None = None

    def policy(self) -> Policy:
        """Return the policy asked for.

        Raises:
            UsageError: neither or both of `--show` and `--keep-entities`, a name or time zone that cannot be used, an
                entity map or a layout file that cannot be read.
        """
        return make_policy(
            self.show, self.keep_entities, self.entity_map, self.timezone, self.missing_counts, self.old_layout
        )

    def job(self) -> Job:
        """Return the rehearsal asked for. A command that was given runs where we were started, as it would by hand.

        Raises:
            UsageError: as `policy`; the shape of the Redis Cluster is none.
        """
        # Imported here, so that `--help` does not wait for three drivers.
        from tvmigrate.engines.embedded.redis_cluster import Shape  # noqa: PLC0415
        from tvmigrate.engines.live import settle  # noqa: PLC0415
        from tvmigrate.verify.context import OldEndState, QuarantineKind  # noqa: PLC0415
        from tvmigrate.verify.rehearsal import MIGRATION_COMMAND, ROLLBACK_COMMAND, Job  # noqa: PLC0415

        return Job(
            dataset=self.dataset,
            policy=self.policy(),
            entity_map=self.entity_map,
            old_layout=self.old_layout,
            migration=MIGRATION_COMMAND if self.migration is None else from_here(self.migration),
            rollback=ROLLBACK_COMMAND if self.rollback is None else from_here(self.rollback),
            engines=settle(self.engines).kind,
            old_end_state=OldEndState(self.old),
            quarantine=QuarantineKind(self.quarantine),
            max_findings=self.max_findings,
            only=frozenset(self.only) or None,
            second_round=self.second_round,
            timeout=self.timeout,
            keep=self.keep,
            elasticsearch_nodes=self.elasticsearch_nodes,
            redis_cluster=None if self.redis_cluster is None else Shape.parse(self.redis_cluster),
            workers=self.workers,
            executor=self.executor,
            logs=self.report / "logs",
        )

    def redactor(self, environ: Mapping[str, str]) -> Redactor:
        """Return what decides which values the reports for people show; `environ` names the hosts they do not."""
        from tvmigrate.engines.endpoints import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL  # noqa: PLC0415 - as in `job`
        from tvmigrate.report.redact import Redactor, hosts_of  # noqa: PLC0415

        urls = [environ.get(name, "") for name in (REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL)]
        private = frozenset() if self.old_layout is None else read_old_layout(self.old_layout).private
        return Redactor(self.show_values, hosts_of(urls), private)

    def settled(self) -> tuple[Asked, str | None]:
        """Return the same of one kind of engines, where `auto` was asked for, and the sentence about the choice.

        Raises:
            UsageError: there is no such kind.
        """
        from tvmigrate.engines.live import settle  # noqa: PLC0415 - as in `job`

        settled = settle(self.engines)
        return replace(self, engines=settled.kind), settled.reason

    def command(self, *only: str) -> str:
        """Return the shell command that asks for the same, of the checks `only`."""
        words = [*program(), "rehearse", "--dataset", str(self.dataset)]
        words += ["--keep-entities"] if self.keep_entities else ["--show", self.show or ""]
        given: tuple[tuple[str, object, object], ...] = (
            ("--engines", self.engines, "embedded"),
            ("--redis-cluster", self.redis_cluster, None),
            ("--elasticsearch-nodes", self.elasticsearch_nodes, 1),
            ("--migration", self.migration, None),
            ("--rollback", self.rollback, None),
            ("--entity-map", self.entity_map, None),
            ("--old-layout", self.old_layout, None),
            ("--timezone", self.timezone, DEFAULT_TIMEZONE),
            ("--missing-counts", self.missing_counts, "quarantine"),
            ("--old", self.old, "removed"),
            ("--quarantine", self.quarantine, "table"),
            ("--max-findings", self.max_findings, DEFAULT_MAX_FINDINGS),
            ("--timeout", f"{self.timeout:g}", f"{DEFAULT_TIMEOUT:g}"),
            ("--annotations", self.annotations, None),
            ("--workers", self.workers, None),
            ("--executor", self.executor, None),
            ("--report", self.report, self.report if self.report.absolute() == DEFAULT_REPORT.absolute() else None),
        )
        for option, value, default in given:
            if value != default:
                words += [option, str(value)]
        words += ["--second-round"] if self.second_round else []
        words += ["--keep"] if self.keep else []
        words += ["--show-values"] if self.show_values else []
        for check in only:
            words += ["--only", check]
        return shlex.join(words)

    def repeat(self, check_id: str) -> str:
        """Return the shell command that runs just the check `check_id` again, to the look it names and no further."""
        from tvmigrate.report.looks import first_look  # noqa: PLC0415 - as in `job`

        first = first_look(check_id)
        return replace(self, second_round=check_id != first).command(first)


def program() -> list[str]:
    """Return the words that start this very installation of the tool in a shell, from the directory we are in."""
    installed = Path(sysconfig.get_path("scripts")) / "tvmigrate"
    if not installed.is_file():
        return [sys.executable, "-m", "tvmigrate"]
    found = shutil.which("tvmigrate")
    if found is not None and Path(found).samefile(installed):
        return ["tvmigrate"]
    from_here = os.path.relpath(installed)
    if from_here.startswith(os.pardir):
        return [str(installed)]
    return [from_here if os.sep in from_here else f"./{from_here}"]


def timeout_of(environ: Mapping[str, str]) -> float:
    """Return the seconds that `TVMIGRATE_TIMEOUT` names, the default unless it is set.

    Raises:
        UsageError: it is no number above 0.
    """
    text = environ.get(TIMEOUT) or str(DEFAULT_TIMEOUT)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"{TIMEOUT} is {text!r}; expected is a number of seconds above 0, such as 60.")
    return seconds


def make_policy(  # noqa: PLR0913, PLR0917 - a policy's own
    show: str | None,
    keep_entities: bool,
    entity_map: Path | None,
    timezone: str,
    missing_counts: str,
    old_layout: Path | None,
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
        layout=CONTRACT if old_layout is None else read_old_layout(old_layout),
    )


def from_here(command: str) -> str:
    """Return a shell command that runs `command` in the directory we are in, wherever it is started."""
    # A command may call ours, whose journal stays where the rehearsal's other command looks for it.
    return f'export {STATE}="$PWD/.tvmigrate"; cd {shlex.quote(str(Path.cwd()))} && {command}'
