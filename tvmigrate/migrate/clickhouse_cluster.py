"""The statements that change tables, for one server or for a cluster; which clusters a server knows; its replicas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from clickhouse_connect.driver.client import Client

from tvmigrate.contract import cluster as layout
from tvmigrate.contract import new, sql
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.old_layout import CONTRACT, At, OldLayout
from tvmigrate.contract.policy import Policy
from tvmigrate.migrate.clickhouse_tables import DATABASE, INSERT_SETTINGS, Name, place, rows, staging
from tvmigrate.migrate.clickhouse_tables import where as which
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.work import Work

# The name under which the journal has the cluster of a run.
NOTED = "clickhouse.cluster"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of `system.clusters`: its name, and how many replicas each of its shards has."""

    name: str
    replicas: tuple[int, ...]

    @property
    def is_sharded(self) -> bool:
        """Whether no server has all rows."""
        return len(self.replicas) > 1

    def __str__(self) -> str:
        shards, replicas = len(self.replicas), sum(self.replicas)
        return f"{self.name} ({shards} shard{'s' * (shards != 1)}, {replicas} replica{'s' * (replicas != 1)})"


@dataclass(frozen=True, slots=True)
class Site:
    """Where tables are made and change names: on one server, or with `cluster` on each server of it."""

    cluster: str | None = None

    @property
    def _on(self) -> str:
        return "" if self.cluster is None else f" ON CLUSTER {quoted(self.cluster)}"

    def create(self, table: Table, name: str) -> str:
        """Return the CREATE TABLE of `table` under `name`, replicated on a cluster."""
        if self.cluster is None:
            return table.create(DATABASE, name)
        created = replace(table, engine=layout.replicated(table)).create(DATABASE, name)
        return created.replace("\n(", f"{self._on}\n(", 1)

    def create_database(self) -> str:
        """Return the statement that makes the database of the new tables."""
        return f"CREATE DATABASE IF NOT EXISTS {quoted(DATABASE)}{self._on}"

    def drop_database(self) -> str:
        """Return the statement that drops it again."""
        return f"DROP DATABASE IF EXISTS {quoted(DATABASE)}{self._on} SYNC"

    def drop(self, name: Name) -> str:
        """Return the statement that drops a table if it is there."""
        return f"DROP TABLE IF EXISTS {place(name)}{self._on} SYNC"

    def rename(self, name: Name, to: Name) -> str:
        """Return the statement that gives a table another name."""
        return f"RENAME TABLE {place(name)} TO {place(to)}{self._on}"

    def exchange(self, one: Name, other: Name) -> str:
        """Return the statement by which two tables change places."""
        return f"EXCHANGE TABLES {place(one)} AND {place(other)}{self._on}"

    def synced(self, name: str) -> str:
        """Return the statement that waits on each server until it has all that the others have of a table."""
        return f"SYSTEM SYNC REPLICA{self._on} {place(name)}"

    def insert_settings(self, token: str) -> dict[str, str | int]:
        """Return the settings of an INSERT that is named `token`; only replicated tables take note of the name.

        https://clickhouse.com/docs/operations/settings/settings#insert_deduplication_token
        """
        if self.cluster is None:
            return dict(INSERT_SETTINGS)
        # Blocks are told apart by their numbers: two threads would number them otherwise each time.
        return {**INSERT_SETTINGS, "max_insert_threads": 1, "insert_deduplication_token": token}


def site(work: Work) -> Site:
    """Return where the run of `work` makes its tables."""
    return Site(work.noted(NOTED))


def clusters(client: Client) -> list[Cluster]:
    """Return the clusters that the server knows and belongs to, by name."""
    found = rows(
        client,
        "SELECT cluster, shard_num, count() FROM system.clusters WHERE cluster IN"
        " (SELECT cluster FROM system.clusters WHERE is_local) GROUP BY cluster, shard_num ORDER BY cluster, shard_num",
    )
    by_name = groupby(found, lambda row: str(row[0]))
    return [Cluster(name, tuple(int(replicas) for _, _, replicas in shards)) for name, shards in by_name]


def in_the_way(client: Client, name: str, layout_of_old: OldLayout = CONTRACT) -> list[str]:
    """Return why `apply` cannot work on the cluster `name`, as sentences."""
    known = {cluster.name: cluster for cluster in clusters(client)}
    if name not in known:
        names = ", ".join(map(str, known.values())) or "none"
        return [f"ClickHouse is in no cluster {name!r}; it knows {names}. Name one of them with --clickhouse-cluster."]
    found = known[name]
    if found.is_sharded:
        sentence = (
            f"The ClickHouse cluster {found} has several shards, over which `tvmigrate apply` does not spread rows. "
            "`tvmigrate plan` prints the statements; run them by hand."
        )
        return [sentence]
    macros: dict[str, set[str]] = {host: set() for host in _servers(client, name)}
    found_macros = f"SELECT hostName(), macro FROM clusterAllReplicas({literal(name)}, system.macros)"
    for host, macro in rows(client, found_macros):
        macros.setdefault(str(host), set()).add(str(macro))
    blockers = [
        f"The server {host} of the ClickHouse cluster {name} has no macro {' and no '.join(missing)}, by which "
        "replicated tables find each other. Add it to the server's configuration."
        for host, there in sorted(macros.items())
        if (missing := sorted({layout.SHARD, layout.REPLICA} - there))
    ]
    for table in layout_of_old.tables:
        engine = rows(client, f"SELECT engine FROM system.tables WHERE {which(table.at)}")
        if engine and not str(engine[0][0]).startswith(("Replicated", "Shared")):
            blockers.append(
                f"{table.at} is a {engine[0][0]}, of which each server of the cluster {name} has rows of "
                "its own; expected is a ReplicatedMergeTree. Copy its rows into one of that name first, or migrate "
                "without --clickhouse-cluster."
            )
    return blockers


