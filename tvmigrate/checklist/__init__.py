"""The checklist after a migration: nine items, each looked at and told with its evidence; see docs/operations.md."""
