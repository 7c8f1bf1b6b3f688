"""The migration: plan, apply, rollback, with a journal, and one module a store with its way back beside it."""
