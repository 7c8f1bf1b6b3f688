"""`python scripts/seed_sample_data_v2.py`: the same records in all three stores, which agree with each other."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import pty
import signal
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner

from src.setup.seed import seed_sample_data
from tests.app.new_layout import empty
from tests.app.scripts.running import ROOT, Ended, Run, command, everything, rows_of
from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

COUNT = 2000
SHOW = "sample_show"
UNTIL = dt.datetime(2025, 11, 20, 14, tzinfo=dt.UTC)
WITHIN = {"5min": 5, "15min": 15, "1hour": 60}
# The contract's rule (clickhouse.aggregates) over the new table, which ClickHouse works out.
AGGREGATES = """
    SELECT program_id, toString(toDateTime(intDiv(toUnixTimestamp(timestamp), 300) * 300, 'UTC')), topic, count(),
        avg(sentiment_score)
    FROM (SELECT program_id, timestamp, sentiment_score, arrayJoin(arrayDistinct(topics)) AS topic
          FROM tv_analytics.raw_comments)
    GROUP BY ALL ORDER BY ALL"""


@pytest.fixture
def here(environ: dict[str, str]) -> Run:
    """Run the command in this process, in a thread without an event loop; it says the same, and starts at once."""

    def run(*arguments: str, **variables: str) -> Ended:
        def invoke() -> Ended:
            result = CliRunner().invoke(
                seed_sample_data, arguments, env=environ | variables, prog_name="seed_sample_data_v2.py"
            )
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            return Ended(result.exit_code, result.stdout, result.stderr)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(invoke).result()

    return run


def digests(stores: Clients) -> dict[str, str]:
    """Return a digest of all that each store holds."""
    return {store: hashlib.sha256(repr(held).encode()).hexdigest() for store, held in everything(stores).items()}


def test_the_same_seed_makes_the_same_records_in_all_three_stores(stores: Clients, seed: Run, here: Run) -> None:
    first = seed("--count", "120", "--seed", "5")  # a process of its own: what differs between two would show
    assert first.code == 0
    before = digests(stores)
    empty(stores)
    assert seed("--count", "120", "--seed", "5") == first
    assert digests(stores) == before
    empty(stores)
    here("--count", "120", "--seed", "6")
    after = digests(stores)
    assert all(after[store] != before[store] for store in before)


@dataclass(frozen=True)
class Seeded:
    """What the script said, and what the stores held then; tests of this only read."""

    ended: Ended
    held: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]]
    computed: list[tuple[Any, ...]]

    @property
    def documents(self) -> dict[str, dict[str, Any]]:
        return self.held["elasticsearch"][new.INDEX.name][2]

    @property
    def keys(self) -> dict[bytes, Any]:
        return {key: value for key, (value, _) in self.held["redis"].items()}

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(item) for key, items in self.keys.items() if key.startswith(b"events:") for item in items]


@pytest.fixture(scope="module")
def seeded(endpoints: Endpoints, _raw: Clients) -> Seeded:
    empty(_raw)
    environ = {**os.environ, **endpoints.environ()}
    ended = subprocess.run(
        command("seed_sample_data_v2", "--count", str(COUNT)), cwd=ROOT, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return Seeded(
        Ended(ended.returncode, ended.stdout, ended.stderr),
        everything(_raw),
        {table.name: rows_of(_raw, table.name) for table in new.TABLES},
        [tuple(row) for row in _raw.clickhouse.query(AGGREGATES).result_rows],
    )


def moment(text: str) -> dt.datetime:
    """Read a time of either store; ClickHouse writes it without the Z."""
    return dt.datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=dt.UTC)


def test_it_says_what_it_wrote_and_how_far_it_was(seeded: Seeded) -> None:
    of = {name: len(rows) for name, rows in seeded.rows.items()}
    states = sum(key.startswith(b"eaos:current:") for key in seeded.keys)
    trends = sum(len(members) for key, members in seeded.keys.items() if key.startswith(b"trends:top:"))
    assert seeded.ended == Ended(
        0,
        f"Written with seed 0 for {SHOW}, up to 2025-11-20T14:00:00Z: {of['raw_comments']:,} comments, "
        f"{of['comment_aggregates']:,} aggregates, {of['eaos_metrics']:,} history, {of['anomalies']:,} anomalies, "
        f"{states:,} states, {len(seeded.events):,} events, {trends:,} trends. Each comment is in ClickHouse and in "
        "Elasticsearch.\n",
        "comments: 2,000 of 2,000\n",
    )
    assert of["raw_comments"] == COUNT


def test_clickhouse_and_elasticsearch_hold_the_same_comments(seeded: Seeded) -> None:
    rows = {row.pop("comment_id"): row for row in map(dict, seeded.rows["raw_comments"])}
    assert rows.keys() == seeded.documents.keys()
    for name, document in seeded.documents.items():
        row = rows[name]
        assert row.pop("eaos_score") is not None
        assert document == {
            **row, "comment_id": name, "timestamp": document["timestamp"],
        }  # fmt: skip
        assert moment(document["timestamp"]) == moment(row["timestamp"])


def test_aggregates_are_what_clickhouse_makes_of_the_comments_by_the_contracts_rule(seeded: Seeded) -> None:
    found = [
        (row["program_id"], row["timestamp"], row["topic"], row["count"], row["avg_sentiment"])
        for row in seeded.rows["comment_aggregates"]
    ]
    assert sorted(found) == sorted(seeded.computed)
    assert len(found) > 500


def test_a_programs_state_is_that_of_its_comments_and_its_last_row_of_history(seeded: Seeded) -> None:
    counted = Counter((row["program_id"], row["sentiment"]) for row in seeded.rows["raw_comments"])
    for program in {program for program, _ in counted}:
        state = {
            name.decode(): value.decode() for name, value in seeded.keys[f"eaos:current:{program}".encode()].items()
        }
        last = max(
            (row for row in seeded.rows["eaos_metrics"] if row["program_id"] == program),
            key=lambda row: row["timestamp"],
        )
        positive, negative, neutral = (counted[program, label] for label in ("positive", "negative", "neutral"))
        total = positive + negative + neutral
        assert {name: state[name] for name in ("positive", "negative", "neutral", "total")} == {
            "positive": str(positive), "negative": str(negative), "neutral": str(neutral), "total": str(total),
        }  # fmt: skip
        assert float(state["score"]) == last["score"] == round((positive + neutral / 2) / total, 4)
        assert moment(state["updated_at"]) == moment(last["timestamp"])
        assert last["total_comments"] == total


def test_history_only_grows(seeded: Seeded) -> None:
    by_program: dict[str, list[int]] = {}
    for row in sorted(seeded.rows["eaos_metrics"], key=lambda row: row["timestamp"]):
        assert row["positive_count"] + row["negative_count"] + row["neutral_count"] == row["total_comments"]
        by_program.setdefault(row["program_id"], []).append(row["total_comments"])
    assert all(totals == sorted(set(totals)) and len(totals) > 6 for totals in by_program.values())


@pytest.mark.parametrize("time_range", WITHIN)
def test_trends_count_the_comments_of_their_last_minutes(seeded: Seeded, time_range: str) -> None:
    since = UNTIL - dt.timedelta(minutes=WITHIN[time_range])
    counted = Counter(
        topic for row in seeded.rows["raw_comments"] if moment(row["timestamp"]) > since for topic in row["topics"]
    )
    found = seeded.keys[f"trends:top:{time_range}".encode()]
    assert {topic.decode(): score for topic, score in found} == counted


def test_an_anomaly_is_a_bucket_with_the_comments_it_says(seeded: Seeded) -> None:
    assert len(seeded.rows["anomalies"]) == 3
    for row in seeded.rows["anomalies"]:
        start = moment(row["timestamp"])
        inside = [
            one for one in seeded.rows["raw_comments"]
            if one["program_id"] == row["program_id"]
            and start <= moment(one["timestamp"]) < start + dt.timedelta(minutes=5)
        ]  # fmt: skip
        of_program = sum(one["program_id"] == row["program_id"] for one in seeded.rows["raw_comments"])
        assert row["value"] == len(inside)
        assert row["expected"] == of_program / 36  # the 5 minutes of 3 hours
        assert row["deviation"] > 2
        assert row["severity"] in {"low", "medium", "high", "critical"}


def test_events_tell_the_history_and_the_anomalies(seeded: Seeded) -> None:
    metrics = {(event["program_id"], moment(event["timestamp"]), event["value"]) for event in seeded.events
               if event["type"] == "metric"}  # fmt: skip
    assert metrics == {
        (row["program_id"], moment(row["timestamp"]), row["score"]) for row in seeded.rows["eaos_metrics"]
    }
    anomalies = {(event["program_id"], moment(event["timestamp"]), event["value"]) for event in seeded.events
                 if event["type"] == "anomaly"}  # fmt: skip
    assert anomalies == {
        (row["program_id"], moment(row["timestamp"]), row["value"]) for row in seeded.rows["anomalies"]
    }


HELD = (
    f"The stores already hold records of {SHOW} (clickhouse eaos_metrics: 1, clickhouse comment_aggregates: 2, "
    "clickhouse anomalies: 1, clickhouse raw_comments: 1, elasticsearch tv_comments: 1, redis keys: 2, "
    "redis trends: 2)"
)


def test_a_second_run_writes_nothing_and_says_why(stores: Clients, here: Run) -> None:
    here("--count", "1", "--seed", "3")
    before = everything(stores)
    assert here("--count", "1", "--seed", "3") == Ended(1, "", HELD + (
        ". Nothing was written, so nothing is there twice: run again with --replace, which removes them first, or with "
        "another --show.\n"
    ))  # fmt: skip
    assert everything(stores) == before


def test_replace_removes_its_own_records_and_nothing_else(stores: Clients, here: Run) -> None:
    here("--count", "40", "--seed", "1", "--show", "other*show")
    stores.redis.zadd("trends:top:5min", {"sample_showman:vocals": 3, "vocals": 2})
    stores.redis.rpush(f"events:{SHOW}:2025-11-20", "{}")
    stores.redis.rpush(f"events:{SHOW}/somebody:2025-11-20", "{}")
    stores.redis.set("session:1", "x")
    stores.clickhouse.command(f"INSERT INTO tv_analytics.anomalies (program_id) VALUES ('{SHOW}/somebody')")
    others = everything(stores)
    ended = here("--count", "120", "--seed", "5", "--replace")
    assert (ended.code, ended.out.startswith("Written with seed 5")) == (0, True)
    with_first = everything(stores)
    again = here("--count", "60", "--seed", "6", "--replace")
    assert again.out.startswith(f"removed: the earlier sample data of {SHOW}\nWritten with seed 6")
    assert here("--count", "120", "--seed", "5", "--replace").code == 0
    assert everything(stores) == with_first != others


def test_remove_takes_away_what_was_seeded_and_writes_none(stores: Clients, here: Run) -> None:
    before = everything(stores)
    assert here("--count", "30").code == 0
    assert here("--remove") == Ended(0, f"removed: the earlier sample data of {SHOW}\n", "")
    assert everything(stores) == before
    assert here("--remove") == Ended(0, f"There is no sample data of {SHOW}.\n", "")
    assert here("--remove", "--replace").code == 2


def test_replacing_by_a_show_with_a_glob_in_its_name_removes_only_its_own(stores: Clients, here: Run) -> None:
    here("--count", "30", "--show", "abc")
    here("--count", "30", "--show", "a*c")
    before = everything(stores)
    assert here("--count", "30", "--show", "a*c", "--replace").code == 0
    assert everything(stores) == before


def test_what_a_killed_run_left_is_replaced(stores: Clients, here: Run, environ: dict[str, str]) -> None:
    here("--count", "120", "--seed", "5")
    whole = everything(stores)
    empty(stores)
    killed = subprocess.Popen(
        command("seed_sample_data_v2", "--count", "50000", "--seed", "5"), cwd=ROOT, env=environ, text=True,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert killed.stderr is not None
    assert killed.stderr.readline() == "comments: 5,000 of 50,000\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stderr.close()
    refused = here("--count", "120", "--seed", "5")
    assert (refused.code, refused.out) == (1, "")
    assert here("--count", "120", "--seed", "5", "--replace").code == 0
    assert everything(stores) == whole


def test_a_store_that_refuses_midway_is_told_with_the_way_out(stores: Clients, here: Run) -> None:
    settings = stores.elasticsearch.cluster
    settings.put_settings(persistent={"cluster.blocks.read_only": True})
    try:
        ended = here("--count", "30")
    finally:
        settings.put_settings(persistent={"cluster.blocks.read_only": None})
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("elasticsearch at http://127.0.0.1:")
    assert ended.err.endswith(
        " The sample data are written in part: run again with --replace, which removes them first, or with another "
        "--show.\n"
    )
    assert here("--count", "30", "--replace").code == 0
    assert len(rows_of(stores, "raw_comments")) == 30


FOREIGN = f"The stores already hold records of {SHOW} (clickhouse raw_comments: 1), and 1 comments are no sample data"
UNKNOWN = f"The stores already hold records of {SHOW} (redis keys: 1), and no sample comment is among them"


@pytest.mark.parametrize("replace", [(), ("--replace",), ("--remove",)], ids=["plain", "replace", "remove"])
def test_records_that_are_no_sample_data_are_never_removed(
    stores: Clients, here: Run, replace: tuple[str, ...]
) -> None:
    comment = f"INSERT INTO tv_analytics.raw_comments (comment_id, program_id) VALUES ('1', '{SHOW}/contestant_1')"
    stores.clickhouse.command(comment)
    before = everything(stores)
    assert here(*replace) == Ended(1, "", f"{FOREIGN}. Nothing was written: take another --show.\n")
    assert everything(stores) == before
    empty(stores)
    stores.redis.hset(f"eaos:current:{SHOW}/contestant_2", mapping={"score": "1"})
    assert here(*replace) == Ended(1, "", f"{UNKNOWN}. Nothing was written: take another --show.\n")


def test_without_the_new_layout_nothing_is_written(bare: Clients, here: Run) -> None:
    assert here() == Ended(
        1,
        "",
        "There is no database tv_analytics, no table tv_analytics.eaos_metrics, no table "
        "tv_analytics.comment_aggregates, no table tv_analytics.anomalies, no table tv_analytics.raw_comments, no "
        "index tv_comments_v2, no alias tv_comments. Nothing was written. Run: python scripts/init_databases.py\n",
    )
    assert everything(bare) == {"redis": {}, "clickhouse": {}, "elasticsearch": {}}


def test_beside_the_old_layout_nothing_is_written(stores: Clients, here: Run) -> None:
    stores.redis.set("eaos:x", "{}")
    before = everything(stores)
    assert here() == Ended(
        1,
        "",
        "The old layout is still there:\n  redis: key eaos:x\nNothing was changed.\n"
        "Migrate what is old: tvmigrate apply\n",
    )
    assert everything(stores) == before


def test_a_store_that_is_away_is_named(stores: Clients, here: Run) -> None:
    ended = here("--wait", "0", REDIS_URL="redis://127.0.0.1:1")
    assert ended == Ended(
        3,
        "",
        "redis at redis://127.0.0.1:1 does not answer: Error 111 connecting to 127.0.0.1:1. Connection refused.\n"
        "Waited 0 s, and nothing was changed. Start what is away (docker compose up -d), wait longer with --wait "
        "SECONDS, or correct REDIS_URL.\n",
    )


SHOW_SAID = (
    "The show name 'a/b' cannot be used: it holds '/'. It becomes the first part of every program id, so it may hold "
    "no '/', ':', control or blank characters; try a name such as the_voice."
)
UNTIL_SAID = (
    "'tomorrow' cannot be read as an instant: it is not an ISO 8601 date and time; expected is `now` or a time such as "
    "2025-11-20T14:00:00Z."
)
YEAR_SAID = "2300-01-01T00:00:00Z is outside the years 1970 to 2105, which the tables can hold."
USAGE = {
    "no comment": ("--count", "0", "0 is not in the range x>=1."),
    "a show with a slash": ("--show", "a/b", SHOW_SAID),
    "no time": ("--until", "tomorrow", UNTIL_SAID),
    "a year beyond": ("--until", "2300-01-01T00:00:00Z", YEAR_SAID),
}


@pytest.mark.parametrize(("option", "value", "said"), USAGE.values(), ids=USAGE.keys())
def test_a_wrong_option_is_wrong_usage(here: Run, option: str, value: str, said: str) -> None:
    assert here(option, value) == Ended(
        2,
        "",
        "Usage: seed_sample_data_v2.py [OPTIONS]\nTry 'seed_sample_data_v2.py --help' for help.\n\n"
        f"Error: Invalid value for '{option}': {said}\n",
    )


def test_until_now_is_the_present_minute(stores: Clients, here: Run) -> None:
    before = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    assert here("--count", "30", "--until", "now").code == 0
    after = dt.datetime.now(dt.UTC)
    latest = max(moment(row["timestamp"]) for row in rows_of(stores, "raw_comments"))
    assert before - dt.timedelta(minutes=6) <= latest <= after


def test_on_a_terminal_there_is_a_bar(stores: Clients, environ: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    try:
        ended = subprocess.run(
            command("seed_sample_data_v2", "--count", "10"), cwd=ROOT, env=environ | {"TERM": "xterm"}, stderr=follower,
            stdout=subprocess.PIPE, check=False,
        )  # fmt: skip
        os.set_blocking(leader, False)
        shown = os.read(leader, 100_000).decode()
    finally:
        os.close(leader)
        os.close(follower)
    assert ended.returncode == 0
    assert "10/10" in shown
    assert "\x1b[" in shown
