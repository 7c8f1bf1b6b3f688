"""Every bad record of the corpus ends as the contract says, and the ledger balances."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.conftest import Tell
from tests.corpus import corpus
from tests.corpus.test_files import RUN
from tests.integrity.one_set import rehearsal_on
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.findings import State


def test_every_bad_record_is_mapped_or_quarantined_as_the_contract_says(
    endpoints: Endpoints, tmp_path: Path, share: Tell
) -> None:
    """Assert it of our migration and of the verification at once: one run over all records, there and back."""
    expected = corpus.write(tmp_path / "dataset")
    records = sum(expected.fates.values())
    share(RUN, "records", records, records)
    with rehearsal_on(endpoints, tmp_path / "dataset") as rehearsal:
        migrated = rehearsal.migrated()
        assert [one.findings for one in migrated if one.id == "migration.exit" and one.findings] == []
        with Clients(endpoints) as clients:
            asked = "SELECT store, record_key, reason FROM tv_analytics.migration_quarantine"
            found = Counter(tuple(row) for row in clients.clickhouse.query(asked).result_rows)
        back = rehearsal.rolled_back()
        ledger = rehearsal.verdict().ledger
    assert (found - expected.quarantine, expected.quarantine - found) == (Counter(), Counter())
    told = {
        (str(line.rule), fate): getattr(line, fate)
        for line in ledger
        for fate in ("mapped", "filled", "quarantined", "untouched")
        if line.old is not None and getattr(line, fate)
    }
    assert told == dict(expected.fates)
    assert [line for line in ledger if not line.balanced] == []
    wrong = [result for result in (*migrated, *back) if result.state in {State.FAIL, State.ERROR}]
    assert [(one.id, one.error, one.findings[:3]) for one in wrong] == []
