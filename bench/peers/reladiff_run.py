"""reladiff, in its own virtual environment: two tables of a DuckDB file, every column. Arguments: file, columns."""

from __future__ import annotations

import json
import sys
import time

import reladiff

if __name__ == "__main__":
    file, key, *columns = sys.argv[1:]
    left, right = (
        reladiff.connect_to_table({"driver": "duckdb", "filepath": file}, name, key, extra_columns=tuple(columns))
        for name in ("a", "b")
    )
    began = time.perf_counter()
    different = list(reladiff.diff_tables(left, right))
    seconds = time.perf_counter() - began
    if different:
        sys.exit(f"reladiff found {len(different)} differences between a table and its copy")
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")
