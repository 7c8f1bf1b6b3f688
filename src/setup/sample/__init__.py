"""Sample data of the new layout: the same seed, the same records in all three stores."""
