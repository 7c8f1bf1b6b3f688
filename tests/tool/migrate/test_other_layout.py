"""A system with names of its own, `fixtures/other`: migrated, judged, cut off, rolled back and inspected by them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.integrity.one_set import rehearsal_on
from tests.tool.migrate import test_after_switch as after_switch
from tests.tool.migrate.stores import FIXTURES, POLICY, Stores, different
from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.events import ignore
from tvmigrate.inspect.cli import inspect
from tvmigrate.migrate.journal import Journal
from tvmigrate.old_layout import read_old_layout
from tvmigrate.old_layout_document import document_of, parse
from tvmigrate.verify.findings import Finding, Phase, Verdict
from tvmigrate.verify_live.run import Asked as LiveAsked
from tvmigrate.verify_live.run import verify
from tvmigrate.verify_live.source import of_run

OTHER = FIXTURES / "other"
LAYOUT = OTHER / "layout.toml"
THEIRS = replace(POLICY, layout=read_old_layout(LAYOUT))
SAYS_NOTHING = "The layout file says nothing of the"


class CutOff(Exception):  # noqa: N818 - what a kill would do, without a process
    """The command ends where it is."""


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal saw: what it made of a mistake planted after the migration, and the verdict in the end."""

    found: list[Finding]
    verdict: Verdict


@pytest.fixture(scope="module")
def rehearsed(endpoints: Endpoints) -> Rehearsed:
    with (
        rehearsal_on(endpoints, OTHER, policy=THEIRS, old_layout=LAYOUT) as rehearsal,
        Clients(endpoints) as clients,
    ):
        rehearsal.migrated()
        key, posts = "eaos:current:the_voice/contestant_1", f"{new.DATABASE}.{new.RAW_COMMENTS.name}"
        score = clients.redis.hget(key, "score")
        quarantined = f"ALTER TABLE {new.DATABASE}.{new.QUARANTINE.name} UPDATE"
        of_history = "WHERE source = 'mood_history' SETTINGS mutations_sync = 2"
        clients.redis.hset(key, "score", "0.25")
        clients.clickhouse.command(f"ALTER TABLE {posts} DELETE WHERE comment_id = 'k001' SETTINGS mutations_sync = 2")
        clients.clickhouse.command(f"{quarantined} detail = 'x', record = '{{}}' {of_history}")
        results, _ = rehearsal.look(Phase.MIGRATION)
        found = [finding for result in results for finding in result.findings]
        clients.redis.hset(key, "score", score)
        rehearsal.rolled_back()
        return Rehearsed(found, rehearsal.verdict())


def test_every_check_passes_on_another_layout_and_its_way_back(rehearsed: Rehearsed) -> None:
    failed = {
        check.id: [finding.note for finding in check.findings] for check in rehearsed.verdict.checks if check.findings
    }
    assert (failed, rehearsed.verdict.state) == ({}, "pass")
    assert rehearsed.verdict.policy["old_layout"] == document_of(THEIRS.layout)
    fates = {str(line.rule): (line.old, line.quarantined, line.untouched) for line in rehearsed.verdict.ledger}
    assert fates["redis.eaos"] == (16, 3, 0)
    assert fates["redis.unrelated"] == (7, 0, 7)
    assert fates["clickhouse.comments"][:2] == (61, 1)
    assert fates["clickhouse.eaos_metrics"][:2] == (11, 1)
    assert fates["elasticsearch.comments"][:2] == (61, 1)


def test_what_is_wrong_after_a_migration_is_named_as_the_site_names_it(rehearsed: Rehearsed) -> None:
    told = {(finding.old, finding.field) for finding in rehearsed.found}
    assert ("mood:contestant_1", "score") in told
    assert ("viewer_posts k001", None) in told
    assert any(finding.old == "odd_breakdown@2025-11-10T00:00:00Z" for finding in rehearsed.found)
    assert any("breakdown" in str(finding.field) for finding in rehearsed.found)


@pytest.fixture
def theirs(endpoints: Endpoints, tmp_path: Path) -> Iterator[Stores]:
    with Clients(endpoints) as clients:
        found = Stores(endpoints, clients, tmp_path / "state")
        found.fill("other")
        yield found
        found.fill("clean")  # other modules know one database


