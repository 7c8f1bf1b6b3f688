"""A backup can be trusted: what is not what was written is refused by name, and stores come back from it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests import profiles
from tests.tool.migrate.stores import FIXTURES, POLICY, Stores, different, item
from tvmigrate.contract import old
from tvmigrate.contract.layout import Table
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.dataset.errors import DatasetError
from tvmigrate.migrate import backup_check, manifest, room, run
from tvmigrate.migrate.backup_cli import backup
from tvmigrate.migrate.errors import BackupRefused, Blocked
from tvmigrate.migrate.restore import restore

RUN = "20260101_000000_aaaa"
FILES = {
    "dataset.toml": (f'name = "{RUN}"\n'.encode(), 0),
    "redis.ndjson": (b'{"db":0,"key":"eaos:a","type":"string","ttl_ms":null,"value":"{}"}\n', 1),
    "clickhouse/comments.ndjson": (b'{"comment_id":"a"}\n{"comment_id":"b"}\n', 2),
}


def written(folder: Path, run_id: str = RUN) -> Path:
    """Write a small backup without any store; return the run's folder."""
    parts = []
    for name, (content, records) in FILES.items():
        raw = content.replace(RUN.encode(), run_id.encode())
        path = folder / "backup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        parts.append(manifest.Listed(name, records, len(raw), hashlib.sha256(raw).hexdigest()))
    manifest.write(folder, manifest.Manifest(run_id, "es ch", 0, {}, tuple(parts)))
    return folder


def sign(folder: Path, **changed: object) -> None:
    """Write a manifest anew, with its own digest right."""
    body = json.loads((folder / "manifest.json").read_text()) | changed
    del body["sha256"]
    body["sha256"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(body))


def edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return spoil


def flipped(raw: bytes) -> bytes:
    return raw[:20] + bytes([raw[20] ^ 1]) + raw[21:]


def of_another_run(folder: Path) -> None:
    other = written(folder.with_name("20260202_000000_bbbb"), "20260202_000000_bbbb")
    shutil.copy(other / "manifest.json", folder / "manifest.json")


ROWS = "backup/clickhouse/comments.ndjson"
SHA = hashlib.sha256(FILES["clickhouse/comments.ndjson"][0]).hexdigest()
FLIPPED = hashlib.sha256(flipped(FILES["clickhouse/comments.ndjson"][0])).hexdigest()
SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (
        edit(ROWS, lambda raw: raw[:19]),
        "the file clickhouse/comments.ndjson is truncated: it has 19 of 38 bytes",
    ),
    "flipped": (
        edit(ROWS, flipped),
        f"the file clickhouse/comments.ndjson has other content: sha256 {FLIPPED}, expected {SHA}",
    ),
    "longer": (
        edit(ROWS, lambda raw: raw + b"{}\n"),
        "the file clickhouse/comments.ndjson is too long: it has 41 bytes instead of 38",
    ),
    "missing": (lambda folder: (folder / ROWS).unlink(), "the file clickhouse/comments.ndjson is missing"),
    "stranger": (
        lambda folder: (folder / "backup" / "notes.txt").write_text("mine"),
        "the file notes.txt does not belong to it",
    ),
    "wrong_count": (
        lambda folder: sign(
            folder,
            parts=[
                part | {"records": part["records"] + (part["file"] == "redis.ndjson")}
                for part in json.loads((folder / "manifest.json").read_text())["parts"]
            ],
        ),
        "the file redis.ndjson has 1 records, and its manifest says 2",
    ),
    "manifest_flipped": (
        edit("manifest.json", lambda raw: raw.replace(b'"records": 2', b'"records": 3')),
        "manifest.json is damaged: its content has not the sha256 that stands in it",
    ),
    "manifest_truncated": (
        edit("manifest.json", lambda raw: raw[:-20]),
        "manifest.json is damaged: it is no JSON",
    ),
    "no_manifest": (
        lambda folder: (folder / "manifest.json").unlink(),
        "it has no manifest.json, which a run writes when its backup is whole; name the folder of such a run",
    ),
    "no_manifest_at_all": (
        edit("manifest.json", lambda raw: b"[]"),
        "manifest.json is not the manifest of a backup",
    ),
    "foreign_manifest": (
        of_another_run,
        f"its manifest is of the run 20260202_000000_bbbb, a foreign one: the folder is of the run {RUN}; its files "
        f"are of the run {RUN}, foreign ones: the manifest is of the run 20260202_000000_bbbb; the file dataset.toml "
        f"has other content: sha256 {hashlib.sha256(FILES['dataset.toml'][0]).hexdigest()}, expected "
        + hashlib.sha256(b'name = "20260202_000000_bbbb"\n').hexdigest(),
    ),
    "older_format": (
        edit("manifest.json", lambda raw: b'{"run": "x", "parts": []}'),
        "it is of format 1, and this tvmigrate reads format 2: tvmigrate before 0.1.0 made it, use that version",
    ),
    "other_contract": (
        lambda folder: sign(folder, contract=7, tvmigrate="9.9.9"),
        "it is of contract 7, and this tvmigrate reads contract 1: tvmigrate 9.9.9 made it, use that version",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "says"), SPOILED.values(), ids=SPOILED.keys())
