"""`tvmigrate load`: fill the engines that the environment names from a dataset on disk."""

from __future__ import annotations

from pathlib import Path

import click

from tvmigrate.dataset.load import load as load_dataset
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import check_reachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.secrets import without_environs
from tvmigrate.errors import TvmigrateError
from tvmigrate.printable import one_line, printable
from tvmigrate.progress import on_stderr


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Remove what the dataset would create, and nothing else, first.")
def load(directory: Path, replace: bool) -> None:
    """Fill Redis, ClickHouse and Elasticsearch from the dataset in DIR.

    The engines are those that REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL name. Every line of DIR is checked
    before anything is written, and a load that fails removes what it had written.
    """
    try:
        endpoints = Endpoints.from_environ()
        dataset = Dataset.open(directory)
        check_reachable(endpoints)
        with on_stderr() as shown:
            report = load_dataset(dataset, endpoints, shown, replace=replace)
    except TvmigrateError as error:
        notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
        click.echo(printable(without_environs(f"Error: {error}{notes}")), err=True)
        raise click.exceptions.Exit(int(error.exit_code)) from error
    click.echo(
        f"{one_line(dataset.name)}: {report.redis_keys} keys, {sum(report.rows.values())} rows,"
        f" {sum(report.documents.values())} documents in {report.seconds:.1f} s"
    )


if __name__ == "__main__":
    load()