def cut_off() -> None:
    raise CutOff


def test_a_run_that_was_cut_off_goes_on_with_its_layout_and_no_other_and_comes_back_bit_for_bit(
    theirs: Stores, tmp_path: Path
) -> None:
    before = theirs.picture()
    with pytest.raises(CutOff):
        theirs.apply_with("switch.elasticsearch", cut_off, THEIRS)
    with pytest.raises(UsageError) as refused:
        theirs.apply(POLICY)
    run_id = theirs.folder().name
    assert str(refused.value) == (
        f"The interrupted run {run_id} was begun with --show the_voice --timezone UTC --old-layout of live_stats, "
        "viewer-posts, and now it is --show the_voice --timezone UTC. Go on with the same options, or run `tvmigrate "
        "rollback` first."
    )
    assert theirs.apply(None).changed
    names = theirs.picture()
    assert {f"clickhouse live_stats.{name}_old_{run_id}" for name in ("viewer_posts", "mood_history")} <= set(names)
    assert f"elasticsearch viewer-posts_old_{run_id}" in names
    assert {name for name in names if name.startswith("redis") and "'mood:" in name} == {
        "redis 0 b'mood:no_counts'", "redis 0 b'mood:no_json'", "redis 0 b'mood:wrong'",
    }  # fmt: skip
    assert set_aside(theirs) == {
        ("mood", "mood:no_json"), ("mood", "mood:no_counts"), ("mood", "mood:wrong"), ("hot", "hot:7min#gala"),
        ("viewer_posts", "odd_mood"), ("mood_history", "odd_breakdown@2025-11-10T00:00:00Z"),
        ("viewer-posts", "odd_mood"),
    }  # fmt: skip
    assert theirs.archive()["redis", "mood:archived"] == {"editor": "lan"}
    assert theirs.archive()["clickhouse", "k001"] == {"entity": 0}
    with Journal(theirs.state) as journal:
        row = journal.db.execute("SELECT system FROM run").fetchone()
        kept = journal.latest(row[0])
    assert kept is not None
    assert kept.policy == THEIRS
    looked = look_live(theirs, tmp_path)
    assert looked["live.elasticsearch.comments"] >= 60
    assert looked["live.clickhouse.comments"] == 60
    assert looked["live.clickhouse.eaos_metrics"] == 10
    theirs.rollback()
    assert different(before, theirs.picture()) == {}
    assert databases(theirs) == {"default", "live_stats"}


def test_what_v2_wrote_is_carried_back_under_the_names_of_the_site_and_comes_forward_by_the_rules(
    theirs: Stores,
) -> None:
    theirs.apply(THEIRS)
    after_switch.write_reversible(theirs)
    wanted = after_switch.new_state(theirs)
    after_switch.carry_back(theirs)
    redis, documents = theirs.clients.redis, theirs.clients.elasticsearch
    assert json.loads(redis.get("mood:v2") or b"") == {
        "moodScore": 0.5,
        "meta": {"posCount": 1, "negCount": 2, "neuCount": 3, "totalCount": 6, "updatedAt": "2026-01-01T00:00:00Z"},
    }
    assert redis.exists("mood:contestant_4") == 0
    assert redis.zscore("hot:5min", "v2") == 7.5
    assert [json.loads(item)["contestant"] for item in redis.lrange("series:v2", 0, -1)] == ["v2", "v2"]
    posts = "SELECT postId, contestant, body FROM live_stats.viewer_posts WHERE postId IN ('v2', 'k001', 'k002')"
    assert sorted(theirs._rows(posts)) == [("k001", "contestant_1", "again"), *[("v2", "contestant_1", "mới")] * 2]
    history = "SELECT moodScore, comments FROM live_stats.mood_history WHERE contestant = 'v2'"
    assert theirs._rows(history) == [(0.5, 7)]
    assert documents.get(index="viewer-posts", id="v2")["_source"]["contestant"] == "contestant_1"
    assert documents.get(index="viewer-posts", id="k001")["_source"]["body"] == "again"
    assert not documents.exists(index="viewer-posts", id="k002")
    theirs.apply(THEIRS)
    assert different(wanted, after_switch.new_state(theirs)) == {}


