"""The V2 storage clients: one module a store, the records they take and give, and what they share."""
