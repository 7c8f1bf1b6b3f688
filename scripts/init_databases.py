"""Create what the application works on in the three stores: `python scripts/init_databases.py --help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a clone is run as it lies there

from src.setup.initialise import init_databases

if __name__ == "__main__":
    init_databases()
