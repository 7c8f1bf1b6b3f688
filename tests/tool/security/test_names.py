"""Names that come from data are never SQL, a shell's words, a path, HTML or a terminal's commands."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.corpus.corpus import CLEAN
from tests.integrity.one_set import empty
from tests.tool.migrate.stores import ROOT, Stores, different
from tests.tool.migrate.test_commands import tvmigrate
from tvmigrate.cli import run
from tvmigrate.printable import one_line

# Each does harm where it is taken for what it is not.
HOSTILE = (
    "'; DROP TABLE tv_analytics.comments; --", '"; DROP DATABASE tv_analytics; --', "` `tv_analytics`.`comments", "\\'",
    "../../../tmp/evil", "$(touch evil)`touch evil`", "| touch evil", "\n; touch evil\n", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "\x1b[2J\x1b[1;31m", "\x1b]0;evil\x07", "\u202eevil\u2066", "a\x00b", "{{7*7}}",
    "{% raw %}", "%s%n", "x" * 4096, "*", "_all", "Error: forged\nVerdict: pass",
)  # fmt: skip
# Those that a table's file can be called as well.
TABLES = [
    name
    for name in HOSTILE
    if "/" not in name and name.isprintable() and len(name) < 200 and not {"`", "\\"} & set(name)
]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A dataset in which every name and text that a program may choose is one of these."""
    folder = tmp_path / "dataset"
    shutil.copytree(CLEAN, folder)
    keys, rows, metrics, documents = [], [], [], []
    for number, name in enumerate(HOSTILE):
        full = f"{number}{name}"
        body = {"score": 1, "positive": 1, "negative": 0, "neutral": 0, "total": 1, "timestamp": 1, name: name}
        item = {"entity": full, "value": 1, "timestamp": 1, name: name}
        for key, kind, value in (
            (f"eaos:{full}", "string", json.dumps(body)), (f"eaos:bad {full}", "string", name),
            (f"metrics:{full}", "list", [json.dumps(item), name]), (f"trend:{full}", "zset", [[name, 1]]),
            (f"other:{full}", "hash", {name: name}),
        ):  # fmt: skip
            keys.append({"db": 0, "key": key, "type": kind, "ttl_ms": None, "value": value})
        row = json.loads((CLEAN / "clickhouse" / "comments.ndjson").read_text("utf-8").splitlines()[0])
        changed = {"comment_id": full, "entity": full, "text": name, "username": name, "topics": name}
        rows += [row | changed, row | changed | {"comment_id": f"bad {full}", "sentiment": name}]
        metric = json.loads((CLEAN / "clickhouse" / "eaos_metrics.ndjson").read_text("utf-8").splitlines()[0])
        metrics += [metric | {"entity": full}, metric | {"entity": f"bad {full}", "sentiment_breakdown": name}]
        source = {
            "text": name, "entity": full, "timestamp": 1, "sentiment": "positive", "sentiment_score": 1,
            "engagement": 1, "topics": [name], "username": name, "raw": {name: name},
        }  # fmt: skip
        documents += [
            {"_id": full[:120], "_source": source},
            {"_id": f"b{full}"[:120], "_source": source | {"sentiment": name}},
        ]
    for path, more in (
        ("redis.ndjson", keys), ("clickhouse/comments.ndjson", rows), ("clickhouse/eaos_metrics.ndjson", metrics),
        ("elasticsearch/tv_comments.ndjson", documents),
    ):  # fmt: skip
        with (folder / path).open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(one)}\n" for one in more)
    for name in TABLES:
        text = f"CREATE TABLE tv_analytics.`{name}` (a String) ENGINE = MergeTree ORDER BY a"
        (folder / "clickhouse" / f"{name}.sql").write_text(text, "utf-8")
        (folder / "clickhouse" / f"{name}.ndjson").write_text('{"a": "x"}\n', "utf-8")
    return folder


def test_hostile_names_are_only_data_there_and_back(stores: Stores, hostile: Path, tmp_path: Path) -> None:
    """Assert that nothing but rows, keys and documents comes of them: no table goes, no file is made."""
    stores.fill(str(hostile))
    before = stores.picture()
    stores.state.parent.joinpath("here").mkdir()
    code, out, err = tvmigrate(stores, "plan", "--show", "the_voice")
    assert (code, out.endswith("Nothing stands in the way.\n")) == (0, True), f"{out[-2000:]}{err}"
    assert unprintable(out + err) == set()
    assert different(before, stores.picture()) == {}
    code, out, err = tvmigrate(stores, "capture", str(tmp_path / "captured"), "--show", "the_voice")
    assert (code, unprintable(out + err)) == (0, set()), err
    assert harmful(tmp_path / "captured") == []
    code, out, err = tvmigrate(stores, "apply", "--yes", "--show", "the_voice")
    assert code == 0, err
    assert unprintable(out + err) == set()
    lose(stores)
    words = ("verify", "--no-writers", "--rounds", "1", "--recheck", "0", "--report", str(tmp_path / "report"))
    code, out, err = tvmigrate(stores, *words, "--show-values")
    assert (code, unprintable(out + err)) == (1, set()), err
    assert all(f"FAIL live.{part}: " in out for part in ("redis.eaos", "clickhouse.comments", "elasticsearch.comments"))
    assert harmful(stores.state) == []
    code, out, err = tvmigrate(stores, "rollback", "--yes")
    assert code == 0, err
    assert different(before, stores.picture()) == {}
    assert list(stores.state.parent.rglob("evil")) == []
    assert not (ROOT / "evil").exists()