def test_a_backup_that_is_not_what_was_written_is_refused_by_name(
    tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    folder = written(tmp_path / "runs" / RUN)
    backup_check.check(folder)
    spoil(folder)
    told = CliRunner().invoke(backup, ["verify", str(folder)])
    assert isinstance(told.exception, BackupRefused)
    assert str(told.exception) == f"The backup {folder} is refused: {says}."
    assert told.exception.exit_code == 1


@pytest.mark.parametrize("end", [".partial", ".zst.partial", ".gz.partial", ".unpacked.partial", ".unpacked"])
def test_what_a_killed_command_left_half_made_is_no_stranger(tmp_path: Path, end: str) -> None:
    folder = written(tmp_path / "20260101_000000_aaaa", "20260101_000000_aaaa")
    (folder / f"{ROWS}{end}").write_text("hal")
    assert backup_check.check(folder).run == folder.name


def test_verify_tells_each_file_of_a_whole_backup(tmp_path: Path) -> None:
    folder = written(tmp_path / "copied")
    told = CliRunner().invoke(backup, ["verify", str(folder / "backup")], standalone_mode=False)
    assert told.exception is None
    assert told.return_value == 0
    assert f"clickhouse/comments.ndjson: 2 records, 38 bytes, sha256 {SHA}" in told.output
    assert told.output.splitlines()[-1].startswith(f"Whole: the backup of the run {RUN} in {folder}, made by ")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused) as refused:
        backup_check.find(tmp_path / "nothing")
    assert str(refused.value) == f"The backup {tmp_path / 'nothing'} is refused: it is no folder."


def test_another_old_layout_is_another_contract() -> None:
    """A backup holds the old layout: whoever changes that counts `manifest.CONTRACT` up, and says so here."""

    def told(table: Table) -> object:
        return table.name, [(column.name, column.type) for column in table.columns]

    layout = [
        old.EAOS_PREFIX, old.TREND_PREFIX, old.METRICS_PREFIX, old.REDIS_DB, old.DATABASE, old.INDEX.name,
        *map(told, old.TABLES),
    ]  # fmt: skip
    digest = hashlib.sha256(repr(layout).encode()).hexdigest()
    assert (manifest.CONTRACT, digest) == (1, "26c0b43665c62742271774ba978ef545a6fa26cfacf60bc024cade0a53dcd12f")


# ------------------------------------------------------------------------------------------------- with running stores


