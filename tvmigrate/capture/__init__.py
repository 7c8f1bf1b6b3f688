"""A live old system read into a dataset: read-only, throttled, resumable; all of it or a sample, as it is or masked."""
