"""Texts and user names are told by nothing that a command says or reports, unless asked for."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.corpus import CLEAN
from tests.integrity.one_set import empty
from tests.tool.migrate.stores import Stores
from tests.tool.migrate.test_commands import tvmigrate
from tests.tool.report.samples import TEXT, WRONG_TEXT, result
from tvmigrate.pytest_plugin import Outcome
from tvmigrate.settings import Asked
from tvmigrate.verify.findings import State

PLANTED = ("Plantedtext", "Planteduser")  # what begins every text and every user name
BREAK = """
import os, clickhouse_connect, elasticsearch, redis
rows = clickhouse_connect.get_client(dsn=os.environ["CLICKHOUSE_URL"])
change = "ALTER TABLE tv_analytics.{} UPDATE {} WHERE 1 SETTINGS mutations_sync = 2"
rows.command(change.format("raw_comments", "text = upper(text), username = concat(username, '!')"))
rows.command(change.format("migration_quarantine", "record = upper(record)"))
rows.command(change.format("migration_archive", "fields = upper(fields)"))
keys = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
for key in keys.scan_iter("events:*"):
    keys.lset(key, 0, keys.lindex(key, 0).upper())
for key in keys.scan_iter("other:*"):
    keys.set(key, keys.get(key).upper())
documents = elasticsearch.Elasticsearch(os.environ["ELASTICSEARCH_URL"])
for number, hit in enumerate(documents.search(index="tv_comments", size=50)["hits"]["hits"]):
    said = hit["_source"]
    if number % 3:
        documents.index(index="tv_comments", id=hit["_id"], document=said | {"text": said["text"].upper()})
    else:
        documents.index(index="tv_comments", id=f"copy {hit['_id']}", document=said | {"username": "PLANTEDUSER"})
documents.indices.refresh(index="tv_comments")
"""


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """The clean dataset with planted texts and user names, some in records that are refused or archived."""
    folder = tmp_path / "private"
    shutil.copytree(CLEAN, folder)
    for path in (folder / "clickhouse" / "comments.ndjson", folder / "elasticsearch" / "tv_comments.ndjson"):
        lines = []
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            record = json.loads(line)
            said = record.get("_source", record)
            for name in said:
                if name in {"text", "content", "comment_text"}:
                    said[name] = f"{PLANTED[0]} {number} {said[name]}"
                elif name in {"username", "user", "author"}:
                    said[name] = f"{PLANTED[1]} {number}"
            if number % 5 == 0:
                said["sentiment"] = "???"
            if number % 7 == 0 and said is not record:
                said["reply_to"] = f"{PLANTED[1]} {number}"
            lines.append(json.dumps(record, ensure_ascii=False))
        path.write_text("\n".join(lines) + "\n", "utf-8")
    item = json.dumps({"entity": "contestant_1", "value": 1, "timestamp": 1764300000, "said": PLANTED[0]})
    keys = [
        {"db": 0, "key": "metrics:said", "type": "list", "ttl_ms": None, "value": [item, PLANTED[0]]},
        {"db": 0, "key": "other:said", "type": "string", "ttl_ms": None, "value": f"{PLANTED[1]} wrote"},
        {"db": 0, "key": "eaos:said", "type": "string", "ttl_ms": None, "value": json.dumps({"score": PLANTED[0]})},
    ]
    with (folder / "redis.ndjson").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(key)}\n" for key in keys)
    return folder


def told(text: str) -> set[str]:
    """Return the planted words that a text holds."""
    return {word for word in PLANTED if word.lower() in text.lower()}


def told_by(folder: Path) -> dict[str, set[str]]:
    """Return what each file below a folder tells, of those that tell anything."""
    found = {path.name: told(path.read_text("utf-8", "replace")) for path in folder.rglob("*") if path.is_file()}
    return {name: words for name, words in found.items() if words}


def breaking(folder: Path, command: str) -> str:
    """Return a migration or rollback of ours, after which something else changes what it made."""
    script = folder / "break.py"
    script.write_text(BREAK, "utf-8")
    python = shlex.quote(sys.executable)
    return f"{python} -m tvmigrate {command} --yes && {python} {shlex.quote(str(script))}"


def test_a_rehearsal_tells_no_text_and_no_user_name(stores: Stores, private: Path, tmp_path: Path) -> None:
    """Assert it of both outputs and of every file; test_names.py and tests/tool/report have it with `--show-values`."""
    empty(stores.endpoints)
    words = ["rehearse", "--engines", "live", "--dataset", str(private), "--show", "the_voice"]
    words += ["--migration", breaking(tmp_path, "apply"), "--annotations", "gitlab"]
    code, out, err = tvmigrate(stores, "--log-format", "json", *words, "--report", str(tmp_path / "report"))
    assert code == 1, err[-2000:]
    verdict = json.loads((tmp_path / "report" / "verdict.json").read_text("utf-8"))
    found = {check["id"] for check in verdict["checks"] if check["findings_total"]}
    assert {"clickhouse.comments", "elasticsearch.comments", "redis.metric", "redis.unrelated"} <= found
    assert (told(out + err), told_by(tmp_path / "report")) == (set(), {})


def test_a_look_at_live_stores_tells_no_text_and_no_user_name_unless_asked_for(
    stores: Stores, private: Path, tmp_path: Path
) -> None:
    stores.fill(str(private))
    code, out, err = tvmigrate(stores, "apply", "--yes", "--show", "the_voice")
    assert (code, told(out + err)) == (0, set())
    (tmp_path / "break.py").write_text(BREAK, "utf-8")
    environ = {**os.environ, **stores.endpoints.environ()}
    subprocess.run([sys.executable, str(tmp_path / "break.py")], env=environ, check=True)
    words = ["verify", "--no-writers", "--rounds", "1", "--recheck", "0"]
    code, out, err = tvmigrate(stores, "--log-format", "json", *words, "--report", str(tmp_path / "report"))
    assert code == 1, err
    assert "FAIL live.clickhouse.comments" in out
    assert (told(out + err), told_by(tmp_path / "report")) == (set(), {})
    code, out, err = tvmigrate(stores, *words, "--show-values", "--report", str(tmp_path / "report"))
    shown = told_by(tmp_path / "report")
    assert told(out) == shown["live.json"] == set(PLANTED)
    assert shown["live.html"]


def test_a_failed_test_of_the_suite_tells_no_text_unless_asked_for(tmp_path: Path) -> None:
    failed = result(State.FAIL, "clickhouse.comments", findings=(WRONG_TEXT,), findings_total=1)
    for shows in (False, True):
        with pytest.raises(pytest.fail.Exception) as failure:
            Outcome(None, [failed], Asked(tmp_path, show_values=shows)).passes("clickhouse.comments")  # type: ignore[arg-type]
        assert (TEXT in str(failure.value)) is shows
