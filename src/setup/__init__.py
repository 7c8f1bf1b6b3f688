"""What stands behind `scripts/`: creating the new layout in the three stores, and filling it with sample data."""
