"""A capture is what was loaded: every type, every database, masked or not, after a kill too."""

from __future__ import annotations

import json
import signal
import stat
from collections import Counter

import pytest
from click.testing import CliRunner

from tests.tool.capture import captured
from tests.tool.capture.captured import documents, keys, killed, rows, times_to_live
from tvmigrate.capture.cli import MASK_KEY
from tvmigrate.capture.cli import capture as command
from tvmigrate.capture.mask import Mask
from tvmigrate.capture.run import UNFINISHED, capture
from tvmigrate.capture.sample import Sample
from tvmigrate.capture.work import Asked
from tvmigrate.contract import old
from tvmigrate.engines.clients import Clients
from tvmigrate.errors import UsageError
from tvmigrate.events import Advanced

BRIEF_MS = 60_000
MASK = Mask(b"a secret of sixteen bytes and more")


@pytest.fixture(scope="module")
def whole(old_system, tmp_path_factory):
    return capture(old_system, tmp_path_factory.mktemp("whole") / "dataset", Asked(), "the_voice")


@pytest.fixture(scope="module")
def hidden(old_system, tmp_path_factory):
    return capture(old_system, tmp_path_factory.mktemp("masked") / "dataset", Asked(mask=MASK), "the_voice")


def test_every_key_of_every_database_is_as_it_was_loaded(whole, standard):
    assert keys(whole, BRIEF_MS) == keys(standard, BRIEF_MS)


