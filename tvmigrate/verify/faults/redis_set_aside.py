"""Faults of what is kept aside of Redis's records: the quarantine and the archive."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.contract.outcome import Reason, Rule
from tvmigrate.verify.faults.clickhouse_tables import ask, kept, lost, place
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_victims import hashes
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_OF_EAOS = "store = 'redis' AND source = 'eaos'"
_QUARANTINE, _ARCHIVE = new.QUARANTINE.name, new.ARCHIVE.name


def _keys_in(site: Site, table: str) -> Iterator[str]:
    """Yield the eaos keys that have just one row in a table."""
    query = (
        f"SELECT record_key FROM {place(table)} WHERE {_OF_EAOS}"
        " GROUP BY record_key HAVING count() = 1 ORDER BY record_key LIMIT 100"
    )
    for (key,) in ask(site, query):
        yield key


def _row(key: str) -> str:
    return f"{_OF_EAOS} AND record_key = {literal(key)}"


def _quarantined(site: Site) -> str:
    site.needs_quarantine_tables()
    return first(_keys_in(site, _QUARANTINE), "eaos key in quarantine")


def _row_changed(site: Site, **columns: str) -> Plant:
    """Give columns of a key's row in quarantine other values, as SQL."""
    key = _quarantined(site)
    with kept(site, _QUARANTINE) as table:
        table.change(_row(key), **columns)
        yield [key]


@after_migration(
    Finds("redis.quarantine", _MISSING, "reason", rule=Rule.REDIS_EAOS),
    *lost(Rule.REDIS_EAOS),
    incident="`except ValueError: continue` is how a script gets past a record that it cannot read.",
)
def redis_quarantine_row_lost(site: Site) -> Plant:
    """An eaos key that does not map is not in quarantine."""
    key = _quarantined(site)
    with kept(site, _QUARANTINE) as table:
        table.drop(_row(key))
        yield [key, key, AnyOf.KEY]


@after_migration(Finds("redis.quarantine", _CHANGED, "reason", rule=Rule.REDIS_EAOS))
def redis_quarantine_reason_wrong(site: Site) -> Plant:
    """An eaos key is in quarantine for a reason that is not its own."""
    wrong = f"if(reason = {literal(Reason.TOO_LARGE)}, {literal(Reason.BAD_JSON)}, {literal(Reason.TOO_LARGE)})"
    yield from _row_changed(site, reason=wrong)


@after_migration(
    Finds("redis.quarantine", _MISSING, "record", rule=Rule.REDIS_EAOS),
    incident="A column that nobody reads until it is needed is where a script's default stays unseen.",
)
def redis_quarantine_record_emptied(site: Site) -> Plant:
    """An eaos key is in quarantine with its reason, and nothing of its value."""
    yield from _row_changed(site, record="''")


@after_migration(
    Finds("redis.quarantine", _EXTRA, "reason", rule=Rule.REDIS_EAOS),
    incident="A second try that succeeds does not take back what the first one wrote down.",
)
def good_redis_record_quarantined(site: Site) -> Plant:
    """An eaos key that was mapped is in quarantine too."""
    key = _quarantined(site)
    good = first(hashes(site), "eaos hash")
    with kept(site, _QUARANTINE) as table:
        table.add(_row(key), record_key=literal(good.old_name))
        yield [good.old_name]


@after_migration(Finds("redis.archive", _MISSING))
def redis_archive_row_lost(site: Site) -> Plant:
    """The fields of an eaos key that have no place in the new layout are nowhere."""
    site.needs_quarantine_tables()
    key = first(_keys_in(site, _ARCHIVE), "eaos key with archived fields")
    with kept(site, _ARCHIVE) as table:
        table.drop(_row(key))
        yield [key]


@after_migration(
    Finds("redis.archive", _CHANGED, "fields"),
    incident="str() of a dict looks like JSON, and is none.",
)
def redis_archive_row_unreadable(site: Site) -> Plant:
    """The archived fields of an eaos key are in single quotes, which no JSON reader takes."""
    site.needs_quarantine_tables()
    key = first(_keys_in(site, _ARCHIVE), "eaos key with archived fields")
    with kept(site, _ARCHIVE) as table:
        table.change(_row(key), fields="replaceAll(fields, '\"', '\\'')")
        yield [key]
