"""Tests of the migration, against real engines."""
