"""Clients of a Redis Cluster and of the master that Sentinel names, which outlive a failover."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar, cast

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AuthenticationError, MovedError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import Sentinel

from tvmigrate.engines import redis_slots, redis_url
from tvmigrate.engines.redis_pipeline import UnitPipeline
from tvmigrate.engines.redis_units import AWAY, ELSEWHERE, PATIENCE_SECONDS, Unit, send_each, told

T = TypeVar("T")
_LONGEST_PAUSE = 1.0  # seconds


class ClusterClient(RedisCluster):
    """redis-py's cluster client with patience: whatever it is asked is asked again until a failover is over.

    So it is for what has the same effect when done twice. It stands where a `redis.Redis` does, for commands on one
    key, pipelines of them, and `scan_iter`. `of_each_server`, if there is one, gets each server's client before it is
    used.
    """

    of_each_server: Callable[[redis.Redis], None] | None = None

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Send a command, again while nobody answers."""
        return self._patiently(lambda: super(ClusterClient, self).execute_command(*args, **kwargs))  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Any:
        """Return a pipeline whose commands about one key belong together; what they write, replicas confirm."""
        return UnitPipeline(self._first(), bool(transaction), self.send_each)

    def send_each(self, units: list[Unit]) -> list[list[Any]]:
        """See `redis_units.send_each`."""
        return send_each(self, units)

    def scan_iter(self, match: Any = None, count: Any = None, _type: Any = None, **_: Any) -> Iterator[bytes]:
        """Yield the keys of every master; a key that is there all the while comes at least once.

        Of patterns for `match` a beginning with `*` after it is known; `count` is not needed.
        """
        beginning = str(match or "*").encode()
        if any(sign in beginning[:-1] for sign in b"*?[\\") or not beginning.endswith(b"*"):
            raise redis.RedisError(f"{match} is no beginning with * after it, and no other pattern is known here.")
        for page in self.pages():
            found = [key for key in page if key.startswith(beginning[:-1])]
            if _type is not None and found:
                with self.pipeline(transaction=False) as pipe:
                    for key in found:
                        pipe.type(key)
                    found = [key for key, kind in zip(found, pipe.execute(), strict=True) if kind == _type.encode()]
            yield from found

    def time(self, **_: Any) -> Any:
        """Return the clock of one master."""
        return self._patiently(lambda: self._first().time())

    def info(self, section: str | None = None, *_: str, **__: Any) -> Any:
        """Return what one master tells of itself; of the keyspace what all of them tell."""
        if section != "keyspace":
            return self._patiently(lambda: self._first().info(section))
        told = self._patiently(lambda: [master.info("keyspace") for master in self.masters()])
        keys = sum(one["db0"]["keys"] for one in told if "db0" in one)
        return {"db0": {"keys": keys}} if keys else {}

    def pages(self) -> Iterator[list[bytes]]:
        """Yield the keys of every master in pages, from the beginning again where a master goes away meanwhile."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                for page in redis_slots.pages(self):
                    yield page
                    deadline = time.monotonic() + PATIENCE_SECONDS
            except AWAY as away:
                if time.monotonic() > deadline:
                    raise told(away) from away
                time.sleep(_LONGEST_PAUSE)
                self._patiently(self.look_again)
            else:
                return

    def get_redis_connection(self, node: ClusterNode) -> redis.Redis:
        """Return a client of one server."""
        client = super().get_redis_connection(node)
        if self.of_each_server is not None:
            self.of_each_server(client)
        return client

    def masters(self) -> list[redis.Redis]:
        """Return a client of each master that has slots, as far as is known."""
        nodes = {node[0].name: node[0] for node in self.nodes_manager.slots_cache.values()}
        return [self.get_redis_connection(node) for _, node in sorted(nodes.items())]

    def server_of(self, key: bytes) -> redis.Redis:
        """Return a client of the master that has the key's slot, as far as is known."""
        node: ClusterNode = self.get_node_from_key(key)  # type: ignore[no-untyped-call]
        return self.get_redis_connection(node)

    def server_at(self, host: str, port: int) -> redis.Redis:
        """Return a client of the server at an address."""
        if self.nodes_manager.get_node(host, port) is None:
            self.look_again()
        node = self.nodes_manager.get_node(host, port)
        if node is None:
            raise redis.ConnectionError(f"the cluster knows of no server at {host}:{port}")
        return self.get_redis_connection(node)

    def moved(self, where: MovedError) -> None:
        """Take note of where a slot is now."""
        self.nodes_manager.move_slot(where)

    def look_again(self) -> None:
        """Ask anew who has the slots."""
        self.nodes_manager.initialize()

    def has_replicas(self, server: redis.Redis) -> bool:
        """Return whether the server has replicas that the cluster takes for sound: it does not tell of others."""
        return any(
            len(nodes) > 1 for nodes in self.nodes_manager.slots_cache.values() if nodes[0].redis_connection is server
        )

    def _first(self) -> redis.Redis:
        try:
            return self.masters()[0]
        except IndexError:
            raise redis.ConnectionError("the cluster has no master") from None

    def _patiently(self, do: Callable[[], T]) -> T:
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.05
        while True:
            try:
                return do()
            except AuthenticationError:
                raise
            except AWAY as away:
                if time.monotonic() > deadline:
                    raise told(away) from away
            except ELSEWHERE:
                if time.monotonic() > deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            with suppress(*AWAY):
                self.look_again()