def look_live(stores: Stores, folder: Path) -> dict[str, int]:
    """Return how many old records were looked at by some parts of a live verification that passed."""
    asked = LiveAsked(recheck=0.2, no_writers=True)
    find = partial(of_run, state=stores.state)
    outcome = verify(stores.endpoints, find, asked, folder / "verify.sqlite", ignore)
    assert [
        (one.about.id, one.state, one.different) for one in outcome.parts if one.state not in {"pass", "empty"}
    ] == []
    assert outcome.state == "pass"
    return {one.about.id: one.looked for one in outcome.parts}


def set_aside(stores: Stores) -> set[tuple[str, str]]:
    query = f"SELECT source, record_key FROM {new.DATABASE}.{new.QUARANTINE.name}"
    return {(str(source), str(key)) for source, key in stores.clients.clickhouse.query(query).result_rows}


def databases(stores: Stores) -> set[str]:
    found = stores.clients.clickhouse.query("SELECT name FROM system.databases").result_rows
    return {str(name) for (name,) in found} - {"system", "information_schema", "INFORMATION_SCHEMA"}


def test_a_name_that_the_file_does_not_say_is_refused_before_anything_is_touched(theirs: Stores) -> None:
    layout = THEIRS.layout
    posts = replace(layout.comments, ignored=())
    less = replace(layout, comments=posts, eaos_ignored=(), document_ignored=("likes", "device"))
    rest = "then it goes to the archive."
    documents = f"Say what it means under elasticsearch.fields, or name it under elasticsearch.ignore: {rest}"
    assert theirs.blockers(replace(THEIRS, layout=less)) == [
        (
            f"{SAYS_NOTHING} column entity UInt32 of the ClickHouse table live_stats.viewer_posts. Say what it means "
            f"under clickhouse.comments.columns, or name it under ignore there: {rest}"
        ),
        f"{SAYS_NOTHING} field lang in the mapping of the Elasticsearch index viewer-posts. {documents}",
        f"{SAYS_NOTHING} field lang in 3 records of viewer-posts (elasticsearch). {documents}",
        (
            f"{SAYS_NOTHING} field editor in 1 records of mood (redis). Say what it means under redis.eaos.fields, or "
            f"name it under redis.eaos.ignore: {rest}"
        ),
    ]


def test_what_inspect_is_sure_of_is_right_and_what_it_left_open_is_all_that_a_person_has_to_say(
    theirs: Stores, tmp_path: Path
) -> None:
    output, before = tmp_path / "layout.toml", theirs.picture()
    ended = CliRunner().invoke(
        inspect, ["--output", str(output)], env=theirs.endpoints.environ(), catch_exceptions=False
    )
    assert ended.exit_code == 0
    assert different(before, theirs.picture()) == {}
    made, truth = tomllib.loads(output.read_text("utf-8")), tomllib.loads(LAYOUT.read_text("utf-8"))
    with pytest.raises(UsageError) as refused:
        read_old_layout(output)
    assert f"leaves {len(made['undecided'])} things undecided" in str(refused.value)
    undecided = made.pop("undecided")
    wrong = list(differing(made, truth))
    assert wrong == []
    assert "clickhouse.comments: the column entity UInt32" in undecided
    assert decided(made, truth) == THEIRS.layout
    assert theirs.blockers(replace(THEIRS, layout=decided(made, truth))) == []


def differing(made: dict[str, Any], truth: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield what `made` says otherwise than `truth`; what it does not say is no difference."""
    for name, value in made.items():
        if isinstance(value, dict):
            yield from differing(value, truth.get(name, {}), f"{path}.{name}")
        elif name != "absent" and truth.get(name) != value:
            yield f"{path}.{name} is {value}, in truth {truth.get(name)}"


def decided(made: dict[str, Any], truth: dict[str, Any]) -> Any:
    def both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        inner = {name: both(one.get(name, {}), value) for name, value in other.items() if isinstance(value, dict)}
        return {**one, **{name: value for name, value in other.items() if not isinstance(value, dict)}, **inner}

    return parse(both(made, truth), "x")
