"""Fill the new layout with sample data: `python scripts/seed_sample_data_v2.py --count 100`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a clone is run as it lies there

from src.setup.seed import seed_sample_data

if __name__ == "__main__":
    seed_sample_data()
