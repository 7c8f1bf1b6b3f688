"""URLs of Redis that name several servers: their forms, their passwords, and what is no such URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tvmigrate.engines.clients import masked, open_redis
from tvmigrate.engines.redis_url import RedisAddress, read
from tvmigrate.errors import UsageError


def test_a_cluster_is_named_by_any_of_its_servers() -> None:
    assert read("redis+cluster://ann:p%40w@a:7000,b,[::1]:7002") == RedisAddress(
        (("a", 7000), ("b", 6379), ("::1", 7002)), None, {"username": "ann", "password": "p@w"}
    )


def test_a_service_is_named_by_its_sentinels_which_have_a_password_of_their_own() -> None:
    address = read(
        "redis+sentinel://:pw@a,b:26380/my%20master?sentinel_username=s&sentinel_password=t&socket_timeout=7"
    )
    assert address == RedisAddress(
        (("a", 26379), ("b", 26380)),
        "my master",
        {"password": "pw", "socket_timeout": 7.0},
        {"username": "s", "password": "t"},
    )


def test_tls_is_said_by_the_scheme_and_holds_for_the_sentinels_too(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    address = read(f"rediss+sentinel://a/main?ssl_ca_certs={ca}&ssl_cert_reqs=none")
    files = {"ssl": True, "ssl_ca_certs": str(ca), "ssl_cert_reqs": "none", "ssl_check_hostname": False}
    assert (address.options, address.sentinel) == (files, files)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+cluster://a/3", "a Redis Cluster has database 0 alone: leave it off"),
        ("redis+cluster://a?db=2", "a Redis Cluster has database 0 alone: leave it off"),
        ("redis+cluster://", "expected are hosts with their ports, separated by commas, as in a:6379,b:6379"),
        ("redis+cluster://a:x", "expected are hosts with their ports, separated by commas, as in a:6379,b:6379"),
        (
            "redis+sentinel://a:1",
            "expected is the name that the sentinels have for the master, and no database, as in …:26379/mymaster",
        ),
        (
            "redis+sentinel://a:1/main/4",
            "expected is the name that the sentinels have for the master, and no database, as in …:26379/mymaster",
        ),
        ("redis+cluster://a?socket_timeout=x", "Invalid value for 'socket_timeout' in connection URL"),
    ],
)
def test_a_url_of_another_form_is_refused(url: str, why: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_redis(url)
    assert str(raised.value) == f"REDIS_URL is {url!r}: {why}."


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis+cluster://ann:p%40w@a:1,b:2", "redis+cluster://ann:***@a:1,b:2"),
        (
            "rediss+sentinel://:pw@a,b:2/main?sentinel_password=s3cret&x=1",
            "rediss+sentinel://:***@a,b:2/main?sentinel_password=***&x=1",
        ),
    ],
)
def test_masking_hides_every_password(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_a_cluster_has_no_other_database_than_0() -> None:
    with pytest.raises(UsageError) as raised:
        open_redis("redis+cluster://a:1", 3)
    assert str(raised.value) == "REDIS_URL leads to a Redis Cluster, which has database 0 alone, and not 3."
