"""The nine items: all green after a good migration, and each red by itself for a cause of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import profiles
from tests.tool.checklist.conftest import JUNIT, ROOT, serving
from tests.tool.migrate.stores import Stores, different
from tvmigrate.checklist.item import Checklist, Item, Light, Name
from tvmigrate.checklist.run import LOOKS, look, watch
from tvmigrate.checklist.site import AGENT_COMMAND, PROBE, PROBE_PREFIX, WITHOUT_PROBES, Attested, Site
from tvmigrate.engines.embedded.ports import free_ports
from tvmigrate.errors import ExitCode
from tvmigrate.events import Event, Said

QUICK = (Name.SERVICES, Name.SCHEMA, Name.TESTS, Name.DOCUMENTATION, Name.TEAM)


def lights(items: list[Item]) -> dict[Name, Light]:
    return {item.name: item.light for item in items if item.light is not Light.GREEN}


def of(found: Checklist, name: Name) -> Item:
    (item,) = [item for item in found.items if item.name is name]
    return item


@pytest.fixture(scope="module")
def green(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checklist, dict[str, object]]:
    """The whole list with every probe, and what it changed in the stores."""
    junit = tmp_path_factory.mktemp("junit") / "junit.xml"
    junit.write_text(JUNIT.format(at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat()))
    site = Site(
        stores.endpoints,
        write_probes=True,
        sources=(ROOT / "src",),
        documents=(ROOT / "docs", ROOT / "README.md"),
        junit=(junit,),
        attested=Attested("Mai Tran", datetime.now(UTC)),
        state=stores.state,
    )
    before = stores.picture()
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        found = look(site)
    finally:
        os.chdir(here)
    return found, different(before, stores.picture())


def test_after_a_good_migration_all_nine_are_green(green: tuple[Checklist, dict[str, object]]) -> None:
    found, _ = green
    assert {item.name: (item.light, item.why) for item in found.items} == dict.fromkeys(Name, (Light.GREEN, ()))
    assert found.exit_code is ExitCode.PASS


def test_probes_leave_nothing_behind(green: tuple[Checklist, dict[str, object]]) -> None:
    assert green[1] == {}


def test_each_item_says_what_was_asked_what_came_back_and_when_in_utc(
    green: tuple[Checklist, dict[str, object]],
) -> None:
    found, _ = green
    for item in found.items:
        assert item.evidence
        for one in item.evidence:
            assert one.asked
            assert one.answer
            assert found.began <= one.at <= found.ended
            assert one.at.endswith("Z")


def test_without_leave_nothing_is_written_and_what_would_write_is_not_green(site: Site, stores: Stores) -> None:
    before = stores.picture()
    items = [one(site) for name, one in LOOKS.items() if name not in {Name.AGENT, Name.API}]
    assert lights(items) == {Name.SAMPLE: Light.NOT_LOOKED_AT, Name.STORAGE: Light.NOT_LOOKED_AT}
    assert {sentence for item in items for sentence in item.why} == {WITHOUT_PROBES}
    assert Checklist(tuple(items), "", "", "").exit_code is ExitCode.COULD_NOT_CHECK
    assert different(before, stores.picture()) == {}


# ------------------------------------------------------------------------------------------------- planted causes


@contextmanager
def service_away(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    yield (
        replace(site, services=(("collector", "http://127.0.0.1:1/health"),)),
        "collector at http://127.0.0.1:1/health",
    )


@contextmanager
def column_too_many(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    stores.clients.clickhouse.command("ALTER TABLE tv_analytics.anomalies ADD COLUMN note String")
    try:
        yield site, "The type of column note of tv_analytics.anomalies is String, and should be absent."
    finally:
        stores.clients.clickhouse.command("ALTER TABLE tv_analytics.anomalies DROP COLUMN note")


@contextmanager
def seed_that_writes_nothing(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    yield replace(site, commands=replace(site.commands, sample="true")), "and clickhouse raw_comments has none of them."


@contextmanager
def old_import(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    (place / "job.py").write_text("import asyncio\nfrom src.storage.redis_client import redis_client\n")
    said = f"{place / 'job.py'}:2: imports the old client redis_client; the new one is redis_client_v2."
    yield replace(site, sources=(place,)), said


@contextmanager
def call_that_fails(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    (place / "calls").write_text("top_trends time_range=15\n")
    commands = replace(site.commands, agent=f"{AGENT_COMMAND} --mode batch {place / 'calls'}")
    yield replace(site, commands=commands), "ended with exit code 1"


@contextmanager
def api_on_another_redis(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    (port,) = free_ports(1)
    environ = {**os.environ, **site.endpoints.environ(), "REDIS_URL": "redis://127.0.0.1:1"}
    with serving([sys.executable, "-m", "src.api", "--port", str(port)], environ) as wait:
        url = f"http://127.0.0.1:{port}"
        wait(url)
        yield replace(site, api=url), "/health answers with 503"


@contextmanager
def junit_of_before(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    path = place / "old.xml"
    path.write_text(JUNIT.format(at="2020-01-01T00:00:00+00:00"))
    yield replace(site, junit=(path,)), "what it says is of the old system. Run the tests again."


@contextmanager
def page_of_before(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    (place / "keys.md").write_text("# Keys\n\nThe score is in `eaos:{entity}`.\n")
    said = f"{place / 'keys.md'}:3: 'eaos:' is of the old layout, and the page names nothing of the new one."
    yield replace(site, documents=(*site.documents, place)), said


@contextmanager
def nobody_told(site: Site, stores: Stores, place: Path) -> Iterator[tuple[Site, str]]:
    yield replace(site, attested=None), "Nobody has said that the team was told"


CAUSES = {
    Name.SERVICES: service_away,
    Name.SCHEMA: column_too_many,
    Name.SAMPLE: seed_that_writes_nothing,
    Name.STORAGE: old_import,
    Name.AGENT: call_that_fails,
    Name.API: api_on_another_redis,
    Name.TESTS: junit_of_before,
    Name.DOCUMENTATION: page_of_before,
    Name.TEAM: nobody_told,
}


@pytest.mark.parametrize("name", Name)
def test_each_item_is_red_by_itself_for_its_own_cause(name: Name, site: Site, stores: Stores, tmp_path: Path) -> None:
    """Assert that no other item is red with it; a short run looks at this one and at those that ask no command."""
    place = tmp_path / "planted"
    place.mkdir()
    writes = name is Name.SAMPLE or profiles.is_nightly()
    with CAUSES[name](replace(site, write_probes=writes), stores, place) as (planted, said):
        asked = LOOKS if profiles.is_nightly() else [one for one in Name if one is name or one in QUICK]
        items = look(planted).items if profiles.is_nightly() else tuple(LOOKS[one](planted) for one in asked)
    red = [item for item in items if item.light is Light.RED]
    assert [item.name for item in red] == [name]
    assert said in " ".join(red[0].why)


def test_nothing_is_written_to_stores_that_are_not_seen_to_be_right(
    site: Site, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (Name.AGENT, Name.API):
        monkeypatch.setitem(LOOKS, name, LOOKS[Name.TEAM])
    before = stores.picture()
    with column_too_many(replace(site, write_probes=True), stores, tmp_path) as (planted, _):
        found = look(planted)
    assert different(before, stores.picture()).keys() <= {"clickhouse anomalies"}
    why = "The item schema is red: nothing is written to stores that are not seen to be right."
    assert of(found, Name.SAMPLE).why == of(found, Name.STORAGE).why == (why,)


def test_what_a_killed_checklist_left_is_named_with_the_command_that_removes_it(site: Site, stores: Stores) -> None:
    """Assert that a name that somebody gave a probe's key is one word of that command, whatever it is."""
    keys = [f"eaos:current:{PROBE_PREFIX}{name}/contestant_1".encode() for name in ("$(evil)", "left")]
    keys.append(f"eaos:current:{PROBE_PREFIX}".encode() + b"\xff/x")
    clean = f'remove --show "${PROBE}"'
    for key in keys:
        stores.clients.redis.hset(key, "score", "1")
    try:
        planted = replace(site, write_probes=True, commands=replace(site.commands, sample="false", sample_clean=clean))
        item = LOOKS[Name.SAMPLE](planted)
    finally:
        stores.clients.redis.delete(*keys)
    assert item.why[-3:] == tuple(
        f"Records of the probe {PROBE_PREFIX}{name} are still there; remove them with: remove --show {word}"
        for name, word in (
            ("$(evil)", f"'{PROBE_PREFIX}$(evil)'"),
            ("left", f"{PROBE_PREFIX}left"),
            ("\ufffd", f"'{PROBE_PREFIX}\ufffd'"),
        )
    )


