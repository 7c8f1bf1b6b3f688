"""`python scripts/seed_sample_data_v2.py`: sample data of the new layout, the same from the same seed."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import fields

import click

from src.errors import AppError
from src.settings import Urls
from src.setup import initialise
from src.setup.outcome import InTheWay, ending
from src.setup.sample import present
from src.setup.sample.plan import Plan
from src.setup.sample.progress import Progress
from src.setup.sample.write import Written, write
from src.setup.stores import Stores
from src.storage import times
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2
from src.storage.redis_client_v2 import RedisClientV2
from tvmigrate.contract.policy import Policy
from tvmigrate.errors import UsageError

SHOW = "sample_show"
UNTIL = "2025-11-20T14:00:00Z"
NOW = "now"
# The years of ClickHouse's DateTime, which the aggregates' buckets are.
_FIRST, _LAST = dt.datetime(1970, 1, 2, tzinfo=dt.UTC), dt.datetime(2106, 1, 1, tzinfo=dt.UTC)
_ANSWER_S = 60.0
_REFUSED = "run again with --replace, which removes them first, or with another --show"


def _until(_context: click.Context, _option: click.Parameter, value: str) -> dt.datetime:
    if value == NOW:
        return times.now().replace(second=0, microsecond=0)
    try:
        moment = times.of_stored(value)
    except ValueError as why:
        raise click.BadParameter(f"{why}; expected is `{NOW}` or a time such as {UNTIL}.") from None
    if not _FIRST <= moment <= _LAST:
        raise click.BadParameter(f"{value} is outside the years 1970 to 2105, which the tables can hold.")
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _show(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        Policy(show=value)  # the one place that knows what a show's name may hold
    except UsageError as why:
        raise click.BadParameter(str(why)) from None
    return value


@click.command(help="Write sample data to all three stores: comments, and everything that follows from them.")
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="Comments to write.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same records.")
@click.option(
    "--show", callback=_show, default=SHOW, show_default=True, metavar="NAME", help="First part of each program id."
)
@click.option(
    "--until",
    callback=_until,
    default=UNTIL,
    show_default=True,
    metavar="TIME",
    help="When the last comment was written at the latest; the first is up to three hours older. `now` is the present "
    "minute, and makes other records each time.",
)
@click.option("--replace", is_flag=True, help="Remove sample data of the same show first.")
@click.option("--remove", is_flag=True, help="Remove sample data of the same show, and write none.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=initialise.WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the stores to answer, all three together.",
)
@ending
def seed_sample_data(
    count: int, seed: int, show: str, until: dt.datetime, replace: bool, remove: bool, wait_s: float
) -> None:
    """Refuse, or write; with `remove` take away what was written."""
    if replace and remove:
        raise click.UsageError("--replace writes sample data anew and --remove writes none: give one of the two.")
    plan, urls = Plan(count, seed, show, until), Urls.from_environ()
    with Stores(urls).open(wait_s) as stores:
        _require_layout(stores)
        there = present.look(stores, plan)
        if there.counts:
            _require_own(plan, there, replace or remove)
            present.remove(stores, plan)
            click.echo(f"removed: the earlier sample data of {show}")
        elif remove:
            click.echo(f"There is no sample data of {show}.")
    if remove:
        return
    click.echo(_said(plan, asyncio.run(_write(plan, urls))))


def _require_layout(stores: Stores) -> None:
    looks = initialise.look(stores)
    initialise.refuse(looks)
    if missing := [name for found in looks for name in found.missing]:
        raise InTheWay(
            f"There is no {', no '.join(missing)}. Nothing was written. Run: python scripts/init_databases.py"
        )


def _require_own(plan: Plan, there: present.Present, replace: bool) -> None:
    listed = ", ".join(f"{place}: {number}" for place, number in there.counts.items())
    found = f"The stores already hold records of {plan.show} ({listed})"
    if not there.replaceable:
        why = f"{there.foreign} comments are no sample data" if there.foreign else "no sample comment is among them"
        raise InTheWay(f"{found}, and {why}. Nothing was written: take another --show.")
    if not replace:
        raise InTheWay(f"{found}. Nothing was written, so nothing is there twice: {_REFUSED}.")


async def _write(plan: Plan, urls: Urls) -> Written:
    redis = RedisClientV2(urls.redis, timeout=_ANSWER_S)
    clickhouse = ClickHouseClientV2(urls.clickhouse, timeout=_ANSWER_S)
    elasticsearch = ElasticsearchClientV2(urls.elasticsearch, timeout=_ANSWER_S)
    with clickhouse, Progress("comments", plan.count) as progress:
        async with redis, elasticsearch:
            try:
                return await write(plan, redis, clickhouse, elasticsearch, progress.advance)
            except AppError as why:
                raise AppError(f"{why} The sample data are written in part: {_REFUSED}.") from why


def _said(plan: Plan, written: Written) -> str:
    numbers = [f"{getattr(written, field.name):,} {field.name}" for field in fields(written)]
    return (
        f"Written with seed {plan.seed} for {plan.show}, up to {times.text_of(plan.until)}: {', '.join(numbers)}. "
        f"Each comment is in ClickHouse and in Elasticsearch."
    )
