"""The suite as a pytest plugin: options that say what is judged, and fixtures that run it once for all tests.

`migrated` and `rolled_back` are what came of the migration and of its way back; a test asks them for checks by id.
Nothing heavy is imported until a test asks for one of the fixtures: the plugin is loaded in every pytest run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tvmigrate import settings
from tvmigrate.errors import TvmigrateError

if TYPE_CHECKING:
    from tvmigrate.events import Listener
    from tvmigrate.verify.findings import CheckResult
    from tvmigrate.verify.rehearsal import Rehearsal

DEFAULT_DATASET = Path("fixtures/standard")  # below the project's root
_ASKED = pytest.StashKey[settings.Asked]()
_CHOSEN = pytest.StashKey[str | None]()
_TOLD = pytest.StashKey[list[str]]()
_SUITE = "tvmigrate"  # what a worker of pytest-xdist calls what it has to tell
_SHOWN = 5  # findings of a check in a failure's text; verdict.json has the others
_CHOICES = {
    "engines": ("embedded", "containers", "live", "auto"),
    "missing_counts": ("quarantine", "zero"),
    "old": ("removed", "kept"),
    "quarantine": ("table", "none"),
}
_DEFAULTS = settings.Asked(DEFAULT_DATASET)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `tvmigrate rehearse`, under the same names."""
    group = parser.getgroup("tvmigrate", "the migration under test")

    def add(name: str, text: str, metavar: str | None = None) -> None:
        destination = name.removeprefix("--").replace("-", "_")
        group.addoption(name, dest=f"tvmigrate_{destination}", help=text, metavar=metavar,
                        choices=_CHOICES.get(destination))  # fmt: skip

    add(
        "--engines",
        "embedded (default): three of our own; containers: of Docker's; live: those of REDIS_URL, CLICKHOUSE_URL, "
        "ELASTICSEARCH_URL; auto: containers if Docker answers, else embedded",
    )
    group.addoption(
        "--keep", dest="tvmigrate_keep", action="store_true", help="containers run on, and serve the next run, emptied"
    )
    add(
        "--redis-cluster",
        "a Redis Cluster in place of the embedded Redis server, such as 3x1: three masters with a replica each",
        "MASTERSxREPLICAS",
    )
    add("--elasticsearch-nodes", "nodes of the embedded Elasticsearch; default: 1", "N")
    add("--dataset", "the old system as files; default: fixtures/standard of the project", "DIR")
    add("--migration", "shell command to judge; default: tvmigrate apply", "CMD")
    add("--rollback", "shell command of the way back; default: tvmigrate rollback", "CMD")
    add("--show", "entity x becomes the program id NAME/x; default: the show that the dataset names", "NAME")
    group.addoption(
        "--keep-entities", dest="tvmigrate_keep_entities", action="store_true", help="entities stay as they are"
    )
    add("--entity-map", "JSON object, old entity to program id", "FILE")
    add("--old-layout", "TOML: what the site calls its old databases, tables, columns, keys, index, fields", "FILE")
    add("--timezone", "time zone of times written without an offset; default: UTC", "ZONE")
    add("--missing-counts", "an eaos key without any count: set aside (default), or zeros")
    add("--old", "what the migration is to leave of mapped old data: nothing (default), or all")
    add("--quarantine", "refused records are in migration_quarantine (default), or in a place of the migration's own")
    group.addoption(
        "--show-values", dest="tvmigrate_show_values", action="store_true", help="show comment texts and user names"
    )
    add("--report", "where verdict.json, junit.xml, report.html and summary.md go; default: report", "DIR")


def pytest_configure(config: pytest.Config) -> None:
    """Judge the options before anything runs, if any was given."""
    if any(getattr(config.option, f"tvmigrate_{name}", None) for name in _DEFAULTS.__slots__):
        try:
            asked_for(config).policy()
        except TvmigrateError as error:
            raise pytest.UsageError(str(error)) from error