# --------------------------------------------------------------------------------------------------- tests and team


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ("<testcase name='a'><skipped/></testcase>", "holds no test that ran: that is no test that passed."),
        ("", "holds no test that ran: that is no test that passed."),
        ("<testcase name='a'><failure/></testcase><testcase name='b'/>", "1 of 2 tests failed, says"),
        ("<testcase name='a'><error/></testcase>", "1 of 1 tests failed, says"),
    ],
    ids=["all-skipped", "none", "one-failed", "one-broken"],
)
def test_a_junit_file_is_green_only_where_tests_ran_and_none_failed(site: Site, cases: str, said: str) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    site.junit[0].write_text(f'<testsuite name="s" timestamp="{at}">{cases}</testsuite>')
    item = LOOKS[Name.TESTS](site)
    assert item.light is Light.RED
    assert said in item.why[0]


def test_a_junit_file_that_cannot_be_read_is_no_pass(site: Site) -> None:
    site.junit[0].write_text("<testsuite")
    item = LOOKS[Name.TESTS](site)
    assert item.light is Light.COULD_NOT_LOOK
    assert item.why[0].startswith(f"{site.junit[0]} cannot be read as a JUnit file: ")


def test_without_a_journal_nobody_knows_whether_the_tests_are_of_before(site: Site, tmp_path: Path) -> None:
    item = LOOKS[Name.TESTS](replace(site, state=tmp_path / "nowhere"))
    assert item.light is Light.NOT_LOOKED_AT
    assert LOOKS[Name.TESTS](replace(site, state=tmp_path, since=datetime.now(UTC))).light is Light.GREEN


