"""Real records, mutated byte by byte, through the migration and the verification: `python -m tests.corpus.fuzz`.

What it looks for is a traceback, a record without a fate, or a finding of the verification about our own migration.
Whatever it finds is left as a dataset, and belongs into `records/` with what the contract makes of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests import profiles
from tests.corpus.corpus import CLEAN, INDEX, cell, lines
from tests.integrity.one_set import rehearsal_on
from tests.tool.fixtures.test_fixtures import raw
from tvmigrate.contract.outcome import LedgerLine
from tvmigrate.dataset.errors import DatasetError
from tvmigrate.dataset.redis_form import from_bytes
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.findings import CheckResult, State

STANDARD = CLEAN.parent / "standard"
EACH = 250  # records of each kind in one round
_LINE = re.compile(r"tv_comments\.ndjson, line (\d+)")
# What breaks readers more often than chance does.
TOKENS = [
    token.encode("utf-8", "surrogatepass")
    for token in (
        "\x00", "\ufeff", "\u0130", "\u200b", "\u00a0", "\U0001f3a4", "\ud800", '"', "\\", "\\u0000", "\\ud83d",
        "{", "}", "[", "]", ",", ":", "null", "true", "NaN", "-Infinity", "1e400", "-0", "-0.0", "1e-400",
        "18446744073709551616", "9223372036854775808", "0.1", "e5", "+", "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z", "24:00:00", "tích cực", "TÍCH CỰC", "%", "'", "`", ";", "--", "/",
        "../", "*", "\n", "\r", "\t", "\x1b[31m", "\u202e", '"score":', '"metadata":', '"timestamp":',
        '"entity":', '"value":', '"positive":', '"text":', " (again)",
    )
]  # fmt: skip


def mutated(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return `data` after one to four small changes."""
    for _ in range(chance.randint(1, 4)):
        here = chance.randint(0, len(data))
        there = min(len(data), here + chance.randint(0, 8))
        match chance.randrange(9):
            case 0:
                data = data[:here] + bytes([chance.randrange(256)]) + data[here + 1 :]
            case 1:
                data = data[:here] + data[there:]
            case 2:
                data = data[:there] + data[here:]
            case 3 | 4:
                data = data[:here] + chance.choice(TOKENS) + data[there:]
            case 5:
                other = chance.choice(others)
                data = data[:here] + other[chance.randint(0, len(other)) :]
            case 6:
                data = data[:here]
            case 7:
                numbers = list(re.finditer(rb"-?\d+(\.\d+)?", data))
                if numbers:
                    found = chance.choice(numbers)
                    data = data[: found.start()] + chance.choice(TOKENS) + data[found.end() :]
            case _:
                depth = chance.choice((3, 150, 250))
                data = data[:here] + b"[" * depth + data[here:there] + b"]" * depth + data[there:]
    return data


