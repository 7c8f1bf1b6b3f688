"""ClickHouse in a container: its default user reachable and without a password, the time zone UTC, macros set."""

from __future__ import annotations

from tvmigrate.engines.containers.spec import MB, Spec
from tvmigrate.engines.embedded import clickhouse as embedded

NAME = "clickhouse"
PORT = 8123
# A DateTime without a zone is told in the server's. Macros are what a ReplicatedMergeTree's path and ON CLUSTER take
# from the server: https://clickhouse.com/docs/operations/server-configuration-parameters/settings#macros
_SETTINGS = """\
<clickhouse>
    <timezone>UTC</timezone>
    <macros>
        <cluster>default</cluster>
        <shard>01</shard>
        <replica>01</replica>
    </macros>
</clickhouse>
"""


def spec(image: str) -> Spec:
    """Return what the container of `image` is to be."""
    # Without the variable, and without a password, the image bars its user `default` from the network:
    # https://clickhouse.com/docs/install/docker#managing-default-user
    environ = {"CLICKHOUSE_SKIP_USER_SETUP": "1", "TZ": "UTC"}
    files = {"/etc/clickhouse-server/config.d/tvmigrate.xml": _SETTINGS}
    return Spec(NAME, image, PORT, 3072 * MB, environ, files=files)


def url(host: str, port: int) -> str:
    """Return the URL of the ClickHouse that is reached at `host` and `port`."""
    return f"http://{host}:{port}"


def answer(host: str, port: int) -> str | None:
    """Return the version if a SELECT is answered, else None."""
    return embedded.answer(port, host)