class SentinelClient(redis.Redis):
    """A client of the master that Sentinel names, which outlives a failover; for what may be done twice, as above."""

    sentinels: Sentinel
    service: str

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Any:
        """Return a pipeline whose commands about one key belong together; what they write, replicas confirm."""
        return UnitPipeline(self, bool(transaction), self.send_each)

    def send_each(self, units: list[Unit]) -> list[list[Any]]:
        """See `redis_units.send_each`."""
        return send_each(self, units)

    def server_of(self, key: bytes) -> redis.Redis:
        """Return itself."""
        return self

    def server_at(self, host: str, port: int) -> redis.Redis:
        """Refuse: there are no redirections here."""
        raise redis.ConnectionError(f"a redirection to {host}:{port} came from a server that is no cluster's")

    def moved(self, where: MovedError) -> None:
        """Refuse, likewise."""
        raise redis.ConnectionError(f"a redirection came from a server that is no cluster's: {where}")

    def look_again(self) -> None:
        """Do nothing: every new connection asks the sentinels."""

    def pages(self) -> Iterator[list[bytes]]:
        """Yield the keys of the database in pages, from the beginning again where another server answered meanwhile.

        A cursor says nothing to another server, nor to the same one started anew.
        """
        while True:
            began: Any = self.info("server")
            yield from redis_slots.scan(self)
            ended: Any = self.info("server")
            if began["run_id"] == ended["run_id"]:
                return

    def has_replicas(self, server: redis.Redis) -> bool:
        """Return whether the sentinels know of replicas that answer."""
        return bool(self.sentinels.discover_slaves(self.service))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connections, those to the sentinels too."""
        super().close()
        self.sentinels.close()


def pages(client: redis.Redis) -> Iterator[list[bytes]]:
    """Yield the keys of a database in pages: each that is there all the while at least once."""
    if isinstance(client, ClusterClient | SentinelClient):
        return client.pages()
    return redis_slots.scan(client)


def open_cluster(url: str, timeout: float, connect_timeout: float) -> redis.Redis:
    """Return a client of the cluster that `url` names; it asks for its servers at once.

    Raises:
        UsageError: see `redis_url.read`.
        redis.ConnectionError: no server answers, or none is of a cluster.
    """
    address = redis_url.read(url)
    nodes = [ClusterNode(host, port) for host, port in address.places]  # type: ignore[no-untyped-call]
    options = {"socket_connect_timeout": connect_timeout, "socket_timeout": timeout, **address.options}
    try:
        client = ClusterClient(
            startup_nodes=nodes, maint_notifications_config=MaintNotificationsConfig(enabled=False), **options
        )
    except AWAY as away:
        raise told(away) from away
    return cast(redis.Redis, client)  # it is none, but has its commands


def open_sentinel(url: str, db: int, timeout: float, connect_timeout: float) -> redis.Redis:
    """Return a client of the master that the sentinels of `url` name; nothing is sent yet.

    Raises:
        UsageError: see `redis_url.read`.
    """
    address = redis_url.read(url)
    waits = {"socket_connect_timeout": connect_timeout, "socket_timeout": connect_timeout}
    to_sentinels = {**waits, **address.sentinel}
    sentinel = Sentinel(address.places, sentinel_kwargs=to_sentinels)  # type: ignore[no-untyped-call]
    options = {"socket_connect_timeout": connect_timeout, "socket_timeout": timeout, **address.options}
    backoff = ExponentialWithJitterBackoff(base=0.05, cap=_LONGEST_PAUSE)
    retry = Retry(backoff, int(2 * PATIENCE_SECONDS / _LONGEST_PAUSE))  # a pause is half of that, on the whole
    client: SentinelClient = sentinel.master_for(  # type: ignore[no-untyped-call]
        address.service, redis_class=SentinelClient, db=db, retry=retry, decode_responses=False, **options
    )
    client.sentinels, client.service = sentinel, address.service or ""
    return client
