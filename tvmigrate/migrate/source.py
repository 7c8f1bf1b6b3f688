"""The last look before the switch: all old data of all three stores still are as their backup has them."""

from __future__ import annotations

from tvmigrate.contract.outcome import Store
from tvmigrate.migrate import clickhouse, clickhouse_old, elasticsearch, redis, unnamed
from tvmigrate.migrate.errors import MigrationError, SourceChanged
from tvmigrate.migrate.work import Work

STEP = "compare.source"
FIRST = "switch.clickhouse"
SWITCH = ("switch.", "remove.", "ledger", "backup.pack", "forward.")  # steps from the switch on


def compare(work: Work) -> None:
    """Compare old keys, rows and documents with the backup once more, after everything else was compared.

    Raises:
        SourceChanged: some moved; which, in whole sentences. What was built on them is taken back in the journal.
        MigrationError: old records have fields that the layout file does not name.
    """
    if told := unnamed.told(work.layout, work.spools.extras()):
        raise MigrationError(" ".join([*told, "Nothing was switched; run `tvmigrate rollback`, then begin anew."]))
    found: list[str] = []
    looks = {
        Store.REDIS: redis.require_same,
        Store.CLICKHOUSE: _clickhouse,
        Store.ELASTICSEARCH: elasticsearch.require_same,
    }
    for store, look in looks.items():
        try:
            look(work.of(store))
        except SourceChanged as changed:
            found.append(str(changed))
    if found:
        raise SourceChanged(" ".join(found))


def _clickhouse(work: Work) -> None:
    for table in work.layout.tables:
        clickhouse_old.require_same(work, table, "since its backup")


def begin_again(work: Work) -> None:
    """Let a run that was interrupted before anything was switched look once more: time has passed."""
    step = str(work.noted("step") or "")
    if not step.startswith(SWITCH) or (step == FIRST and not clickhouse.switched(work)):
        work.forget(STEP)
