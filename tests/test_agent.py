"""The agent as the guide runs it, `python tests/test_agent.py --mode interactive`; under pytest, what each mode does.

What the modes are made of is in `src/agent/`, and its parts are tested in `tests/app/agent/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # run as a script, Python looks beside the script, and `src` is in the clone's root
    from src.agent.cli import main

    raise SystemExit(main(program="python tests/test_agent.py"))