def test_times_to_live_count_from_the_moment_that_the_dataset_names(whole, old_system):
    moment = int(captured.datetime.fromisoformat(whole.captured_at).timestamp() * 1000)
    told = times_to_live(whole)
    assert len(told) > 10
    with Clients(old_system) as clients:
        for (db, key), ttl in told.items():
            client = clients.redis_db(db)
            seconds, micros = client.time()
            left = client.pttl(key)
            if left > 0:
                assert abs(moment + ttl - (seconds * 1000 + micros // 1000 + left)) < 100


@pytest.mark.parametrize("table", ["comments", "eaos_metrics", "viewers"])
def test_every_row_is_as_it_was_loaded(whole, standard, old_system, tmp_path, table):
    """Assert it of what ClickHouse makes of the rows: floats are written otherwise than in the fixture."""
    with Clients(old_system) as clients:
        places = {"loaded": f"tv_analytics.{table}", "captured": "tv_analytics.again"}
        clients.clickhouse.command(f"CREATE TABLE {places['captured']} AS {places['loaded']}")
        try:
            clients.clickhouse.raw_insert(
                places["captured"], None, whole.tables[table].rows.read_bytes(), fmt="JSONEachRow",
                settings={"date_time_input_format": "best_effort", "session_timezone": "UTC"},
            )  # fmt: skip
            loaded, again = (
                clients.clickhouse.query(f"SELECT count(), sum(cityHash64(tuple(*))) FROM {place}").result_rows
                for place in places.values()
            )
        finally:
            clients.clickhouse.command(f"DROP TABLE {places['captured']} SYNC")
    assert loaded == again
    assert whole.tables[table].create.startswith(f"CREATE TABLE tv_analytics.{table}")


@pytest.mark.parametrize("index", ["tv_comments", "tv_schedule"])
def test_every_document_is_as_it_was_loaded_to_the_character(whole, standard, index):
    assert documents(whole, index) == documents(standard, index)


def test_a_capture_is_for_its_owner_alone(whole):
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [whole.path, *whole.path.rglob("*")]}
    assert modes == {0o700, 0o600}


def test_a_masked_capture_holds_the_same_records_and_other_texts(whole, hidden):
    assert {key[0] for key in keys(hidden)} == {0, 3}
    # Captured after the other: those that were to expire within seconds may have.
    assert len(keys(hidden, BRIEF_MS)) == len(keys(whole, BRIEF_MS))
    before, after = documents(whole, "tv_comments"), documents(hidden, "tv_comments")
    assert before.keys() == after.keys()
    texts = [json.loads(source).get("text") for source in before.values()]
    long = [text for text in texts if isinstance(text, str) and len(text) > 20]
    files = b"".join(path.read_bytes() for path in hidden.path.rglob("*.ndjson")).decode("utf-8", "replace")
    assert len(long) > 500
    assert [text for text in long if json.dumps(text, ensure_ascii=False)[1:-1] in files] == []


def test_a_sample_has_all_of_its_programs_in_every_store(whole, old_system, tmp_path):
    sample = Sample(0.3)
    some = capture(old_system, tmp_path / "some", Asked(sample=sample), None)
    everything = rows(whole, old.COMMENTS.name)
    taken = Counter({row: n for row, n in everything.items() if sample.takes_text(json.loads(row)["entity"])})
    assert 0 < taken.total() < everything.total()
    assert rows(some, old.COMMENTS.name) == taken
    ids = {json.loads(row)["comment_id"] for row in taken}
    in_both = ids & documents(whole, "tv_comments").keys()
    assert len(in_both) > 300
    assert in_both <= documents(some, "tv_comments").keys()
    eaos = {key for db, key in keys(whole) if db == 0 and key.startswith(b"eaos:contestant_")}
    assert {key for db, key in keys(some) if db == 0 and key.startswith(b"eaos:contestant_")} == {
        key for key in eaos if sample.takes(key.removeprefix(b"eaos:"))
    }
    assert "A sample: 0.3 of the programs." in some.note


def test_an_entity_and_its_program_id_are_chosen_together():
    sample = Sample(0.5)
    for n in range(50):
        assert sample.takes_text(f"contestant_{n}") == sample.takes_text(f"the_voice/contestant_{n}")


@pytest.mark.parametrize("where", ["redis._keep#60", "redis._compare#1"])
def test_the_same_command_goes_on_after_a_kill(where, whole, old_system, tmp_path):
    folder, log = tmp_path / "dataset", tmp_path / "log"
    assert killed(where, folder, old_system, log) == -signal.SIGKILL, log.read_text()
    assert not (folder / "dataset.toml").exists()
    again = capture(old_system, folder, Asked(), "the_voice")
    assert keys(again, BRIEF_MS) == keys(whole, BRIEF_MS)
    assert rows(again, "comments") == rows(whole, "comments")
    assert documents(again, "tv_comments") == documents(whole, "tv_comments")
    assert not (folder / UNFINISHED).exists()


def test_a_table_that_is_written_whole_is_not_read_again(old_system, tmp_path):
    folder = tmp_path / "dataset"
    assert killed("redis._keep#60", folder, old_system, tmp_path / "log") == -signal.SIGKILL
    tasks = []
    capture(old_system, folder, Asked(), None, lambda event: tasks.append(getattr(event, "task", "")))
    assert sorted(set(tasks)) == ["capture redis", "redis: changed meanwhile"]


def test_progress_is_told(old_system, tmp_path):
    events = []
    capture(old_system, tmp_path / "dataset", Asked(), None, events.append)
    last = {event.task: event.done for event in events if isinstance(event, Advanced)}
    assert last["capture clickhouse comments"] == 3156
    assert last["capture elasticsearch tv_comments"] == 3152
    assert last["capture redis"] > 190


def refused(call) -> str:
    with pytest.raises(UsageError) as error:
        call()
    return str(error.value)


def test_a_directory_that_holds_something_else_is_refused(old_system, whole, tmp_path):
    (tmp_path / "file").write_text("x")
    assert refused(lambda: capture(old_system, tmp_path, Asked(), None)) == (
        f"{tmp_path} holds files, and no capture that could go on. Name a directory that is empty, or not there yet."
    )
    assert refused(lambda: capture(old_system, whole.path, Asked(), None)) == (
        f"{whole.path} is a dataset already. Name a directory that is empty, or not there yet."
    )


def test_a_capture_goes_on_only_with_what_it_was_begun_with(old_system, tmp_path):
    folder = tmp_path / "dataset"
    assert killed("elasticsearch.capture#1", folder, old_system, tmp_path / "log") == -signal.SIGKILL
    assert refused(lambda: capture(old_system, folder, Asked(Sample(0.5), MASK), None)) == (
        f"The capture in {folder} was begun with another sample, mask. Go on with what it was begun with, or name "
        "another directory."
    )


def test_masking_wants_a_secret(old_system, tmp_path, monkeypatch):
    monkeypatch.setenv(MASK_KEY, "short")
    for name, value in old_system.environ().items():
        monkeypatch.setenv(name, value)
    outcome = CliRunner().invoke(command, [str(tmp_path / "dataset"), "--mask"])
    assert str(outcome.exception) == (
        "--mask needs a secret of 16 bytes at least, and TVMIGRATE_MASK_KEY has 5. Make one, and keep it: the same "
        "secret gives the same stand-ins. `head -c 32 /dev/urandom | base64 > mask.key`, then `--mask --mask-key "
        "mask.key`."
    )
    assert not (tmp_path / "dataset").exists()
