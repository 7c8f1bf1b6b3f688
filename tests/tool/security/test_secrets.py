"""No password and no key is in what the tool says, writes or starts: wherever it was said, and whatever goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import psutil
import pytest

from tests.app.storage.proxy import LosingProxy
from tests.integrity.one_set import empty
from tests.tool.clickhouse_http.serving import start, stop
from tests.tool.migrate.stores import ROOT, Stores
from tvmigrate import cli
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients, open_elasticsearch
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.openers import open_clickhouse
from tvmigrate.engines.redis_opener import open_redis
from tvmigrate.engines.secrets import passwords, with_secrets, without_environs
from tvmigrate.errors import UsageError
from tvmigrate.events import ignore
from tvmigrate.verify.command import WORK
from tvmigrate.verify.command import run as run_command

# Each told apart from the others and from any other word, with signs that a URL wants written otherwise.
SECRETS = {"redis": "rd-Geh3im/ä@x", "clickhouse": "ch-Geh3im?#%y", "elasticsearch": "es-Geh3im/:&+z"}
OPTIONS = ("--show", "the_voice")
LIVE = ("--without-rehearsal", "a test")


@dataclass
class Watched:
    """What commands said, what was started for them, and which folder holds what they wrote."""

    folder: Path
    said: list[bytes] = field(default_factory=list)
    commands: set[str] = field(default_factory=set)

    def found(self) -> list[str]:
        """Return each place where a secret, or one as a URL writes it, can be read."""
        spellings = {
            spelled.encode()
            for one in SECRETS.values()
            for spelled in (one, quote(one, safe=""), quote_plus(one), one.partition("Geh3im")[0] + "Geh3im")
        }
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        told = {f"file {path}": path.read_bytes() for path in files}
        told |= {f"output {number}: {said[:2000]!r}": said for number, said in enumerate(self.said)}
        told |= {f"process {command}": command.encode("utf-8", "surrogateescape") for command in self.commands}
        assert any(path.name == "journal.sqlite" for path in files), "nothing was written"
        return [place for place, content in told.items() if any(one in content for one in spellings)]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    (tmp_path / "work").mkdir()
    return Watched(tmp_path / "work")


@pytest.fixture
def secured(stores: Stores, tmp_path: Path) -> Iterator[Endpoints]:
    """The stores, each with a user and a password: those of Elasticsearch nobody looks at."""
    stores.clients.redis.execute_command("ACL", "SETUSER", "mover", "on", f">{SECRETS['redis']}", "~*", "+@all")
    file = tmp_path / "clickhouse-password"
    file.write_text(SECRETS["clickhouse"], "utf-8")
    server = start(tmp_path / "clickhouse", "--user", "mover", "--password-file", str(file))
    found = {name: quote(secret, safe="") for name, secret in SECRETS.items()}
    yield Endpoints(
        stores.endpoints.redis.replace("://", f"://mover:{found['redis']}@"),
        f"http://mover:{found['clickhouse']}@127.0.0.1:{server.port}",
        stores.endpoints.elasticsearch.replace("://", f"://mover:{found['elasticsearch']}@"),
    )
    stop(server)
    stores.clients.redis.execute_command("ACL", "DELUSER", "mover")


def run(watched: Watched, environ: dict[str, str], *words: str, kill_at: bytes | None = None) -> int:
    """Run a command in a process of its own, and watch all that it starts."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tvmigrate", *words],
        env={**_plain_environ(), "PYTHONPATH": str(ROOT), **environ},
        cwd=watched.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with _watching(process.pid, watched.commands):
        assert process.stdout is not None
        said = b""
        while line := process.stdout.readline():
            said += line
            if kill_at is not None and kill_at in line:
                os.kill(process.pid, 9)
        process.wait()
        process.stdout.close()
    watched.said.append(said)
    return process.returncode


def _plain_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TVMIGRATE_", "REDIS_", "CLICK"))}