def seen(client: Client) -> list[str]:
    """Return a sentence on each cluster of more than one server that the server belongs to."""
    return [
        f"ClickHouse belongs to the cluster {cluster}: tables are made on the one server that was asked, unless "
        f"--clickhouse-cluster {cluster.name} is said."
        for cluster in clusters(client)
        if sum(cluster.replicas) > 1
    ]


def wait_for_replicas(work: Work, names: Iterable[str]) -> None:
    """Return when every server of the run's cluster has every row of the tables; at once where there is none.

    Raises:
        NotEqual: a server has other rows, is read-only, or has none of a table.
    """
    where = site(work)
    if where.cluster is None:
        return
    client, cluster = work.clients.clickhouse, literal(where.cluster)
    servers = _servers(client, where.cluster)
    for name in names:
        client.command(where.synced(name))
        here = rows(client, f"SELECT count() FROM {place(name)}")[0][0]
        counts = dict(
            rows(client, f"SELECT hostName(), count() FROM clusterAllReplicas({cluster}, {place(name)}) GROUP BY 1")
        )
        apart = {host: counts.get(host, 0) for host in servers if counts.get(host, 0) != here}
        if apart:
            raise NotEqual(
                f"The table {name} has {here} rows on the server that was asked, and on others of the cluster "
                f"{where.cluster} it has {', '.join(f'{n} on {host}' for host, n in apart.items())}. Nothing was "
                "switched; see to the replicas, then run `tvmigrate apply` again."
            )


def _servers(client: Client, cluster: str) -> list[str]:
    found = rows(client, f"SELECT DISTINCT hostName() FROM clusterAllReplicas({literal(cluster)}, system.one)")
    return sorted(str(host) for (host,) in found)


def statements(policy: Policy, cluster: Cluster, run: str) -> Iterator[str]:
    """Yield what makes, fills and switches the new tables on `cluster`, in order.

    On several shards the old tables are taken to be local tables of the same names on each of them.
    """
    on = Site(cluster.name)
    built = {table: f"{staging(table, run)}{layout.LOCAL_SUFFIX * cluster.is_sharded}" for table in new.TABLES}
    for table in new.TABLES:
        yield on.create(table, built[table])
        if cluster.is_sharded:
            yield _spread(cluster, table, staging(table, run), built[table])
    each = "-- on one server of each shard\n" if cluster.is_sharded else ""
    for rule in (sql.comments(policy), sql.eaos_metrics(policy)):
        yield each + _insert(place(built[rule.target]), rule.query(rule.source.read()), built[rule.target])
    yield _aggregates(policy, cluster, built[new.COMMENT_AGGREGATES])
    for table in new.TABLES:
        yield on.synced(built[table])
    olds = policy.layout.tables
    taken = {table.name for table in olds if table.database == DATABASE}
    for table in new.TABLES:
        name = staging(table, run)
        yield on.exchange(name, table.name) if table.name in taken else on.rename(name, table.name)
    for was in reversed(olds):
        # What changed places with a new table has its staging name now.
        exchanged = was.at == At(DATABASE, new.EAOS_METRICS.name)
        named = At(DATABASE, staging(new.EAOS_METRICS, run)) if exchanged else was.at
        yield on.rename(named, At(was.database, new.kept_table(was.name, run)))


def _spread(cluster: Cluster, table: Table, name: str, local: str) -> str:
    key = layout.SHARDED_BY[table.name]
    arguments = ", ".join(map(literal, (cluster.name, DATABASE, local)))
    return (
        f"CREATE TABLE {place(name)} ON CLUSTER {quoted(cluster.name)} AS {place(local)}\n"
        f"ENGINE = Distributed({arguments}, {key})"
    )


def _aggregates(policy: Policy, cluster: Cluster, name: str) -> str:
    if not cluster.is_sharded:
        return _insert(place(name), sql.aggregates(policy, policy.layout.comments.read()), name)
    # The comments of one aggregate may be in several shards, the aggregate goes to one.
    comments = policy.layout.comments
    source = comments.read(f"cluster({literal(cluster.name)}, {comments.place})")
    key = layout.SHARDED_BY[new.COMMENT_AGGREGATES.name]
    target = f"FUNCTION cluster({literal(cluster.name)}, {place(name)}, {key})"
    return _insert(target, sql.aggregates(policy, source), name) + ", distributed_foreground_insert = 1"


def _insert(target: str, query: str, token: str) -> str:
    return f"INSERT INTO {target}\n{query}\nSETTINGS insert_deduplication_token = {literal(token)}"
