"""The items that the application's own commands answer: sample data, storage clients, agent tools.

Those that write do so under names of their own, take them away again, and are asked with `--write-probes` alone. What
they leave is looked for with clients that only read.
"""

from __future__ import annotations

import secrets
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

from tvmigrate.checklist import old_names
from tvmigrate.checklist.item import Item, Name, Sheet
from tvmigrate.checklist.site import AWAY, PROBE, PROBE_PREFIX, Readers, Site, cut, listed, readers, script_of
from tvmigrate.checklist.trouble import troubles_in
from tvmigrate.contract import new
from tvmigrate.contract.layout import literal, quoted
from tvmigrate.settings import from_here
from tvmigrate.verify import command

_AWAY = 3  # the exit code of the application's checks when a store is away (docs/application.md)
_NOT_ASKED = "not asked"  # how the agent's check begins the line of a tool that it could not ask
_SEEDED = (new.RAW_COMMENTS, new.COMMENT_AGGREGATES, new.EAOS_METRICS)
_PAGE = 1000


def sample(site: Site) -> Item:
    """Seed a show of the checklist's own, find it in all three stores, remove it, and see that nothing is left."""
    sheet = Sheet(Name.SAMPLE)
    if site.no_probes:
        sheet.left_out.append(site.no_probes)
    elif _is_there(sheet, site.commands.sample):
        show = PROBE_PREFIX + secrets.token_hex(4)
        try:
            if _run(sheet, site, site.commands.sample, show):
                _look(sheet, site, lambda stores: _find(sheet, stores, show))
        finally:
            _run(sheet, site, site.commands.sample_clean, show)
        _look(sheet, site, lambda stores: _find_left(sheet, site, stores))
    return sheet.item(troubles_in([*sheet.red, *sheet.unseen]))


def storage(site: Site) -> Item:
    """Look for old clients and old names in the source trees, then let the V2 clients write, read and clean up."""
    sheet = Sheet(Name.STORAGE)
    if not site.sources:
        sheet.left_out.append("No source tree was given, so nobody looked for old clients in it: --source DIR.")
    for tree in site.sources:
        found = old_names.in_source(tree, site.layout)
        sheet.saw(f"{tree}: old clients and old names in {found.files:,} files", _places(found.places))
        if not found.files:
            sheet.unseen.append(f"{tree} holds no source file, so nothing was looked at in it.")
        sheet.red.extend(f"{place.where}: {place.what}" for place in found.places)
    if site.no_probes:
        sheet.left_out.append(site.no_probes)
    elif _is_there(sheet, site.commands.storage):
        _run(sheet, site, site.commands.storage)
    return sheet.item(troubles_in([*sheet.red, *sheet.unseen]))


def agent(site: Site) -> Item:
    """Have the agent ask every tool once; it only reads."""
    sheet = Sheet(Name.AGENT)
    if _is_there(sheet, site.commands.agent):
        _run(sheet, site, site.commands.agent)
    return sheet.item(troubles_in([*sheet.red, *sheet.unseen]))


def _is_there(sheet: Sheet, shell: str) -> bool:
    script = script_of(shell)
    if script is None or script.is_file():
        return True
    sheet.left_out.append(
        f"There is no {script} in {Path.cwd()}: start the checklist in the application's clone, or name its own check "
        f"with --{sheet.name}-command."
    )
    return False