def test_a_damaged_backup_stops_rollback_and_finish_before_anything_changes(stores: Stores) -> None:
    before = stores.picture()
    stores.apply()
    migrated = stores.picture()
    folder = stores.folder()
    file = folder / "backup" / "clickhouse" / "comments.ndjson"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    says = f"is truncated: it has {len(whole) - 1} of {len(whole)} bytes."
    with pytest.raises(BackupRefused) as refused:
        stores.rollback()
    assert str(refused.value) == (
        f"The backup {folder} is refused: the file clickhouse/comments.ndjson {says} Nothing was changed: the new data "
        "stand. Put the folder back as it was, from a copy of it, then run `tvmigrate rollback` again. Where only "
        "files of ClickHouse or Elasticsearch are damaged, `tvmigrate rollback --accept-damaged-backup` goes back "
        "without them: those two stores hold kept copies."
    )
    with pytest.raises(BackupRefused) as refused:
        stores.finish()
    assert str(refused.value) == (
        f"The backup {folder} is refused: the file clickhouse/comments.ndjson {says} The kept copies stay: without a "
        "whole backup they are all there is."
    )
    assert different(migrated, stores.picture()) == {}
    run.rollback(stores.endpoints, stores.state, stores.hear, accept_damaged=True)
    assert different(before, stores.picture()) == {}


def test_a_backup_of_another_run_or_other_stores_stops_a_rollback(stores: Stores) -> None:
    done = stores.apply()
    assert done.run is not None
    folder = stores.folder()
    sign(folder, system="other stores")
    with pytest.raises(BackupRefused) as refused:
        stores.rollback()
    assert refused.value.problems == (
        f"its manifest is of the stores other stores, foreign: this is the stores {done.run.system}",
        "its manifest is another one than the run wrote",
    )
    sign(folder, run=RUN)
    with pytest.raises(BackupRefused) as refused:
        stores.rollback()
    assert refused.value.problems[:2] == (
        f"its manifest is of the run {RUN}, a foreign one: the folder is of the run {done.run.id}",
        f"its files are of the run {done.run.id}, foreign ones: the manifest is of the run {RUN}",
    )


def test_an_interrupted_run_does_not_go_on_with_a_damaged_backup(stores: Stores) -> None:
    before = stores.picture()
    stores.killed("apply", "compare.redis")
    file = stores.folder() / "backup" / "redis.ndjson"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"0.", b"1."))
    with pytest.raises(BackupRefused, match=r"redis.ndjson has other content.*; run `tvmigrate rollback`\.$"):
        stores.apply(None)
    file.write_bytes(whole)
    stores.rollback()
    assert different(before, stores.picture()) == {}


