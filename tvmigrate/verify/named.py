"""Whether a dataset's tables are of the layout that a file says, before anything is loaded."""

from __future__ import annotations

from tvmigrate.contract.layout import literal
from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.dataset.model import ROWS_COLUMNS
from tvmigrate.dataset.read import Dataset
from tvmigrate.errors import UsageError
from tvmigrate.verify.context import ReferenceTables


def require_named(dataset: Dataset, tables: ReferenceTables, layout: OldLayout) -> None:
    """Return if the layout file says of each column of the old tables what it means, and names none that is not there.

    `tables` has the dataset's tables. One that the dataset does not have is none of its records.

    Raises:
        UsageError: it does not.
    """
    if not layout.from_file:
        return
    for table in layout.tables:
        where = f"database = {literal(table.database)} AND table = {literal(table.name)} AND {ROWS_COLUMNS}"
        found = [str(row["name"]) for row in tables.query(f"SELECT name FROM system.columns WHERE {where}")]
        if not found:
            continue
        at = f"clickhouse.{table.role.name}"
        for name in table.meaningless(found):
            if name not in table.ignored:
                raise UsageError(
                    f"The layout file says nothing of the column {name} of the table {table.at} in {dataset.path}. Say "
                    f"what it means under {at}.columns, or name it under {at}.ignore: then it goes to the archive."
                )
        for name in (*table.theirs.values(), *table.ignored):
            if name not in found:
                raise UsageError(
                    f"The layout file names the column {name} under {at}, and the table {table.at} in {dataset.path} "
                    f"has {', '.join(found)}."
                )
