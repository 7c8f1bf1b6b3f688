"""Both layouts and every rule between them, as data and pure functions: no I/O, no driver, one place for every name."""