@pytest.mark.parametrize("how", ["zstd", "gzip"] if profiles.is_nightly() else ["zstd"])
def test_a_compressed_backup_is_verified_restored_and_rolled_back_from(
    stores: Stores, how: str, tmp_path: Path
) -> None:
    stores.clients.redis.rpush("metrics:mixed", "0.5", item("mixed", 1, 1))
    before = stores.picture()
    run.apply(stores.endpoints, POLICY, None, stores.state, stores.hear, compress=how)
    folder = stores.folder()
    end = {"zstd": ".zst", "gzip": ".gz"}[how]
    names = {path.relative_to(folder / "backup").as_posix() for path in (folder / "backup").rglob("*.ndjson*")}
    assert names == {
        f"{name}.ndjson{end}" for name in ("redis", "clickhouse/comments", "clickhouse/eaos_metrics",
                                          "elasticsearch/tv_comments")
    }  # fmt: skip
    backup_check.check(folder)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    packed = folder / "backup" / f"redis.ndjson{end}"
    whole = packed.read_bytes()
    for spoiled in (whole[: len(whole) // 2], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        packed.write_bytes(spoiled)
        with pytest.raises(BackupRefused, match=rf"redis.ndjson\{end} (is damaged|is truncated|has other content)"):
            stores.rollback()
    packed.write_bytes(whole)
    stores.rollback()
    assert different(before, stores.picture()) == {}
    empty(stores)
    restore(stores.endpoints, copy, stores.hear)
    unrelated = {name for name in before if name.startswith("redis") and not name.startswith(OLD)}
    assert set(different(meaning(before), meaning(stores.picture()))) == unrelated


OLD = ("redis 0 b'eaos:", "redis 0 b'trend:", "redis 0 b'metrics:")


def meaning(picture: dict[str, object]) -> dict[str, object]:
    """Return a picture without the uuid of a table, which is another one when it is made anew."""
    return {
        name: (value[0], value[2]) if name.startswith("clickhouse") and isinstance(value, tuple) else value
        for name, value in picture.items()
    }


def empty(stores: Stores) -> None:
    stores.clients.redis.flushall()
    stores.clients.clickhouse.command(f"DROP DATABASE {old.DATABASE} SYNC")
    stores.clients.elasticsearch.indices.delete(index=old.INDEX.name)


def test_every_store_comes_back_from_a_backup_alone(stores: Stores) -> None:
    """Into empty stores; a key whose time ran out since stays gone, the others end when they would have."""
    redis = stores.clients.redis
    redis.set("eaos:brief", '{"score": 1, "positive": 1}', px=600_000)
    redis.set("eaos:long", '{"score": 1, "positive": 1}', px=3_600_000)
    before = stores.picture()
    done = stores.apply()
    folder = stores.folder()
    body = json.loads((folder / "manifest.json").read_text())
    sign(folder, redis_epoch_ms=body["redis_epoch_ms"] - 1_200_000)  # it was made twenty minutes ago
    stores.fill("clean")
    with pytest.raises(DatasetError, match="already hold what the dataset would create"):
        restore(stores.endpoints, folder, stores.hear)
    empty(stores)
    restored = restore(stores.endpoints, folder, stores.hear)
    assert done.run is not None
    assert (restored.run, restored.expired) == (done.run.id, 1)
    expected = meaning(before)
    for name, value in before.items():
        if name.startswith("redis"):
            kind, content, expires = value
            moved = None if expires is None else expires - 1200
            gone = not name.startswith(OLD) or (moved is not None and moved <= redis.time()[0])
            expected[name] = None if gone else (kind, content, moved)
    assert different(expected, meaning(stores.picture())) == {}
    stores.apply()


def test_files_of_a_run_are_their_owners_alone(stores: Stores) -> None:
    stores.state.mkdir(mode=0o700)
    stores.apply()
    stores.clients.redis.hset("eaos:current:the_voice/contestant_1", "score", "0.5")
    (stores.folder() / "ledger.json").chmod(0o644)  # as an older version left it
    stores.rollback()
    modes = {stat.filemode(path.stat().st_mode) for path in stores.state.rglob("*")}
    assert modes == {"-rw-------", "drwx------"}


def test_a_backup_that_does_not_fit_is_a_blocker_with_its_size(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(free: int) -> None:
        monkeypatch.setattr(room.shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(0, 0, free))  # type: ignore[attr-defined]

    of(1000)
    with pytest.raises(Blocked) as blocked:
        stores.apply()
    (sentence,) = blocked.value.blockers
    assert sentence.startswith("The backup will take about ")
    assert sentence.endswith(
        "; 1.0 kB are free there. Make room, name a directory on another disk with --state DIR, or say --assume-room "
        "if that is wrong."
    )
    # What Redis says that its data take is another number at another moment.
    sizes = r"about \d+(\.\d)? [kMG]?B"
    assert len(re.findall(sizes, sentence)) == 2
    assert [re.sub(sizes, "…", said) for said in stores.plan().blockers] == [re.sub(sizes, "…", sentence)]
    of(10**12)
    assert stores.plan().remarks[-1].endswith("; 1.0 TB are free there.")
    folder = FIXTURES / "clean"
    size = sum(path.stat().st_size for path in folder.rglob("*.ndjson"))
    there = room.look(stores.endpoints, stores.clients, CONTRACT, stores.state)
    assert size / 4 < there.backup < 20 * size + (4 << 20)
