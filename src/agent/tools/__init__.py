"""The tools, in the order in which they are listed."""

from __future__ import annotations

from src.agent.tools.anomalies import ANOMALIES
from src.agent.tools.comments import SEARCH_COMMENTS, TOPICS
from src.agent.tools.eaos import COMPARE_PROGRAMS, CURRENT_EAOS, EAOS_HISTORY
from src.agent.tools.programs import LIST_PROGRAMS
from src.agent.tools.tool import Answer, Tool
from src.agent.tools.trends import TOP_TRENDS

TOOLS: tuple[Tool, ...] = (
    LIST_PROGRAMS,
    CURRENT_EAOS,
    EAOS_HISTORY,
    TOP_TRENDS,
    SEARCH_COMMENTS,
    TOPICS,
    ANOMALIES,
    COMPARE_PROGRAMS,
)

__all__ = ["TOOLS", "Answer", "Tool"]
