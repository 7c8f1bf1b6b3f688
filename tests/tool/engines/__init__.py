"""Tests of where three running engines come from."""
