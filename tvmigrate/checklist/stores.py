"""The items that the stores answer: services, and the new schema. Nothing is written."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tvmigrate.checklist.item import Item, Name, Sheet
from tvmigrate.checklist.site import AWAY, Site, cut, open_store
from tvmigrate.checklist.trouble import troubles_in
from tvmigrate.contract import new
from tvmigrate.contract.keys import ZSET
from tvmigrate.contract.layout import Table
from tvmigrate.engines.clients import masked, supported
from tvmigrate.verify import check
from tvmigrate.verify.clickhouse_schema import compare_table, live_tables, schema_check
from tvmigrate.verify.elasticsearch_live import blocks_of, target
from tvmigrate.verify.elasticsearch_schema import ALIAS, MAPPING, judge_alias, judge_mapping

_KEPT = 20  # differences of one object that are told
_ILL = ("red",)


def services(site: Site) -> Item:
    """Ask each store for its version, Elasticsearch for its health too, and each other service for its page."""
    sheet = Sheet(Name.SERVICES)
    asks: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
        ("redis", site.endpoints.redis, lambda client: str(client.info("server")["redis_version"])),
        (
            "clickhouse",
            site.endpoints.clickhouse,
            lambda client: str(client.query("SELECT version()").result_rows[0][0]),
        ),
        ("elasticsearch", site.endpoints.elasticsearch, lambda client: str(client.info()["version"]["number"])),
    )
    for store, url, ask in asks:
        asked = f"{store} at {masked(url)}: its version"
        try:
            client = open_store(site, store)
            try:
                version = ask(client)
                health = client.cluster.health()["status"] if store == "elasticsearch" else ""
            finally:
                client.close()
        except AWAY as error:
            sheet.saw(asked, site.say(error))
            sheet.red.append(f"{store} at {masked(url)} does not answer: {site.say(error)}.")
            continue
        sheet.saw(asked, f"{version}, health {health}" if health else version)
        if not supported(store, version):
            sheet.red.append(f"{store} at {masked(url)} is {version}, which this tool does not work with.")
        if health in _ILL:
            sheet.red.append(f"elasticsearch at {masked(url)} has the health {health}: shards are missing.")
    for name, url in site.services:
        _ask_page(sheet, name, url, site.timeout)
    return sheet.item(troubles_in(sheet.red))


def _ask_page(sheet: Sheet, name: str, url: str, timeout: float) -> None:
    asked = f"{name}: GET {masked(url)}"
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - http alone, the option sees to it
            sheet.saw(asked, str(answer.status))
    except urllib.error.HTTPError as error:
        sheet.saw(asked, str(error.code))
        sheet.red.append(f"{name} at {masked(url)} answers with {error.code}.")
    except OSError as error:
        sheet.saw(asked, cut(str(error)))
        sheet.red.append(f"{name} at {masked(url)} does not answer: {cut(str(error))}.")


def schema(site: Site) -> Item:
    """Compare the new tables, the alias and the mapping with the contract, and the trends' types."""
    sheet = Sheet(Name.SCHEMA)
    for store, look in (("clickhouse", _tables), ("elasticsearch", _index), ("redis", _trends)):
        try:
            client = open_store(site, store)
            try:
                look(sheet, client)
            finally:
                client.close()
        except AWAY as error:
            sheet.saw(f"{store}: its definitions", site.say(error))
            sheet.unseen.append(f"{store} could not be asked for its definitions: {site.say(error)}.")
    return sheet.item(troubles_in([*sheet.red, *sheet.unseen]))


def _tables(sheet: Sheet, client: Any) -> None:
    live = live_tables(client)
    for table in new.TABLES:
        notes = _differences(schema_check(table), table, live.get(table.name))
        sheet.saw(f"clickhouse: the definition of {new.DATABASE}.{table.name}", _told(notes))
        sheet.red.extend(notes)


def _differences(law: check.Check, table: Table, live: Any) -> list[str]:
    own = check.Sheet(law, _KEPT)
    compare_table(own, table, live)
    return [cut(finding.note) for finding in own.result().findings]


def _index(sheet: Sheet, client: Any) -> None:
    for law, judge in ((ALIAS, judge_alias), (MAPPING, judge_mapping)):
        own = check.Sheet(law, _KEPT)
        judge(client, own)
        notes = [cut(finding.note) for finding in own.result().findings]
        sheet.saw(f"elasticsearch: the {law.id.partition('.')[2]} of {new.ALIAS}", _told(notes))
        sheet.red.extend(notes)
    for index in target(client).indices:
        blocks = blocks_of(client, index)
        sheet.saw(f"elasticsearch: blocks on {index}", ", ".join(blocks) or "none")
        if blocks:
            sheet.red.append(f"{index} is blocked ({', '.join(blocks)}): the application cannot use it.")


def _trends(sheet: Sheet, client: Any) -> None:
    for key in new.TREND_KEYS:
        kind = client.type(key).decode()
        sheet.saw(f"redis: the type of {key}", kind)
        if kind not in {ZSET, "none"}:
            sheet.red.append(f"The Redis key {key} is a {kind}, and should be a sorted set.")


def _told(notes: list[str]) -> str:
    return "as the contract has it" if not notes else f"{len(notes)} differences, the first: {notes[0]}"
