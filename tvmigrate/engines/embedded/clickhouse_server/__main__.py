"""Start the server: `--data DIR --port PORT`. It prints `ready` when it answers and ends on SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tvmigrate.errors import ExitCode, TvmigrateError

PASSWORD = "TVMIGRATE_CLICKHOUSE_PASSWORD"  # noqa: S105 - the variable's name


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; return the exit status: 0 after a clean stop, 3 when it could not start."""
    parser = argparse.ArgumentParser(prog="clickhouse_server", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the data; made if missing")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--user", default="default")
    parser.add_argument(
        "--password-file", type=Path, help=f"file that holds the password (else ${PASSWORD}, else none)"
    )
    parser.add_argument("--config", type=Path, help="file of ClickHouse's own configuration: clusters, macros")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(argv)
    try:
        serve(options)
    except TvmigrateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return ExitCode.PASS


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), family=_family(host), backlog=256)
        # Connections inherit it; without it each small answer waits 40 ms for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise TvmigrateError(
            f"The ClickHouse server cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}. "
            "Choose a free port with --port."
        ) from error
    return listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _own(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / f".writable-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
        with (data / "status").open("ab") as status:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as the engine will; it goes with the file
    except BlockingIOError as error:
        raise TvmigrateError(
            f"Another ClickHouse server already runs in the data directory {data}. "
            "Stop it, or choose another directory with --data."
        ) from error
    except OSError as error:
        raise TvmigrateError(
            f"The ClickHouse server cannot write in its data directory {data}: {error.strerror}. "
            "Choose a directory of your own with --data."
        ) from error


def _password(file: Path | None) -> str:
    if file is None:
        return os.environ.get(PASSWORD, "")
    try:
        return file.read_text().rstrip("\n")
    except OSError as error:
        raise TvmigrateError(f"The password file {file} cannot be read: {error.strerror}.") from error


def serve(options: argparse.Namespace) -> None:
    """Open the engine and answer until SIGTERM, SIGINT or, if asked for, the end of standard input.

    Raises:
        TvmigrateError: the port, the data directory or the password file cannot be used.
    """
    listener = _listen(options.host, options.port)
    _own(options.data)
    password = _password(options.password_file)
    os.environ["TZ"] = "UTC"  # the engine's own time zone, read when it is loaded
    # chdb takes half a second to load: only once the port and the directory are ours.
    import uvicorn  # noqa: PLC0415

    from tvmigrate.engines.embedded.clickhouse_server.app import User, create_app  # noqa: PLC0415
    from tvmigrate.engines.embedded.clickhouse_server.engine import Engine  # noqa: PLC0415
    from tvmigrate.engines.embedded.clickhouse_server.errors import QueryError  # noqa: PLC0415
    from tvmigrate.engines.embedded.clickhouse_server.execute import Service  # noqa: PLC0415

    try:
        engine = Engine(options.data, options.config)
    except QueryError as error:
        raise TvmigrateError(
            f"The ClickHouse engine cannot open its data directory {options.data}: {error.text} "
            "Choose another directory with --data, or move the damaged one away."
        ) from error
    service = Service(engine, socket.gethostname())

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """End in order: uvicorn's own way raises the signal again, before the engine is closed."""

            def stop(number: int, frame: object) -> None:
                self.should_exit = True

            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, stop)
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            sys.stdout.write("ready\n")
            sys.stdout.flush()

    config = uvicorn.Config(
        create_app(service, User(options.user, password)),
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )
    # Said of every answer that fails half way: its end is missing on purpose.
    logging.getLogger("uvicorn.error").addFilter(lambda line: "without completing response" not in line.getMessage())
    server = Server(config)
    if options.exit_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])
    service.close()


def _stop_with_stdin(server: object) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