@contextmanager
def _watching(pid: int, commands: set[str]) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                process = psutil.Process(pid)
                for one in (process, *process.children(recursive=True)):
                    commands.add(" ".join(one.cmdline()))
            except psutil.Error:
                pass
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_secrets_are_nowhere_after_runs_that_succeed_fail_and_are_killed(
    stores: Stores, secured: Endpoints, watched: Watched, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Assert it of outputs, tracebacks, the journal, the backup, reports, and of every process that is started."""
    empty(stores.endpoints)
    load(Dataset.open(ROOT / "fixtures" / "clean"), secured)
    good = secured.environ()
    assert run(watched, good, "apply", "--yes", *OPTIONS, *LIVE, "--workers", "2", kill_at=b"build.redis: done") == -9
    assert run(watched, good, "--debug", "apply", "--yes", *LIVE, "--workers", "2") == 0
    # Passwords in files, beside URLs that hold none.
    bare, files = dict(good), {}
    for store, secret in SECRETS.items():
        file = tmp_path / f"{store}-secret"
        file.write_text(f"{secret}\n", "utf-8")
        files[f"TVMIGRATE_{store.upper()}_PASSWORD_FILE"] = str(file)
        name = f"{store.upper()}_URL"
        bare[name] = bare[name].replace(f":{quote(secret, safe='')}@", "@")
        assert "Geh3im" not in bare[name]
    assert run(watched, bare | files, "rollback", "--yes") == 0
    report = str(watched.folder / "report")
    assert run(watched, good, "rehearse", "--engines", "live", "--dataset", str(ROOT / "fixtures" / "clean"),
               *OPTIONS, "--report", report) in {2, 3}  # fmt: skip
    for name, wrong in _wrong(good):
        with monkeypatch.context() as environ:
            for variable, value in (good | wrong).items():
                environ.setenv(variable, value)
            assert cli.run(["--debug", "plan", *OPTIONS]) in {2, 3}, name
        told = capfd.readouterr()
        watched.said.append((told.out + told.err).encode("utf-8", "surrogateescape"))
        assert b"Traceback" in watched.said[-1], name
    assert watched.found() == []
    assert len(watched.commands) > 5


def _wrong(good: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield environments that fail, by what is wrong with them."""
    for store, secret in SECRETS.items():
        name = f"{store.upper()}_URL"
        host = good[name].rpartition("@")[2]
        scheme = good[name].partition("://")[0]
        yield f"{name} as nobody writes it", {name: f"{scheme}://mover:{secret}@{host}"}
        yield f"{name} without a scheme", {name: f"mover:{secret}@{host}"}
        yield f"{name} with a port that is none", {name: f"{scheme}://mover:{quote(secret, safe='')}@host:port"}
        yield f"{name} of a store that is away", {name: f"{scheme}://mover:{quote(secret, safe='')}@127.0.0.1:1"}
        if store != "elasticsearch":
            yield f"{name} with another password", {name: f"{scheme}://mover:{quote(secret, safe='')}x@{host}"}
    where = good["REDIS_URL"].rpartition("@")[2]
    secret = quote(SECRETS["redis"], safe="")
    yield "a socket that is not there", {"REDIS_URL": f"unix:///no/such?password={secret}"}
    yield "a server that is no cluster's", {"REDIS_URL": f"redis+cluster://mover:{secret}@{where}"}
    yield (
        "a parameter that ClickHouse's URL does not have",
        {"CLICKHOUSE_URL": f"{good['CLICKHOUSE_URL']}?password={quote(SECRETS['clickhouse'], safe='')}"},
    )
    yield "a user and a key", {"ELASTICSEARCH_URL": f"{good['ELASTICSEARCH_URL']}?api_key={secret}"}
    yield "another password beside the URL", {"TVMIGRATE_REDIS_PASSWORD": SECRETS["clickhouse"]}


def test_an_api_key_is_sent_and_stands_in_the_environment_or_a_file(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://www.elastic.co/docs/deploy-manage/api-keys/elasticsearch-api-keys: `Authorization: ApiKey …`."""
    key = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
    file = tmp_path / "key"
    file.write_text(f"{key}\n", "utf-8")
    for environ in ({"TVMIGRATE_ELASTICSEARCH_API_KEY": key}, {"TVMIGRATE_ELASTICSEARCH_API_KEY_FILE": str(file)}):
        with LosingProxy(stores.endpoints.elasticsearch, f"ApiKey {key}".encode(), lose=0) as between:
            given = {**stores.endpoints.environ(), "ELASTICSEARCH_URL": between.url, **environ}
            endpoints = Endpoints.from_environ(given)
            with open_elasticsearch(endpoints.elasticsearch) as client:
                assert client.info()["version"]
            assert between.seen == 1
            assert key not in repr(endpoints)


def test_what_is_said_beside_a_url_comes_into_it() -> None:
    secret, written = SECRETS["redis"], quote(SECRETS["redis"], safe="")
    beside = {"TVMIGRATE_REDIS_PASSWORD": secret}
    for url, expected in (
        ("redis://h:1", f"redis://:{written}@h:1"),
        ("redis://ann@h:1", f"redis://ann:{written}@h:1"),
        (f"redis://ann:{written}@h:1", f"redis://ann:{written}@h:1"),
        ("rediss+sentinel://ann@a,b:2/main?sentinel_password=x", f"rediss+sentinel://ann:{written}@a,b:2/main?sentinel_password=x"),
        ("unix:///a/b", f"unix:///a/b?password={written}"),
    ):  # fmt: skip
        assert with_secrets("REDIS", url, beside) == expected
        assert passwords(expected)[0] == written


def test_what_contradicts_itself_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for store, url, environ, sentence in (
        ("REDIS", "redis://:a@h", {"TVMIGRATE_REDIS_PASSWORD": "b"},
         "REDIS_URL holds a password, and TVMIGRATE_REDIS_PASSWORD says another: say it once."),
        ("REDIS", "redis://h", {"TVMIGRATE_REDIS_PASSWORD": "a", "TVMIGRATE_REDIS_PASSWORD_FILE": str(empty)},
         f"TVMIGRATE_REDIS_PASSWORD_FILE names {empty}, which is empty."),
        ("CLICKHOUSE", "http://h", {"TVMIGRATE_CLICKHOUSE_PASSWORD_FILE": "/no/such"},
         "TVMIGRATE_CLICKHOUSE_PASSWORD_FILE names /no/such, which cannot be read: No such file or directory."),
        ("ELASTICSEARCH", "http://h", {"TVMIGRATE_ELASTICSEARCH_PASSWORD": "a"},
         "TVMIGRATE_ELASTICSEARCH_PASSWORD is set, and ELASTICSEARCH_URL names no user: put it before the host."),
        ("ELASTICSEARCH", "http://h?api_key=a", {"TVMIGRATE_ELASTICSEARCH_API_KEY": "b"},
         "ELASTICSEARCH_URL holds another api_key than the one that is said beside it: say it once."),
    ):  # fmt: skip
        with pytest.raises(UsageError) as refused:
            with_secrets(store, url, environ)
        assert str(refused.value) == sentence


def test_a_user_and_an_api_key_are_one_too_many() -> None:
    with pytest.raises(UsageError) as refused:
        open_elasticsearch("http://ann:pw@h:1?api_key=s3cret")
    assert str(refused.value) == (
        "ELASTICSEARCH_URL is 'http://ann:***@h:1?api_key=***': expected is a user or an API key, and not both."
    )


@pytest.mark.parametrize(
    "url", ["redis://u:pa/ss@h:1", "http://u:p[ss@h", "http://u:p\u2100ss@h", "redis://u:p?ss@h:x"]
)
def test_a_url_that_cannot_be_read_shows_no_piece_of_its_password(url: str) -> None:
    opened = open_redis if url.startswith("redis") else open_clickhouse
    with pytest.raises(UsageError) as refused:
        opened(url)
    assert "://u:***@h" in str(refused.value)
    assert refused.value.__cause__ is None
    assert "ss@" not in str(refused.value)


def test_the_last_word_of_a_command_is_looked_through() -> None:
    """Whatever a driver may quote one day: what the environment holds is taken out of every error."""
    environ = {"REDIS_URL": "redis://:p%40w@h", "TVMIGRATE_ELASTICSEARCH_API_KEY": "k+y"}
    assert without_environs("AUTH p@w, p%40w, ApiKey k+y, k%2By", environ) == "AUTH ***, ***, ApiKey ***, ***"


def test_clients_show_no_password_of_their_own(stores: Stores) -> None:
    with Clients(stores.endpoints) as clients:
        assert "Geh3im" not in repr(clients.endpoints.read_only())
    shown = repr(Endpoints("redis://u:Geh3im@h", "http://u:Geh3im@h", "http://h?api_key=Geh3im"))
    assert shown == "Endpoints('redis://u:***@h', 'http://u:***@h', 'http://h?api_key=***')"


def test_a_command_that_is_judged_gets_secrets_in_its_urls_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert it, since its stores may be others than those that our environment speaks of: our own engines."""
    monkeypatch.setenv("TVMIGRATE_REDIS_PASSWORD", "Geh3im")
    monkeypatch.setenv("TVMIGRATE_ELASTICSEARCH_API_KEY_FILE", "/no/such")
    (tmp_path / WORK).mkdir()
    done = run_command("env", "migration", tmp_path, {"REDIS_URL": "redis://h"}, ignore)
    told = (tmp_path / "migration.log").read_text("utf-8")
    assert done.exit_code == 0
    assert "REDIS_URL=redis://h" in told
    assert "Geh3im" not in told
    assert "API_KEY" not in told
