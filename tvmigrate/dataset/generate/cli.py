"""`tvmigrate generate`: old-schema data of any size, as a dataset on disk or straight into the engines."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tvmigrate.dataset.generate.engines import generate_into_engines
from tvmigrate.dataset.generate.files import SHOW, generate_files
from tvmigrate.dataset.generate.size import Recipe, Size
from tvmigrate.engines.clients import check_reachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.progress import on_stderr

COMMENTS = 10_000
ENTITIES = 1_000


@click.command()
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--into-engines", is_flag=True, help="Fill the engines of the environment, which must be empty.")
@click.option("--comments", type=click.IntRange(min=0), metavar="N", help=f"Comments.  [default: {COMMENTS}]")
@click.option("--documents", type=click.IntRange(min=0), metavar="N", help="Those in Elasticsearch too, else all.")
@click.option("--entities", type=click.IntRange(min=0), metavar="N", help=f"Keys eaos:….  [default: {ENTITIES}]")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="F",
    help="Instead of counts: F times 500,000 keys, 10,000,000 rows and 200,000 documents.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="S", help="Another seed, other records.")
@click.option(
    "--bad", type=float, default=0.0, show_default=True, metavar="P", help="Share of records to be quarantined, 0 to 1."
)
@click.option(
    "--rows",
    type=click.Choice(["ndjson", "parquet"]),
    default="ndjson",
    show_default=True,
    help="The form of the rows in DIR; Parquet is smaller and loads faster.",
)
@click.option("--show", default=SHOW, show_default=True, metavar="NAME", help="The show that dataset.toml names.")
def generate(  # noqa: PLR0913, PLR0917 - an argument an option
    directory: Path | None,
    into_engines: bool,
    comments: int | None,
    documents: int | None,
    entities: int | None,
    scale: float | None,
    seed: int,
    bad: float,
    rows: str,
    show: str,
) -> None:
    """Generate old-schema data, the same for the same seed and size: a dataset in DIR, or straight into engines.

    Programs are skewed (a few have most of the comments), texts are Vietnamese, every dialect of the contract is
    there. With --bad 0 every record maps.
    """
    if (directory is None) == (not into_engines):
        raise UsageError("Say where the data goes: either DIR or --into-engines; exactly one of the two must be given.")
    if scale is not None and (comments, documents, entities) != (None, None, None):
        raise UsageError("--scale says all counts; --comments, --documents and --entities cannot be given with it.")
    if scale is None:
        size = Size.of(
            COMMENTS if comments is None else comments, ENTITIES if entities is None else entities, documents
        )
    else:
        size = Size.standard(scale)
    recipe = Recipe(size, seed, bad)
    started = time.monotonic()
    with on_stderr() as shown:
        if directory is not None:
            generate_files(directory, recipe, shown, "Parquet" if rows == "parquet" else "JSONEachRow", show)
        else:
            endpoints = Endpoints.from_environ()
            check_reachable(endpoints)
            generate_into_engines(endpoints, recipe, shown)
    click.echo(
        f"{directory or 'engines'}: {size.entities} entities, {size.rows} rows, {size.documents} documents"
        f" in {time.monotonic() - started:.1f} s"
    )