class Fuzz:
    """Rounds on engines that run."""

    def __init__(self, endpoints: Endpoints, seed: int) -> None:
        self.endpoints = endpoints
        self.chance = random.Random(seed)  # noqa: S311
        keys = [*_read(STANDARD / "redis.ndjson"), *lines("redis")]
        self.strings = [raw(one["value"]) for one in keys if one["type"] == "string"]
        self.items = [raw(item) for one in keys if one["type"] == "list" for item in one["value"]]
        self.names = [raw(one["key"]).partition(b":")[2] for one in keys]
        self.rows = {table: _rows_of(table) for table in ("comments", "eaos_metrics")}
        mapped = ("es-wide", "replies")  # their fields are looked at, and would be refused
        self.documents = [
            one["source"].encode() for one in lines("documents") if not any(word in str(one) for word in mapped)
        ]
        with (STANDARD / "elasticsearch" / "tv_comments.ndjson").open("rb") as file:
            self.documents += [line[line.index(b'"_source"') + 10 : -2].strip(b": ") for line in file][:2000]

    def round(self, folder: Path) -> list[str]:
        """Write a dataset, run it there and back, and return what went wrong."""
        self._write(folder)
        for _ in range(60):
            try:
                with rehearsal_on(self.endpoints, folder) as rehearsal:
                    results = [*rehearsal.migrated(), *rehearsal.rolled_back()]
                    return list(_wrong(results, rehearsal.verdict().ledger))
            except DatasetError as refused:
                self._drop(folder / "elasticsearch" / "tv_comments.ndjson", str(refused))
        return ["60 documents in a row were refused by Elasticsearch"]

    def _drop(self, path: Path, sentence: str) -> None:
        """Take out the document that Elasticsearch does not take: it cannot be in an old system."""
        match = _LINE.search(sentence)
        assert match is not None, sentence
        kept = path.read_bytes().splitlines(keepends=True)
        del kept[int(match[1]) - 1]
        path.write_bytes(b"".join(kept))

    def _write(self, folder: Path) -> None:
        (folder / "clickhouse").mkdir(parents=True)
        (folder / "elasticsearch").mkdir()
        (folder / "dataset.toml").write_text('name = "fuzz"\n', "utf-8")
        (folder / "redis.ndjson").write_bytes(b"".join(self._keys()))
        for table, rows in self.rows.items():
            shutil.copy(CLEAN / "clickhouse" / f"{table}.sql", folder / "clickhouse")
            made = (self._row(self.chance.choice(rows)) for _ in range(EACH))
            (folder / "clickhouse" / f"{table}.ndjson").write_bytes(b"".join(made))
        (folder / "elasticsearch" / "tv_comments.json").write_text(json.dumps(INDEX), "utf-8")
        (folder / "elasticsearch" / "tv_comments.ndjson").write_bytes(b"".join(self._documents()))

    def _keys(self) -> Iterator[bytes]:
        for number in range(EACH):
            name = mutated(self.chance, self.chance.choice(self.names), self.names)
            value = mutated(self.chance, self.chance.choice(self.strings), self.strings)
            yield _key(b"eaos:%b #%d" % (name, number), "string", from_bytes(value))
        for number in range(10):
            name = mutated(self.chance, self.chance.choice(self.names), self.names)
            made = (mutated(self.chance, self.chance.choice(self.items), self.items) for _ in range(EACH // 10))
            yield _key(b"metrics:%b #%d" % (name, number), "list", [from_bytes(item) for item in made])
            members = {mutated(self.chance, one, self.names): number for one in self.chance.sample(self.names, 5)}
            pairs = [[from_bytes(member), score] for member, score in members.items()]
            yield _key(b"trend:%b#%d" % (name, number), "zset", pairs)

    def _row(self, row: dict[str, Any]) -> bytes:
        texts = [column for column in row if not column.endswith(("_at", "score", "engagement", "count"))]
        changed = dict(row)
        for column in self.chance.sample(texts, self.chance.randint(1, 2)):
            value = raw(row[column])
            changed[column] = from_bytes(mutated(self.chance, value, [value, *self.strings]))
        return b"{%b}\n" % b", ".join(b'"%b": %b' % (column.encode(), cell(value)) for column, value in changed.items())

    def _documents(self) -> Iterator[bytes]:
        number = 0
        while number < EACH:
            source = mutated(self.chance, self.chance.choice(self.documents), self.documents)
            try:
                parsed = json.loads(source, object_pairs_hook=_once)
            except (ValueError, RecursionError):
                continue  # Elasticsearch holds only what is JSON, and no name twice
            if isinstance(parsed, dict) and b"\n" not in source and b"NaN" not in source and b"Infinity" not in source:
                number += 1
                yield b'{"_id": "fuzz-%d", "_source": %b}\n' % (number, source)


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _rows_of(table: str) -> list[dict[str, Any]]:
    found = _read(CLEAN / "clickhouse" / f"{table}.ndjson")
    return [*found, *({**found[0], **line["row"]} for line in lines(table))]


def _key(name: bytes, kind: str, value: Any) -> bytes:
    return json.dumps({"db": 0, "key": from_bytes(name), "type": kind, "ttl_ms": None, "value": value}).encode() + b"\n"


def _wrong(results: Sequence[CheckResult], ledger: Sequence[LedgerLine]) -> Iterator[str]:
    for one in results:
        if one.state in {State.FAIL, State.ERROR}:
            yield f"{one.id}: {one.error or ''} {[(f.old, f.note, f.expected, f.actual) for f in one.findings[:3]]}"[
                :2000
            ]
    yield from (f"unbalanced: {line}" for line in ledger if not line.balanced)


def main() -> int:
    """Run rounds until the time is over or something is found."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=profiles.seed())
    parser.add_argument("--keep", type=Path, default=None, help="where a dataset with something found goes")
    asked = parser.parse_args()
    ends, rounds, failed = time.monotonic() + asked.minutes * 60, 0, 0
    keep = asked.keep or Path(tempfile.mkdtemp(prefix="fuzz-found-"))
    with EmbeddedEngines() as engines:
        while time.monotonic() < ends:
            seed = asked.seed + rounds
            with tempfile.TemporaryDirectory() as folder:
                dataset = Path(folder) / "dataset"
                wrong = Fuzz(engines.endpoints, seed).round(dataset)
                rounds += 1
                if wrong:
                    failed += 1
                    kept = keep / f"seed-{seed}"
                    shutil.copytree(dataset, kept)
                    print(f"seed {seed}, {kept}:", *wrong, sep="\n  ", flush=True)  # noqa: T201
    print(f"{rounds} rounds of {5 * EACH} mutated records, {failed} with something found{os.linesep}", end="")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
