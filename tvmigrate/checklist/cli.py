"""`tvmigrate checklist`."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from tvmigrate.checklist.report import print_checklist, write
from tvmigrate.checklist.run import look, watch
from tvmigrate.checklist.site import Attested, Commands, Site
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.engines.endpoints import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL, Endpoints
from tvmigrate.errors import ExitCode, UsageError
from tvmigrate.old_layout import read_old_layout
from tvmigrate.options import old_layout_option, report_option
from tvmigrate.progress import on_stderr
from tvmigrate.report.console import stdout_console
from tvmigrate.report.files import require_writable
from tvmigrate.report.redact import Redactor, hosts_of
from tvmigrate.state_option import state_option

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--write-probes", is_flag=True, help="Allow the items that write: records of a program of their own.")
@click.option("--source", multiple=True, type=_PATH, metavar="DIR", help="The application's source.  [default: src]")
@click.option(
    "--docs", multiple=True, type=_PATH, metavar="PATH", help="Its documentation.  [default: docs and README.md]"
)
@click.option("--api", metavar="URL", help="Where its API runs.  [default: the one of the clone is started for it]")
@click.option("--service", multiple=True, metavar="NAME=URL", help="One more service that must answer; repeatable.")
@click.option("--junit", multiple=True, type=_PATH, metavar="FILE", help="What its tests said, as JUnit; repeatable.")
@click.option("--since", metavar="TIME", help="When the migration was done.  [default: as the journal says]")
@click.option("--notified-by", metavar="NAME", help="Who says that the team was told.")
@click.option("--notified-at", metavar="TIME", help="When the team was told, RFC 3339 with an offset.")
@click.option("--sample-command", metavar="CMD", help="Seeds sample data of the show $TVMIGRATE_PROBE.")
@click.option("--sample-clean-command", metavar="CMD", help="Takes sample data of the show $TVMIGRATE_PROBE away.")
@click.option("--storage-command", metavar="CMD", help="Has the V2 storage clients write, read and clean up.")
@click.option("--agent-command", metavar="CMD", help="Has the agent call each of its tools.")
@click.option("--watch", "watching", is_flag=True, help="Look again until all nine are green.")
@click.option(
    "--every",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks.",
)
@click.option(
    "--watch-for",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="When --watch gives up.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),  # ClickHouse's client counts in whole seconds
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a store, the API or a service may take for an answer.",
)
@old_layout_option()
@state_option("Directory of the migration's journal.")
@report_option("checklist.json, checklist.html, checklist-junit.xml and checklist.md go")
def checklist(report: Path, watching: bool, every: float, watch_for: float, **said: Any) -> int:
    """Look at the nine items of the guide's checklist after a migration, each with its evidence.

    Exit code 0: all green; 1: something is red; 2: an option is wrong; 3: nothing is red, and something was not
    looked at or could not be.
    """
    site = _site(said)
    require_writable(report)
    with on_stderr() as listener:
        at = replace(site, listener=listener)
        found = watch(at, every, watch_for) if watching else look(at)
    urls = [os.environ.get(name, "") for name in (REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL)]
    paths = write(found, report, Redactor(False, hosts_of([*urls, site.api or "", *(url for _, url in site.services)])))
    print_checklist(stdout_console(), found, paths)
    return ExitCode(found.exit_code)


def _site(said: dict[str, Any]) -> Site:
    """Return what is to be looked at; raises UsageError for an option that cannot be meant."""
    for path in (*said["source"], *said["docs"]):
        if not path.exists():
            raise UsageError(f"There is no {path}: give the application's source and pages as they lie here.")
    services = tuple(_service(text) for text in said["service"])
    if said["api"] is not None:
        _require_http("--api", said["api"])
    given = {name: said[f"{name}_command"] for name in ("sample", "sample_clean", "storage", "agent")}
    return Site(
        endpoints=Endpoints.from_environ(),
        commands=Commands(**{name: shell for name, shell in given.items() if shell is not None}),
        write_probes=said["write_probes"],
        services=services,
        sources=said["source"] or _those_here("src"),
        documents=said["docs"] or _those_here("docs", "README.md"),
        api=said["api"],
        junit=said["junit"],
        attested=_attested(said["notified_by"], said["notified_at"]),
        since=None if said["since"] is None else _instant("--since", said["since"]),
        state=said["state"],
        layout=CONTRACT if said["old_layout"] is None else read_old_layout(said["old_layout"]),
        timeout=said["timeout"],
    )


def _those_here(*names: str) -> tuple[Path, ...]:
    return tuple(path for path in map(Path, names) if path.exists())


def _service(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if not name:
        raise UsageError(f"--service is {text!r}; expected is NAME=URL, such as collector=http://10.0.0.7:8080/health.")
    _require_http("--service", url)
    return name, url


def _require_http(option: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{option} is {url!r}; expected is a URL of http or https, such as http://127.0.0.1:8000.")


def _attested(name: str | None, at: str | None) -> Attested | None:
    if name is None and at is None:
        return None
    if name is None or at is None or not name.strip():
        raise UsageError("An attestation has a name and a time: give both --notified-by NAME and --notified-at TIME.")
    return Attested(" ".join(name.split()), _instant("--notified-at", at))


def _instant(option: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(f"{option} is {text!r}; expected is a time with an offset, such as 2026-11-28T10:00:00Z.")
    return at.astimezone(UTC)
