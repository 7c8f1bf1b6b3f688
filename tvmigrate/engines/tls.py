"""What a connection over TLS needs beside its URL: whom to trust, who we are, whether to look at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tvmigrate.errors import UsageError

CA, CERTIFICATE, KEY, VERIFY = "TVMIGRATE_TLS_CA", "TVMIGRATE_TLS_CERT", "TVMIGRATE_TLS_KEY", "TVMIGRATE_TLS_VERIFY"
_YES, _NO = {"", "1", "yes", "true", "on", "required"}, {"0", "no", "false", "off", "none"}


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM form: whose certificates are trusted (None: the system's), our own certificate and its key.

    `verified` says whether the server's certificate and name are looked at.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Names:
    """How a store's URL spells them, as its Python driver does."""

    ca: str
    certificate: str
    key: str
    verify: str


REDIS = Names("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
CLICKHOUSE = Names("ca_cert", "client_cert", "client_cert_key", "verify")
ELASTICSEARCH = Names("ca_certs", "client_cert", "client_key", "verify_certs")


def take(parameters: dict[str, str], names: Names, environ: Mapping[str, str] = os.environ) -> Tls:
    """Take what bears on TLS out of a URL's `parameters`; what it does not say, the environment may.

    Raises:
        UsageError: a file that is not there, a key without a certificate, or a word that is neither yes nor no.
    """
    said = {variable: environ.get(variable) for variable in (CA, CERTIFICATE, KEY, VERIFY)}
    for variable, name in ((CA, names.ca), (CERTIFICATE, names.certificate), (KEY, names.key), (VERIFY, names.verify)):
        said[variable] = parameters.pop(name, None) or said[variable]
    for variable in (CA, CERTIFICATE, KEY):
        path = said[variable]
        if path and not Path(path).is_file():
            raise UsageError(f"{variable}, or the URL, names {path} for TLS, and there is no such file.")
    if said[KEY] and not said[CERTIFICATE]:
        raise UsageError(f"{KEY}, or the URL, gives a key for TLS without its certificate: give {CERTIFICATE} too.")
    word = (said[VERIFY] or "").lower()
    if word not in _YES | _NO:
        raise UsageError(f"{VERIFY}, or the URL's {names.verify}, is {word!r}; expected is yes or no.")
    return Tls(said[CA] or None, said[CERTIFICATE] or None, said[KEY] or None, word in _YES)
