"""The HTTP API over the V2 clients: `src.api.app.create_app`, or `python -m src.api`."""
