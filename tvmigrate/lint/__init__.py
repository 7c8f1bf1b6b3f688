"""Hazards in a migration's text (shell, SQL, Redis, HTTP, Python, a Markdown guide), found before anything runs."""
