"""Planted faults: small, named ways to migrate wrongly, and the proof that the checks catch each by its name."""
