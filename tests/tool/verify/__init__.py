"""Tests of the frame of the verification, and of what it says of Redis, the ledger and a rollback."""