def test_an_attestation_of_the_future_is_none(site: Site) -> None:
    later = Attested("Mai Tran", datetime.now(UTC) + timedelta(hours=1))
    item = LOOKS[Name.TEAM](replace(site, attested=later))
    assert (item.light, item.why[0].endswith(", which is still to come.")) == (Light.RED, True)


# ------------------------------------------------------------------------------------------------------------ watch


def test_watch_looks_again_until_all_is_green(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (Name.SAMPLE, Name.STORAGE, Name.AGENT, Name.API):
        monkeypatch.setitem(LOOKS, name, LOOKS[Name.TEAM])
    later = tmp_path / "later.xml"
    told: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Said):
            told.append(event.text)
            later.write_text(site.junit[0].read_text())

    found = watch(replace(site, junit=(later,), listener=hear), every=0.01, limit=60)
    assert (found.light, found.rounds) == (Light.GREEN, 2)
    assert told == ["Round 1: tests could not look. The next look is in 0.01 s."]


def test_watch_gives_up_when_its_time_is_over(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Name:
        monkeypatch.setitem(LOOKS, name, LOOKS[Name.TEAM])
    found = watch(replace(site, attested=None), every=0.01, limit=0.05)
    assert (found.light, found.exit_code) == (Light.RED, ExitCode.DIFFERENT)
    assert found.rounds > 1