def lose(stores: Stores) -> None:
    """Remove all that was migrated, so that a look tells every name."""
    client = stores.clients
    client.redis.delete(*client.redis.scan_iter("eaos:current:*"))
    client.clickhouse.command("TRUNCATE TABLE tv_analytics.raw_comments")
    for hit in client.elasticsearch.search(index="tv_comments", size=1000)["hits"]["hits"]:
        client.elasticsearch.delete(index="tv_comments", id=hit["_id"])
    client.elasticsearch.indices.refresh(index="tv_comments")


def harmful(folder: Path) -> list[str]:
    """Return the files that are called as a hostile name has it, but for what a table may be called."""
    files = [path.name for path in folder.rglob("*") if path.is_file() and path.stem not in TABLES]
    return [name for name in files if any(piece in name for piece in ("evil", "DROP", "<", "$"))]


def unprintable(text: str) -> set[str]:
    return {char for char in text if not char.isprintable() and char != "\n"}


class Elements(HTMLParser):
    """Collects the scripts, and what has an attribute that runs something."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "iframe", "object"} or any(name.startswith("on") for name, _ in attrs):
            self.active.append(f"{tag} {attrs}")


def test_a_report_of_hostile_names_is_harmless(
    stores: Stores, hostile: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert it of a migration that did nothing, so that every name is told, with values shown."""
    for name, url in stores.endpoints.environ().items():
        monkeypatch.setenv(name, url)
    empty(stores.endpoints)
    report = tmp_path / "report"
    words = ["rehearse", "--engines", "live", "--dataset", str(hostile), "--show", "$(touch evil)".replace(" ", "_")]
    code = run([*words, "--migration", "true", "--rollback", "true", "--report", str(report), "--show-values"])
    said = capfd.readouterr()
    assert code == 1, said.err[-2000:]
    assert unprintable(said.out + said.err) == set()
    page = Elements()
    page.feed((report / "report.html").read_text("utf-8"))
    assert page.active == []
    assert ElementTree.parse(report / "junit.xml").getroot().tag == "testsuites"  # noqa: S314 - we wrote it
    assert unprintable((report / "summary.md").read_text("utf-8")) == set()
    assert "<script" not in (report / "summary.md").read_text("utf-8")
    verdict = json.loads((report / "verdict.json").read_text("utf-8"))
    assert verdict["verdict"] == "fail"
    shown = str(verdict["checks"])
    assert ("<script>alert(1)</script>" in shown, "not shown]" in shown + said.out) == (True, False)


def test_a_blocker_with_hostile_names_stays_one_line(stores: Stores) -> None:
    names = ("x\n  - forged", "the_voice/x\n  - forged")
    for name in names:
        stores.clients.redis.set(f"eaos:{name}", '{"score": 1, "positive": 1}')
    for command in (("plan",), ("apply", "--yes")):
        code, out, err = tvmigrate(stores, *command, "--show", "the_voice")
        assert code == 1
        assert [line for line in (out + err).splitlines() if line.startswith("  - forged")] == []
        assert all(one_line(name) in out + err for name in names)


def test_a_script_that_is_read_does_not_speak_for_lint(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "evil\x1b[2J.sh"
    script.write_text("redis-cli FLUSHALL # \x1b[2K\u202e0 error\n", "utf-8")
    assert run(["lint", str(script)]) == 1
    said = capfd.readouterr()
    assert "\\x1b[2K\\u202e0 error" in said.out
    assert unprintable(said.out + said.err) == set()


def test_a_dataset_does_not_speak_for_load(
    stores: Stores, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in stores.endpoints.environ().items():
        monkeypatch.setenv(name, url)
    folder = tmp_path / "dataset"
    shutil.copytree(CLEAN, folder)
    (folder / "dataset.toml").write_text('name = "\\u001b[2Jclean"\n', "utf-8")
    assert run(["load", str(folder), "--replace"]) == 0
    said = capfd.readouterr()
    assert said.out.startswith("\\x1b[2Jclean: ")
    assert unprintable(said.out + said.err) == set()
