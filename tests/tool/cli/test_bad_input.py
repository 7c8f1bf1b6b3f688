"""Bad input ends in one clear sentence and exit code 2 or 3, before anything is started or written."""

import shutil
import socket
from pathlib import Path

import pytest

from tvmigrate import cli

FIXTURES = Path(__file__).parents[3] / "fixtures"
CLEAN = str(FIXTURES / "clean")


@pytest.fixture
def unreachable(monkeypatch):
    """Name stores at a port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}")
    monkeypatch.setenv("CLICKHOUSE_URL", f"http://user:secret@127.0.0.1:{port}")
    monkeypatch.setenv("ELASTICSEARCH_URL", f"http://127.0.0.1:{port}")


@pytest.fixture
def nameless(monkeypatch):
    """Name no store."""
    for name in ("REDIS_URL", "CLICKHOUSE_URL", "ELASTICSEARCH_URL"):
        monkeypatch.delenv(name, raising=False)


def told(capsys) -> str:
    """Return the one error that was printed, which is a sentence and no traceback."""
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("Error: ")
    assert "Traceback" not in printed
    return printed


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--dataset", CLEAN], "Say how an old entity becomes a program id: either --show NAME"),
        (["--dataset", CLEAN, "--show", "a", "--keep-entities"], "exactly one of the two must be given"),
        (["--dataset", CLEAN, "--show", "a/b"], "The show name 'a/b' cannot be used: it holds '/'."),
        (["--dataset", CLEAN, "--show", "a", "--timezone", "Mars"], "'Mars' is no time zone of the IANA database"),
        (["--dataset", "nowhere", "--show", "a"], "nowhere is not a folder; expected a dataset"),
        (
            ["--dataset", CLEAN, "--show", "a", "--only", "redis.nothing"],
            "There is no check redis.nothing; the",
        ),
        (["--dataset", CLEAN, "--show", "a", "--entity-map", "no.json"], "The entity map no.json cannot be read"),
    ],
    ids=["no-policy", "two-policies", "bad-show", "bad-zone", "no-dataset", "no-such-check", "no-map"],
)
def test_a_wrong_option_of_rehearse_is_named_before_anything_starts(tmp_path, capsys, options, sentence):
    assert cli.run(["rehearse", *options, "--report", str(tmp_path)]) == 2
    assert sentence in told(capsys)


def test_a_report_that_could_not_be_written_is_told_before_the_work(tmp_path, capsys):
    (tmp_path / "file").touch()
    report = tmp_path / "file" / "report"
    assert cli.run(["rehearse", "--dataset", CLEAN, "--show", "a", "--report", str(report)]) == 3
    assert told(capsys) == (
        f"Error: The report {report} cannot be written: Not a directory. Nothing of it was left there; give a "
        "directory that can be written to with --report DIR."
    )


@pytest.mark.parametrize("command", [["plan", "--show", "a"], ["load", CLEAN], ["status"], ["rollback", "--yes"]])
def test_without_urls_a_command_does_not_guess(nameless, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    assert cli.run(command) == 2
    assert "REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL not set" in told(capsys)


@pytest.mark.parametrize(
    "command",
    [["plan", "--show", "a"], ["apply", "--show", "a", "--yes"], ["load", CLEAN]],
    ids=["plan", "apply", "load"],
)
def test_an_engine_that_is_away_is_named_without_its_password(unreachable, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    assert cli.run(command) == 3
    sentence = told(capsys)
    assert "cannot be worked with" in sentence
    assert "secret" not in sentence


def test_a_malformed_line_is_named_by_file_and_number_and_nothing_is_written(
    empty_engines, clients, tmp_path, monkeypatch, capsys
):
    dataset = tmp_path / "dataset"
    shutil.copytree(CLEAN, dataset)
    path = dataset / "elasticsearch" / "tv_comments.ndjson"
    with path.open("a") as lines:
        lines.write('{"_id": "k999"}\n')
    for name, url in empty_engines.environ().items():
        monkeypatch.setenv(name, url)
    assert cli.run(["load", str(dataset)]) == 2
    sentence = f"{path}, line 61: the line holds '_id'; expected an object with exactly _id, _source."
    assert sentence in capsys.readouterr().err
    assert clients.redis.dbsize() == 0
    assert not clients.elasticsearch.indices.exists(index="tv_comments")


def test_a_taken_port_is_told(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.run(["engines", "up", "--redis-port", str(port)]) == 3
    assert str(port) in capsys.readouterr().err
