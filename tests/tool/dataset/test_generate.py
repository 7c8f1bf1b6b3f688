"""Laws of generated data: the same for a seed, wherever it goes; what is bad is bad as the contract says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tvmigrate.contract import exact_json, keys, rules, values
from tvmigrate.contract.outcome import Mapped, Quarantined, Reason, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset import Dataset, DatasetError
from tvmigrate.dataset.generate import Recipe, Size, generate_files, generate_into_engines
from tvmigrate.dataset.generate.cli import generate
from tvmigrate.dataset.load import load
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.rehearse import rehearse

from .test_load import as_read, read_back

SMALL = Size.of(comments=300, entities=200)
POLICY = Policy(show="the_voice")
LAYOUT = {
    "dataset.toml", "redis.ndjson", "clickhouse/comments.sql", "clickhouse/comments.ndjson",
    "clickhouse/eaos_metrics.sql", "clickhouse/eaos_metrics.ndjson", "elasticsearch/tv_comments.json",
    "elasticsearch/tv_comments.ndjson",
}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def generated(folder: Path, size: Size = SMALL, seed: int = 0, bad: float = 0.0) -> Dataset:
    generate_files(folder, Recipe(size, seed, bad))
    return Dataset.open(folder)


def fates(dataset: Dataset) -> Counter[str]:
    """Return how often each fate or reason of quarantine is what the rules say, as `comments not-finite`."""
    found: Counter[str] = Counter()

    def tell(what: str, outcome: Mapped[Any] | Quarantined) -> None:
        found[f"{what} {outcome.reason if isinstance(outcome, Quarantined) else outcome.fate}"] += 1

    for key in dataset.redis_keys():
        match keys.classify(key.db, key.key, key.type):
            case keys.OldKey(name=name) if key.type == keys.STRING:
                tell("eaos", rules.redis_eaos(name, key.value, POLICY, 0))
            case keys.OldKey(name=name) if key.type == keys.ZSET:
                tell("trend", rules.redis_trend(name))
            case keys.OldKey(name=name):
                for place, item in enumerate(key.value):
                    tell("metric", rules.redis_metric(name, place, item, POLICY))
            case keys.WrongTypeKey():
                found[f"eaos {Reason.WRONG_TYPE}"] += 1
    for document in dataset.documents():
        try:
            tell("documents", rules.elasticsearch_document(document.id, exact_json.parse(document.source), POLICY))
        except Unmappable as why:
            found[f"documents {why.reason}"] += 1
    for row in stored_rows(dataset, "comments"):
        instant = values.instant(row["created_at"], POLICY)
        tell("comments", rules.clickhouse_comment(row | {"created_at": instant}, POLICY))
    for row in stored_rows(dataset, "eaos_metrics"):
        instant = values.instant(row["recorded_at"], POLICY)
        tell("eaos_metrics", rules.clickhouse_eaos_metric(row | {"recorded_at": instant}, POLICY))
    return found


def stored_rows(dataset: Dataset, table: str) -> list[dict[str, Any]]:
    """Return a table's rows, text that is not UTF-8 as bytes, numbers as they are."""

    def value(column: str, text: Any) -> Any:
        if column in {"sentiment_score", "engagement", "eaos_score"} and isinstance(text, str):
            return float(text)
        if isinstance(text, str) and not text.isprintable():
            raw = text.encode("utf-8", "surrogateescape")
            return raw if raw.decode("utf-8", "replace") != text else text
        return text

    lines = dataset.tables[table].rows.read_text("utf-8", "surrogateescape").splitlines()
    return [{name: value(name, text) for name, text in json.loads(line).items()} for line in lines]


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    generated(tmp_path / "one", seed=1, bad=0.1)
    generated(tmp_path / "again", seed=1, bad=0.1)
    generated(tmp_path / "other", seed=2, bad=0.1)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert set(one) == LAYOUT
    assert one == again
    assert {name for name in one if one[name] == other[name]} == {
        "clickhouse/comments.sql", "clickhouse/eaos_metrics.sql", "elasticsearch/tv_comments.json",
    }  # fmt: skip