def _run(sheet: Sheet, site: Site, shell: str, show: str = "") -> bool:
    """Run a command of the application; note how it ended. Return whether it ended well."""
    environ = {**site.endpoints.environ(), **({PROBE: show} if show else {})}
    with tempfile.TemporaryDirectory(prefix="tvmigrate-checklist-") as place:
        (Path(place) / command.WORK).mkdir()
        ended = command.run(from_here(shell), f"checklist.{sheet.name}", Path(place), environ, site.listener)
    said = cut(" | ".join(line.strip() for line in ended.last_lines if line.strip()), 1500)
    asked = shell.replace(f'"${PROBE}"', shlex.quote(show))  # it may be anybody's word
    sheet.saw(asked, f"exit code {ended.exit_code}: {said}" if said else f"exit code {ended.exit_code}")
    if ended.exit_code == 0:
        left = [line.removeprefix(_NOT_ASKED).strip() for line in ended.last_lines if line.startswith(_NOT_ASKED)]
        if left:
            sheet.left_out.append(f"Not every tool could be asked: {cut('; '.join(left))}")
        return True
    sentence = f"`{asked}` {ended.how}: {said or 'it said nothing'}"
    (sheet.unseen if ended.exit_code == _AWAY else sheet.red).append(sentence)
    return False


def _look(sheet: Sheet, site: Site, look: Callable[[Readers], None]) -> None:
    try:
        with readers(site) as stores:
            look(stores)
    except AWAY as error:
        sheet.saw("the stores: records of the probe", site.say(error))
        sheet.unseen.append(f"The stores could not be asked for the probe's records: {site.say(error)}.")


def _find(sheet: Sheet, stores: Readers, show: str) -> None:
    counts = _counts(stores, show)
    sheet.saw(f"the stores: records of {show}", ", ".join(f"{place}: {count:,}" for place, count in counts.items()))
    for place, count in counts.items():
        if not count:
            sheet.red.append(f"The sample data of {show} are seeded, it says, and {place} has none of them.")


def _counts(stores: Readers, show: str) -> dict[str, int]:
    """Return how many records of a show each place has."""
    mine = f"startsWith(program_id, {literal(f'{show}/')})"
    counts = {
        f"clickhouse {table.name}": int(
            stores.rows(f"SELECT count() FROM {quoted(new.DATABASE)}.{quoted(table.name)} WHERE {mine}")[0][0]
        )
        for table in _SEEDED
    }
    query = {"prefix": {"program_id": f"{show}/"}}
    counts[f"elasticsearch {new.ALIAS}"] = int(stores.elasticsearch.count(index=new.ALIAS, query=query)["count"])
    counts["redis keys"] = sum(
        1 for prefix in (new.EAOS_PREFIX, new.EVENTS_PREFIX) for _ in stores.redis.scan_iter(f"{prefix}{show}/*", _PAGE)
    )
    return counts


def _find_left(sheet: Sheet, site: Site, stores: Readers) -> None:
    """See that no probe is left, this one or one of a checklist that was killed."""
    union = " UNION DISTINCT ".join(
        f"SELECT program_id FROM {quoted(new.DATABASE)}.{quoted(table.name)}"
        f" WHERE startsWith(program_id, {literal(PROBE_PREFIX)})"
        for table in new.TABLES
    )
    programs = {str(row[0]) for row in stores.rows(union)}
    query = {"prefix": {"program_id": PROBE_PREFIX}}
    hits = stores.elasticsearch.search(index=new.ALIAS, query=query, size=_PAGE, source_includes=["program_id"])[
        "hits"
    ]["hits"]
    programs |= {hit["_source"]["program_id"] for hit in hits}
    for prefix in (new.EAOS_PREFIX, new.EVENTS_PREFIX):
        keys = stores.redis.scan_iter(f"{prefix}{PROBE_PREFIX}*", _PAGE)
        programs |= {key.decode("utf-8", "replace").removeprefix(prefix) for key in keys}
    shows = sorted({program.partition("/")[0] for program in programs})
    sheet.saw("the stores: records of any probe", listed(shows) or "none left")
    for show in shows:
        clean = site.commands.sample_clean.replace(f'"${PROBE}"', shlex.quote(show))  # it may be anybody's word
        sheet.red.append(f"Records of the probe {show} are still there; remove them with: {clean}")


def _places(places: tuple[old_names.Place, ...]) -> str:
    return listed(place.where for place in places) or "none"
