"""Generated records as a dataset on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag

from tvmigrate.contract import old
from tvmigrate.contract.layout import Table
from tvmigrate.dataset.errors import DatasetError
from tvmigrate.dataset.generate import comments, keys, metrics
from tvmigrate.dataset.generate.index import MAPPINGS, SETTINGS
from tvmigrate.dataset.generate.size import Recipe
from tvmigrate.dataset.generate.source import Source, source
from tvmigrate.dataset.model import RowFormat
from tvmigrate.dataset.progress import Progress
from tvmigrate.dataset.read import CLICKHOUSE, ELASTICSEARCH, REDIS
from tvmigrate.dataset.write import RowsWriter, write_index, write_table, write_toml
from tvmigrate.events import Listener, ignore

BATCH = 20_000  # records a query: some 10 MB
SHOW = "the_voice"

Rows = Callable[[Recipe, int, int], str]


def generate_files(
    folder: Path, recipe: Recipe, listener: Listener = ignore, rows: RowFormat = "JSONEachRow", show: str = SHOW
) -> None:
    """Write the dataset of `recipe` into `folder`: made if it is not there, else it must be empty.

    `dataset.toml` comes last: a folder without it is one that was not finished, and nothing reads it as a dataset.

    Raises:
        DatasetError: the folder holds something, or cannot be written.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DatasetError(f"{folder} is there and is not an empty folder. Name one that is not there yet.")
        with source() as made:
            _redis(folder, recipe, made, listener)
            _clickhouse(folder, recipe, made, listener, rows)
            _elasticsearch(folder, recipe, made, listener)
        size = recipe.size
        note = f"Generated: {size.entities} entities, {size.comments} comments, seed {recipe.seed}, bad {recipe.bad:g}."
        write_toml(folder, "generated", show, note)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _redis(folder: Path, recipe: Recipe, made: Source, listener: Listener) -> None:
    progress = Progress("generate redis", "keys", listener, Flag())
    progress.start(None)
    with RowsWriter(folder / REDIS) as writer:
        for query in keys.queries(recipe):
            lines = made.rows(query)
            writer.write(lines)
            progress.step(lines.count(b"\n"))
    progress.finish()


def _clickhouse(folder: Path, recipe: Recipe, made: Source, listener: Listener, form: RowFormat) -> None:
    progress = Progress("generate clickhouse", "rows", listener, Flag())
    progress.start(recipe.size.rows)
    for table, count, select in tables(recipe):
        write_table(folder, table.name, table.create(old.DATABASE))
        base = folder / CLICKHOUSE / table.name
        if form == "Parquet":
            partial = base.with_suffix(".parquet.partial")
            made.parquet(select(recipe, 0, count), partial)
            _keep(partial, base.with_suffix(".parquet"))
            progress.step(count)
            continue
        with RowsWriter(base.with_suffix(".ndjson")) as writer:
            for start, part in batches(count):
                writer.write(made.rows(select(recipe, start, part)))
                progress.step(part)
    progress.finish()


def _elasticsearch(folder: Path, recipe: Recipe, made: Source, listener: Listener) -> None:
    progress = Progress("generate elasticsearch", "documents", listener, Flag())
    progress.start(recipe.size.documents)
    write_index(folder, old.INDEX.name, SETTINGS, MAPPINGS)
    with RowsWriter(folder / ELASTICSEARCH / f"{old.INDEX.name}.ndjson") as writer:
        for start, part in batches(recipe.size.documents):
            writer.write(made.lines(comments.documents(recipe, start, part)))
            progress.step(part)
    progress.finish()


def tables(recipe: Recipe) -> tuple[tuple[Table, int, Rows], ...]:
    """Return the old tables, each with its number of rows and what makes the SELECT of a part of them."""
    return (
        (old.COMMENTS, recipe.size.comments, comments.rows),
        (old.EAOS_METRICS, recipe.size.metric_rows, metrics.rows),
    )


def batches(count: int, size: int = BATCH) -> Iterator[tuple[int, int]]:
    """Yield (start, count) of parts of `count` records."""
    for start in range(0, count, size):
        yield start, min(size, count - start)


def _keep(partial: Path, path: Path) -> None:
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