def test_a_size_is_what_is_there(tmp_path: Path) -> None:
    size = Size.of(comments=120, entities=130, documents=50)
    dataset = generated(tmp_path / "x", size)
    found = Counter(key.key.partition(b":")[0] for key in dataset.redis_keys())
    assert found == {b"eaos": 130, b"trend": 3, b"metrics": size.lists, b"leaderboard": 1, b"session": size.unrelated}
    assert len(list(dataset.documents())) == 50
    assert {name: len(stored_rows(dataset, name)) for name in dataset.tables} == {"comments": 120, "eaos_metrics": 2}


def test_the_standard_size_is_the_one_that_benchmarks_speak_of() -> None:
    size = Size.standard()
    keys_in_all = size.entities + 3 + size.sorted_sets + size.lists + size.unrelated
    assert (keys_in_all, size.rows, size.documents) == (500_000, 10_000_000, 200_000)
    assert (3 + size.sorted_sets, size.members, size.lists, size.list_items) == (50, 2000, 200, 1000)


def test_without_a_share_of_bad_records_every_record_maps(tmp_path: Path) -> None:
    found = fates(generated(tmp_path / "x", Size.of(comments=1000, entities=1000)))
    assert {fate.rpartition(" ")[2] for fate in found} == {"mapped", "filled"}
    assert {fate for fate in found if fate.endswith("filled")} == {"eaos filled", "documents filled"}


def test_bad_records_have_every_reason_of_the_contract_and_are_as_many_as_asked_for(tmp_path: Path) -> None:
    found = fates(generated(tmp_path / "x", Size.of(comments=2000, entities=2000), bad=0.2))
    bad = {fate: count for fate, count in found.items() if fate.rpartition(" ")[2] in set(Reason)}
    assert {fate.rpartition(" ")[2] for fate in bad} == set(Reason)
    for what in ("eaos", "documents", "comments"):
        share = sum(n for fate, n in bad.items() if fate.startswith(f"{what} ")) / 2000
        assert 0.16 < share < 0.24, what


def test_a_few_programs_have_most_of_the_comments(tmp_path: Path) -> None:
    dataset = generated(tmp_path / "x", Size.of(comments=3000, entities=1000))
    entities = Counter(row["entity"] for row in stored_rows(dataset, "comments"))
    tenth = sum(count for _, count in entities.most_common(100))
    assert tenth > 1800  # of 3000: 60 % and more have a tenth of the programs
    assert len(entities) > 500


def test_engines_are_given_what_a_dataset_would_hold(
    tmp_path: Path, empty_engines: Endpoints, clients: Clients
) -> None:
    recipe = Recipe(SMALL, 5, 0.1)
    generate_into_engines(empty_engines, recipe)
    there = everything(clients, dataset := generated(tmp_path / "x", SMALL, 5, 0.1))
    load(dataset, empty_engines, replace=True)
    assert there == everything(clients, dataset)


def everything(clients: Clients, dataset: Dataset) -> dict[str, Any]:
    """Return what is in the engines; of a time to live whether there is one."""
    found: dict[str, Any] = {"keys": clients.redis.dbsize()}
    for key in dataset.redis_keys():
        assert read_back(clients.redis, key) == as_read(key), key.key
        assert (clients.redis.pttl(key.key) > 0) == (key.ttl_ms is not None)
    for table in dataset.tables:
        rows = clients.clickhouse.raw_query(f"SELECT * FROM tv_analytics.{table}", fmt="JSONEachRow")
        found[table] = sorted(rows.splitlines())
        found[f"{table} as created"] = clients.clickhouse.command(f"SHOW CREATE TABLE tv_analytics.{table}")
    hits = clients.elasticsearch.search(index="tv_comments", size=10_000)["hits"]["hits"]
    found["documents"] = {hit["_id"]: hit["_source"] for hit in hits}
    found["mappings"] = clients.elasticsearch.indices.get_mapping(index="tv_comments").body
    return found


