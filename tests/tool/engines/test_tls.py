"""All three stores over TLS: whom the tool trusts, and that it looks unless it is told not to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from tests.tool.engines.tls_proxy import Authority
from tvmigrate.engines import tls
from tvmigrate.engines.clients import Clients, check_reachable, open_redis
from tvmigrate.engines.embedded import NAMES, EmbeddedEngines
from tvmigrate.engines.embedded.redis_cluster import Place, RedisCluster, Shape
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineUnreachable
from tvmigrate.errors import UsageError

VARIABLES = (tls.CA, tls.CERTIFICATE, tls.KEY, tls.VERIFY)


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def behind(authority: Authority, engines: EmbeddedEngines, stack: ExitStack, **proxy: bool) -> Endpoints:
    """Return where the engines answer over TLS."""
    ports = {name: urlsplit(getattr(engines.endpoints, name)).port or 0 for name in NAMES}
    secure = {name: stack.enter_context(authority.before(port, **proxy)) for name, port in ports.items()}
    return Endpoints(
        f"rediss://127.0.0.1:{secure['redis']}",
        f"https://127.0.0.1:{secure['clickhouse']}",
        f"https://127.0.0.1:{secure['elasticsearch']}",
    )


@pytest.fixture(scope="module")
def secured(authority: Authority, engines: EmbeddedEngines) -> Iterator[Endpoints]:
    with ExitStack() as stack:
        yield behind(authority, engines, stack)


@pytest.fixture(scope="module")
def mutual(authority: Authority, engines: EmbeddedEngines) -> Iterator[Endpoints]:
    """The same, of servers that want a certificate of whoever comes."""
    with ExitStack() as stack:
        yield behind(authority, engines, stack, wants_client=True)


def test_all_three_stores_are_worked_with_over_tls(
    secured: Endpoints, authority: Authority, engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tls.CA, str(authority.ca))
    assert check_reachable(secured) == engines.versions()
    with Clients(secured) as clients:
        clients.redis.set("over tls", "1")
        assert clients.redis_db(0).get("over tls") == b"1"
        assert clients.clickhouse.command("SELECT 1") == 1
        assert clients.elasticsearch.ping()


def test_a_server_that_nobody_we_trust_vouches_for_is_not_worked_with(secured: Endpoints) -> None:
    with pytest.raises(EngineUnreachable) as raised:
        check_reachable(secured)
    sentence = str(raised.value)
    for name in NAMES:
        assert f"{name} at {getattr(secured, name)} cannot be worked with: " in sentence
    assert "CERTIFICATE_VERIFY_FAILED" in sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_for_another_name_is_not_taken(
    name: str, authority: Authority, engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tls.CA, str(authority.ca))
    scheme = "rediss" if name == "redis" else "https"
    given = {one: getattr(engines.endpoints, one) for one in NAMES}
    with authority.before(urlsplit(given[name]).port or 0, "elsewhere.example") as port:
        given[name] = f"{scheme}://127.0.0.1:{port}"
        with pytest.raises(EngineUnreachable) as raised:
            check_reachable(Endpoints(**given))
    assert str(raised.value).startswith(f"{name} at {given[name]} cannot be worked with: ")


def test_whoever_answers_is_trusted_when_we_are_told_so(secured: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tls.VERIFY, "no")
    check_reachable(secured)


def test_what_a_url_says_of_tls_wins(secured: Endpoints, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tls.CA, str(Authority(authority.folder / "other").ca))
    monkeypatch.setenv(tls.VERIFY, "yes")
    named = Endpoints(
        f"{secured.redis}?ssl_ca_certs={authority.ca}",
        f"{secured.clickhouse}?ca_cert={authority.ca}",
        f"{secured.elasticsearch}?verify_certs=no",
    )
    check_reachable(named)


def test_a_server_that_wants_our_certificate_gets_it(
    mutual: Endpoints, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tls.CA, str(authority.ca))
    with pytest.raises(EngineUnreachable):
        check_reachable(mutual)
    certificate, key = authority.client()
    monkeypatch.setenv(tls.CERTIFICATE, str(certificate))
    monkeypatch.setenv(tls.KEY, str(key))
    check_reachable(mutual)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"ca_cert": "/no/ca.pem"},
            "TVMIGRATE_TLS_CA, or the URL, names /no/ca.pem for TLS, and there is no such file.",
        ),
        (
            {"client_cert_key": __file__},
            "TVMIGRATE_TLS_KEY, or the URL, gives a key for TLS without its certificate: give TVMIGRATE_TLS_CERT too.",
        ),
        ({"verify": "maybe"}, "TVMIGRATE_TLS_VERIFY, or the URL's verify, is 'maybe'; expected is yes or no."),
    ],
)
def test_what_cannot_be_meant_for_tls_is_refused(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        tls.take(parameters, tls.CLICKHOUSE, {})
    assert str(raised.value) == message


def test_a_parameter_that_nobody_reads_is_refused(engines: EmbeddedEngines) -> None:
    url = f"{engines.endpoints.elasticsearch}?ca_cert=x&verify_certs=no"
    with pytest.raises(UsageError) as raised:
        check_reachable(Endpoints(engines.endpoints.redis, engines.endpoints.clickhouse, url))
    assert str(raised.value) == (
        f"ELASTICSEARCH_URL is {url!r}, with ca_cert, verify_certs after the question mark; known there are ca_certs, "
        "client_cert, client_key, verify_certs, of a URL of https."
    )


def told(server: redis.Redis) -> set[int]:
    """Return the ports at which a server says that the cluster's servers are."""
    return {one[2][1] for one in server.execute_command("CLUSTER", "SLOTS")}


def test_a_cluster_is_worked_with_over_tls(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert it by servers that tell of the proxies before them, so that every redirection leads over TLS."""
    monkeypatch.setenv(tls.CA, str(authority.ca))
    for name in ("redis", "logs"):
        (tmp_path / name).mkdir()

    def wait(seconds: float) -> bool:
        time.sleep(seconds)
        return False

    cluster = RedisCluster(Shape(3, 0), Place(tmp_path / "redis", tmp_path / "logs"), wait)
    cluster.start(60)
    try:
        with ExitStack() as stack:
            ports = [stack.enter_context(authority.before(port)) for port in cluster.ports]
            servers = [stack.enter_context(open_redis(f"redis://127.0.0.1:{port}")) for port in cluster.ports]
            for server, secure in zip(servers, ports, strict=True):
                server.config_set("cluster-announce-port", secure)
            while any(told(server) != set(ports) for server in servers):
                time.sleep(0.05)
            with open_redis(f"rediss+cluster://127.0.0.1:{ports[0]}") as client:
                for number in range(100):
                    client.set(f"key {number}", number)
                assert sorted(client.scan_iter()) == sorted(f"key {number}".encode() for number in range(100))
    finally:
        cluster.kill()
