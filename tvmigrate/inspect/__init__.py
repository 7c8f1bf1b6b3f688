"""A live old system looked at, read-only: what it calls its data, and what of that can be told for sure."""