def test_rows_as_parquet_are_the_same_rows(tmp_path: Path, empty_engines: Endpoints, clients: Clients) -> None:
    recipe = Recipe(Size.of(comments=200, entities=20, documents=0), 5, 0.2)
    stored = []
    for name, form in (("lines", "JSONEachRow"), ("parquet", "Parquet")):
        generate_files(tmp_path / name, recipe, rows=form)  # type: ignore[arg-type]
        load(Dataset.open(tmp_path / name), empty_engines, replace=True)
        stored.append([sorted(clients.clickhouse.raw_query(f"SELECT * FROM tv_analytics.{table}").splitlines())
                       for table in ("comments", "eaos_metrics")])  # fmt: skip
    assert stored[0] == stored[1]
    assert len(stored[0][0]) == 200


@pytest.mark.parametrize("bad", [0, 0.05])
def test_a_rehearsal_of_generated_data_passes_and_its_ledger_balances(
    bad: float, tmp_path: Path, empty_engines: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated(tmp_path / "x", Size.of(comments=200, entities=100), 3, bad)
    monkeypatch.chdir(tmp_path)
    for name in ("redis", "clickhouse", "elasticsearch"):
        monkeypatch.setenv(f"{name.upper()}_URL", getattr(empty_engines, name))
    arguments = ["--dataset", "x", "--show", "the_voice", "--engines", "live", "--report", "report"]
    outcome = CliRunner().invoke(rehearse, arguments)
    assert outcome.exit_code == 0, outcome.output
    ledger = json.loads((tmp_path / "report" / "verdict.json").read_text())["ledger"]
    counted = [line for line in ledger if line["old"] is not None]
    fates = ("mapped", "filled", "quarantined", "untouched", "expired")
    assert all(line["old"] == sum(line[fate] for fate in fates) for line in counted)
    assert len(counted) == 7
    assert (sum(line["quarantined"] for line in counted) > 0) == (bad > 0)


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(DatasetError) as caught:
        generate_files(tmp_path, Recipe(SMALL))
    assert str(caught.value) == f"{tmp_path} is there and is not an empty folder. Name one that is not there yet."
    assert contents(tmp_path) == {"note": b"mine"}


def test_engines_that_hold_something_are_left_as_they_are(empty_engines: Endpoints, clients: Clients) -> None:
    clients.redis.set("mine", "1")
    clients.elasticsearch.indices.create(index="tv_comments")
    with pytest.raises(DatasetError) as caught:
        generate_into_engines(empty_engines, Recipe(SMALL))
    assert str(caught.value) == (
        "Data is generated into empty engines only, and redis has 1 keys in database 0; elasticsearch has tv_comments. "
        "Nothing was written. Name empty engines, or remove what is there."
    )
    assert clients.redis.keys() == [b"mine"]
    assert clients.clickhouse.query("SELECT count() FROM system.databases WHERE name = 'tv_analytics'").result_rows == [
        (0,)
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Say where the data goes: either DIR or --into-engines; exactly one of the two must be given."),
        (
            ["x", "--into-engines"],
            "Say where the data goes: either DIR or --into-engines; exactly one of the two must be given.",
        ),
        (
            ["x", "--scale", "1", "--comments", "5"],
            "--scale says all counts; --comments, --documents and --entities cannot be given with it.",
        ),
        (
            ["x", "--comments", "5", "--documents", "6"],
            (
                "6 documents of 5 comments: every document is a comment, so there can be no more of them. Ask for more "
                "comments, or for fewer documents."
            ),
        ),
        (["x", "--bad", "5"], "The share of bad records is 5.0; expected is a number from 0 to 1, such as 0.01."),
        (["x", "--seed", "-1"], "The seed is -1; expected is a whole number from 0 to 2^63-1."),
    ],
)
def test_what_cannot_be_generated_is_said_and_nothing_is_written(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(generate, arguments).exception
    assert isinstance(error, UsageError)
    assert str(error) == sentence
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_dataset_and_says_how_much(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    outcome = CliRunner().invoke(generate, [str(folder), "--comments", "50", "--entities", "20", "--rows", "parquet"])
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(f"{folder}: 20 entities, 51 rows, 50 documents in ")
    assert Dataset.open(folder).show == "the_voice"
