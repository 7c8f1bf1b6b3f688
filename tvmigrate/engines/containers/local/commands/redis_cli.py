"""redis-cli, as far as a health check and `docker exec` need it: one command, or one a line from stdin."""

import shlex
import socket
import sys

connection = socket.create_connection(("127.0.0.1", 6379))
stream = connection.makefile("rb")


def ask(*words: str) -> bytes:
    """Send a command and return its answer."""
    parts = [word.encode("utf-8", "surrogateescape") for word in words]
    connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
    return answer()


def answer() -> bytes:
    """Read one answer, of an array one element a line."""
    line = stream.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"$":
        return stream.read(int(rest) + 2)[:-2] if int(rest) >= 0 else b""
    if kind == b"*":
        return b"\n".join(answer() for _ in range(int(rest)))
    return b"(error) " + rest if kind == b"-" else rest


words = sys.argv[1:]
if words[:1] == ["-n"]:
    ask("SELECT", words[1])
    words = words[2:]
for command in [words] if words else map(shlex.split, sys.stdin):
    if command:
        sys.stdout.buffer.write(ask(*command) + b"\n")
