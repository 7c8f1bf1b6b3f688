"""`tvmigrate capture`: read a live old system into a dataset."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from tvmigrate.capture.errors import CaptureRefused
from tvmigrate.capture.mask import LEAST_SECRET, Mask
from tvmigrate.capture.run import capture as run_capture
from tvmigrate.capture.sample import Sample
from tvmigrate.capture.work import Asked
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode
from tvmigrate.old_layout import read_old_layout
from tvmigrate.options import old_layout_option
from tvmigrate.printable import one_line, printable

MASK_KEY = "TVMIGRATE_MASK_KEY"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--show", metavar="NAME", help="The show that dataset.toml names.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    metavar="P",
    help="Take this share of the programs, 0 to 1, with their comments in all three stores.  [default: all]",
)
@click.option("--mask", is_flag=True, help="Put stand-ins of the same shape for texts and user names.")
@click.option(
    "--mask-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"The file of the secret that stand-ins are made with, else {MASK_KEY}.",
)
@click.option(
    "--max-rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Read at most N records a second.  [default: as fast as the store answers]",
)
@old_layout_option()
def capture(  # noqa: PLR0913, PLR0917 - one a option
    directory: Path,
    show: str | None,
    sample: float,
    mask: bool,
    mask_key: Path | None,
    max_rate: float | None,
    old_layout: Path | None,
) -> int:
    """Read a live old system into the dataset DIR, or go on where an interrupted capture stopped.

    The stores are those that REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL name. Nothing is written to them.
    """
    # Imported here, so that what only lists commands and options needs none of it.

    from tvmigrate.progress import on_stderr  # noqa: PLC0415

    layout = CONTRACT if old_layout is None else read_old_layout(old_layout)
    asked = Asked(Sample(sample), _mask(mask, mask_key), max_rate, layout)
    with on_stderr() as listener:
        dataset = run_capture(Endpoints.from_environ(), directory, asked, show, listener)
    click.echo(one_line(f"{dataset.path}: {dataset.note}"))  # names in it are data
    words = ["tvmigrate", "rehearse", "--dataset", str(dataset.path), "--show", show or "NAME"]
    click.echo(f"Rehearse on it: {printable(shlex.join(words))}")
    return ExitCode.PASS


def _mask(is_asked: bool, file: Path | None) -> Mask | None:
    if not is_asked:
        if file is not None:
            raise CaptureRefused("--mask-key is the secret of --mask, which was not given: say both, or neither.")
        return None
    try:
        secret = os.environ.get(MASK_KEY, "").encode() if file is None else file.read_bytes().strip()
    except OSError as error:
        raise CaptureRefused(f"The secret {file} cannot be read: {error.strerror}.") from error
    if len(secret) < LEAST_SECRET:
        raise CaptureRefused(
            f"--mask needs a secret of {LEAST_SECRET} bytes at least, and "
            f"{f'{file} has' if file else f'{MASK_KEY} has'} {len(secret)}. Make one, and keep it: the same secret "
            "gives the same stand-ins. `head -c 32 /dev/urandom | base64 > mask.key`, then "
            "`--mask --mask-key mask.key`."
        )
    return Mask(secret)
