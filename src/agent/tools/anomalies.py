"""The tool over anomalies (ClickHouse)."""

from __future__ import annotations

from src.agent.stores import CLICKHOUSE, Stores
from src.agent.tools.parameters import MAX_ROWS, PERIOD, PROGRAM_ID, limit, offset
from src.agent.tools.period import read_period
from src.agent.tools.programs import require_known
from src.agent.tools.tool import Answer, Arguments, Tool


async def _anomalies(stores: Stores, arguments: Arguments) -> Answer:
    program, most, first = arguments.get("program_id"), arguments["limit"], arguments["offset"]
    period = read_period("anomalies", arguments)
    rows = await stores.clickhouse(
        lambda client: client.get_anomalies(
            program,
            period.start,
            period.end,
            severity=arguments.get("severity"),
            limit=most + 1,  # one more than is wanted says whether there are more
            offset=first,
        )
    )
    if not rows and program is not None:
        await require_known(stores, program, CLICKHOUSE, "anomalies")
    notes = [] if rows else ["No anomaly matches."]
    if len(rows) > most:
        notes.append(f"There are more: offset={first + most} gives those after these.")
    return Answer([dict(row) for row in rows[:most]], notes)


ANOMALIES = Tool(
    name="anomalies",
    description="Give measurements that were not as expected, of one program or of all: the metric, its value, what "
    "was expected, the deviation, and how severe it is. From ClickHouse. A migration makes no anomalies of old data, "
    "so there are only those found since.",
    parameters={
        "program_id": PROGRAM_ID,
        "severity": {
            "type": "string",
            "minLength": 1,
            "description": "Only anomalies of this severity, spelled as whoever writes them spells it, such as high.",
        },
        **PERIOD,
        "limit": limit(50, MAX_ROWS, "anomalies"),
        "offset": offset(1_000_000, "anomalies"),
    },
    required=(),
    run=_anomalies,
    example="anomalies program_id=the_voice/contestant_1 severity=high",
)
