"""Keeps the stores' passwords out of answers: the clients do so themselves, and this is the last gate."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from src.settings import Urls


class Scrubber:
    """Takes the passwords that stand in the stores' URLs out of texts."""

    def __init__(self, urls: Urls) -> None:
        secrets: set[str] = set()
        for url in (urls.redis, urls.clickhouse, urls.elasticsearch):
            try:
                password = urlsplit(url).password
            except ValueError:  # no URL; the client says so, and shows none of it
                continue
            if password:
                secrets |= {password, unquote(password)}
        self._secrets = sorted(secrets, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return `text` with `***` for each password."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