def asked_for(config: pytest.Config) -> settings.Asked:
    """Return what this pytest run was asked for, with the suite's defaults.

    Raises:
        UsageError: the dataset cannot be opened, or names no show and neither `--show` nor `--keep-entities` is given.
    """
    if _ASKED in config.stash:
        return config.stash[_ASKED]

    from tvmigrate.executors import EXECUTOR, workers_of  # noqa: PLC0415 - not in every pytest run

    def given(name: str) -> str | None:
        value: str | None = getattr(config.option, f"tvmigrate_{name}")
        return value

    dataset = Path(given("dataset") or config.rootpath / DEFAULT_DATASET)
    keep = bool(config.option.tvmigrate_keep_entities)
    show = given("show")
    if show is None and not keep:
        from tvmigrate.dataset.read import Dataset  # noqa: PLC0415 - not in every pytest run

        show = Dataset.open(dataset).show
    entity_map, old_layout = given("entity_map"), given("old_layout")
    asked = settings.Asked(
        dataset=dataset,
        engines=given("engines") or _DEFAULTS.engines,
        migration=given("migration"),
        rollback=given("rollback"),
        show=show,
        keep_entities=keep,
        entity_map=Path(entity_map) if entity_map else None,
        old_layout=Path(old_layout) if old_layout else None,
        timezone=given("timezone") or _DEFAULTS.timezone,
        missing_counts=given("missing_counts") or _DEFAULTS.missing_counts,
        old=given("old") or _DEFAULTS.old,
        quarantine=given("quarantine") or _DEFAULTS.quarantine,
        second_round=True,
        timeout=settings.timeout_of(os.environ),
        report=Path(given("report") or config.rootpath / _DEFAULTS.report),
        keep=bool(config.option.tvmigrate_keep),
        show_values=bool(config.option.tvmigrate_show_values),
        redis_cluster=given("redis_cluster"),
        elasticsearch_nodes=int(given("elasticsearch_nodes") or 1),
        workers=workers_of(os.environ),
        executor=os.environ.get(EXECUTOR) or None,
    )
    config.stash[_CHOSEN] = None
    if asked.engines == "auto":
        asked, config.stash[_CHOSEN] = asked.settled()
    config.stash[_ASKED] = asked
    return asked


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what the suite would judge, on what engines; nothing in a project that has no suite."""
    try:
        asked = asked_for(config)
        versions = _versions(asked)
    except TvmigrateError:
        return []
    chosen = config.stash[_CHOSEN]
    program = f"show {asked.show}" if asked.show else "entities kept"
    migration, rollback = asked.migration or "tvmigrate apply", asked.rollback or "tvmigrate rollback"
    return [
        f"tvmigrate: dataset {asked.dataset}, {program}, engines {asked.engines} ({versions})",
        f"tvmigrate: migration `{migration}`, rollback `{rollback}`, report {asked.report}",
        *([f"tvmigrate: {chosen}"] if chosen else []),
    ]


def _versions(asked: settings.Asked) -> str:
    if asked.engines == "live":
        return "versions are asked for when they are used"
    if asked.engines == "containers":
        from tvmigrate.engines.containers.images import chosen_images  # noqa: PLC0415 - as below

        return ", ".join(chosen_images().values())
    from tvmigrate.engines.embedded.versions import Versions  # noqa: PLC0415 - not in every pytest run

    pinned = Versions.read()
    return f"Redis {pinned.redis}, ClickHouse {pinned.clickhouse}, Elasticsearch {pinned.elasticsearch}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the suite's tests together: first those of the migration, then those of its way back."""

    def phase(item: pytest.Item) -> int:
        names = getattr(item, "fixturenames", ())
        if "rehearsal" not in names:
            return 0  # other projects, and our own tool's tests, have fixtures called `migrated` too
        return 2 if "rolled_back" in names else int("migrated" in names)

    suite = sorted((item for item in items if phase(item)), key=phase)
    if suite:
        first = next(index for index, item in enumerate(items) if phase(item))
        others = [item for item in items if not phase(item)]
        items[:] = others[:first] + suite + others[first:]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one phase: its results by check id, and `rehearsal`, whose engines still hold the data.

    `asked` is what was asked for: the command that repeats a check, and whether a failure's text shows values.
    """

    rehearsal: Rehearsal
    results: Sequence[CheckResult]
    asked: settings.Asked

    def result(self, check_id: str) -> CheckResult:
        """Return what the check `check_id` saw; raises KeyError if there is no such check."""
        for result in self.results:
            if result.id == check_id:
                return result
        raise KeyError(f"no check {check_id} ran; those that did: {', '.join(one.id for one in self.results)}")

    def passes(self, *check_ids: str) -> None:
        """Fail the test with the findings' text unless each of these checks looked at something and found it right.

        Where neither side of a user's data has anything to look at, the test is skipped with that as its reason.
        """
        from tvmigrate.report.outcome import check_of  # noqa: PLC0415 - not in every pytest run
        from tvmigrate.report.prose import explain, repeat_lines  # noqa: PLC0415
        from tvmigrate.verify.findings import State  # noqa: PLC0415

        ran = {result.id for result in self.results}
        not_judged = [check_id for check_id in check_ids if check_id not in ran and check_of(check_id) is not None]
        results = [self.result(check_id) for check_id in check_ids if check_id not in not_judged]
        redactor = self.asked.redactor(os.environ)
        wrong = [redactor.result(result) for result in results if result.state not in {State.PASS, State.EMPTY}]
        if wrong:
            told = [
                f"{explain(result, check_of(result.id), _SHOWN)}\n\n{repeat_lines(self.asked.repeat(result.id))}"
                for result in wrong
            ]
            pytest.fail("\n\n".join(told), pytrace=False)
        empty = [result for result in results if result.state is State.EMPTY]
        if not_judged:
            pytest.skip(f"{', '.join(not_judged)} does not apply to this dataset and these options")
        if empty:
            pytest.skip("\n".join(explain(result, check_of(result.id)) for result in empty))


@pytest.fixture(scope="session")
def rehearsal(request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
    """Start the engines with the dataset loaded; on leaving, write the verdict on what has run, and stop them."""
    from tvmigrate.report.console import verdict_lines  # noqa: PLC0415
    from tvmigrate.report.files import require_writable  # noqa: PLC0415
    from tvmigrate.report.outcome import write_reports  # noqa: PLC0415 - not in every pytest run
    from tvmigrate.verify.errors import NotReady  # noqa: PLC0415
    from tvmigrate.verify.rehearsal import Rehearsal  # noqa: PLC0415

    config = request.config
    with ExitStack() as opened:
        try:
            asked = asked_for(config)
            require_writable(asked.report)
            running = opened.enter_context(Rehearsal(asked.job(), _listener(config)))
        except TvmigrateError as error:
            if hasattr(config, "workerinput"):  # to pytest-xdist a process that ends early is a fault of its own
                raise pytest.fail.Exception(str(error), pytrace=False) from None
            pytest.exit(str(error), returncode=int(error.exit_code))
        yield running
        try:
            verdict = running.verdict()
        except NotReady:
            return
        written = write_reports(verdict, asked.report, asked.repeat, asked.redactor(os.environ))
        told = [*(f"report: {path}" for path in written.paths), *(line.plain for line in verdict_lines(verdict))]
        if chosen := config.stash[_CHOSEN]:  # the header, which says it too, is not there with -q
            told.insert(0, chosen)
        # A worker of pytest-xdist has no terminal: what it has to tell goes to the process that started it.
        getattr(config, "workeroutput", {})[_SUITE] = told
        config.stash[_TOLD] = told


@pytest.fixture(scope="session")
def migrated(rehearsal: Rehearsal, pytestconfig: pytest.Config) -> Outcome:
    """Run the migration under test and every check of it, once."""
    return Outcome(rehearsal, rehearsal.migrated(), asked_for(pytestconfig))


@pytest.fixture(scope="session")
def rolled_back(rehearsal: Rehearsal, pytestconfig: pytest.Config) -> Outcome:
    """Run the rollback under test and every check of it, once: twice over, and after a second migration."""
    return Outcome(rehearsal, rehearsal.rolled_back(), asked_for(pytestconfig))


@pytest.fixture(scope="session")
def outcome(migrated: Outcome, rolled_back: Outcome) -> Callable[[str], CheckResult]:
    """Return what a check saw, by its id, whatever its phase."""
    return Outcome(rolled_back.rehearsal, [*migrated.results, *rolled_back.results], rolled_back.asked).result


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist has to tell."""
    told = getattr(node, "workeroutput", {}).get(_SUITE)
    if told:
        node.config.stash[_TOLD] = told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say the verdict and where its report lies."""
    if told := config.stash.get(_TOLD, None):
        terminalreporter.section("tvmigrate")
        for line in told:
            terminalreporter.write_line(line)


def _listener(config: pytest.Config) -> Listener:
    """Return what tells the progress on stderr with -v, and nothing without."""
    from tvmigrate.events import Event, ignore  # noqa: PLC0415 - not in every pytest run

    if config.get_verbosity() < 1:
        return ignore
    from rich.console import Console  # noqa: PLC0415

    from tvmigrate.progress import lines  # noqa: PLC0415

    capture = config.pluginmanager.getplugin("capturemanager")
    tell = lines(Console(file=sys.__stderr__, highlight=False))

    def listener(event: Event) -> None:
        if capture is None:
            tell(event)
            return
        with capture.global_and_fixture_disabled():
            tell(event)

    return listener
