"""What one command line says to a store: redis-cli, clickhouse-client, curl, and a client's bare commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tvmigrate.lint.read import http, redis, sql
from tvmigrate.lint.read.options import Options, split
from tvmigrate.lint.read.text import Around, Text
from tvmigrate.lint.statement import Statement, Store, Unread, word_set

_REDIS_VALUES = word_set(
    "-h -p -s -a -u -r -i -n -d --user --pass --pattern --rdb --eval --cacert --cert --key --sni --count --type "
    "--functions-rdb -D -t --quoted-pattern"
)
_REDIS_TASKS = (
    "--pipe",
    "--bigkeys",
    "--memkeys",
    "--hotkeys",
    "--stat",
    "--latency",
    "--intrinsic-latency",
    "--version",
)
_CURL_VALUES = word_set(
    "-X -d -H -u -o -w -T -A -b -c -e -m -K -F --request --data --data-raw --data-binary --data-urlencode "
    "--json --header --user --output --url --max-time --retry --retry-delay --connect-timeout --cacert --cert --key "
    "--write-out --upload-file --config --form"
)
_CLICKHOUSE_VALUES = word_set("-h -u -q -d --host --port --user --password --database --query --queries-file --format")
REDIS_CLIENTS = frozenset({"redis-cli", "valkey-cli", "keydb-cli"})
CLICKHOUSE_CLIENTS = frozenset({"clickhouse-client", "clickhouse-local"})


@dataclass(slots=True)
class Said:
    """What a command line was found to say: to whom, which statements, or that it opens a prompt."""

    store: Store | None = None
    statements: list[Statement] = field(default_factory=list)
    prompt: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A command line: its words, what is fed to it (`fed` but no `stdin`: by something not known), where it stands."""

    words: Sequence[Text]
    stdin: Text | None
    fed: bool
    saved: bool
    many: bool
    at: Text
    around: Around


def say(line: Line) -> Said:
    """Return what a command line says to a store."""
    name = line.words[0].value.rsplit("/", 1)[-1]
    rest = line.words[1:]
    if name == "clickhouse" and rest and rest[0].value in {"client", "local"}:
        name, rest = "clickhouse-client", rest[1:]
    if name in REDIS_CLIENTS:
        return _redis_cli(line, rest)
    if name in CLICKHOUSE_CLIENTS:
        return _clickhouse_client(line, rest)
    if name == "curl":
        return _curl(line, rest)
    return _bare(line, name)


def _redis_cli(line: Line, words: Sequence[Text]) -> Said:
    said = Said("redis")
    options = split(words, _REDIS_VALUES, stop=True)
    place = line.at.place()
    group = line.around.group

    def tell(*parts: str) -> None:
        said.statements.append(redis.command(place, parts, "shell", many=line.many, group=group))

    if (file := options.first("--rdb")) is not None:
        tell("--RDB", file.value)
    elif options.has("--scan"):
        pattern = options.first("--pattern")
        tell("SCAN", *(() if pattern is None else ("MATCH", pattern.value)))
    elif (script := options.first("--eval")) is not None:
        opened = line.around.opener(script.value)
        if opened is None:
            said.statements.append(Unread(place, f"the script {script.value}, which is not beside this file"))
        else:
            tell("EVAL", opened[0])
    elif options.words:
        tell(*(word.value for word in options.words))
    elif line.stdin is not None and not options.has("--pipe"):
        said.statements += redis.read_redis(line.stdin, "shell", many=line.many)
    elif line.fed or options.has("--pipe"):
        said.statements.append(Unread(place, "what is fed to redis-cli, which is made at run time"))
    else:
        said.prompt = not options.has(*_REDIS_TASKS)
    return said


def _clickhouse_client(line: Line, words: Sequence[Text]) -> Said:
    said = Said("clickhouse")
    options = split(words, _CLICKHOUSE_VALUES, bundles="nmqhud")
    settings = frozenset(name.lstrip("-").replace("-", "_") for name in options.given)
    texts = options.all("--query", "-q")
    for name in options.all("--queries-file"):
        texts += _opened(line, name, said)
    if not texts and line.stdin is not None:
        texts = [line.stdin]
    for text in texts:
        if _is_at_run_time(text.value):
            said.statements.append(Unread(text.place(), f"the statement {text.value}, which is made at run time"))
        else:
            said.statements += sql.read_sql(text, "shell", settings, line.saved)
    if not texts and not said.statements:
        if line.fed:
            said.statements.append(
                Unread(line.at.place(), "what is fed to clickhouse-client, which is made at run time")
            )
        else:
            said.prompt = not options.has("--version", "--help", "-V")
    return said


def _curl(line: Line, words: Sequence[Text]) -> Said:
    options = split(words, _CURL_VALUES, bundles="fsSkLgGivI")
    url = options.first("--url") or next(iter(options.words), None)
    if url is None:
        return Said()
    said = Said(http.store_of(url.value))
    body = _body(line, options, said)
    method = options.first("-X", "--request")
    spelled = method.value if method is not None else "GET" if body is None or options.has("-G") else "POST"
    said.statements += http.request(line.at.place(), spelled, url.value, body, "shell")
    if said.store is None and said.statements:
        said.store = "clickhouse"
    return said


def _body(line: Line, options: Options, said: Said) -> Text | None:
    given = options.first(
        "-d", "--data", "--data-raw", "--data-binary", "--json", "--data-urlencode", "-T", "--upload-file"
    )
    if given is None:
        return None
    if given.value.startswith("query="):
        return given.part(len("query="), len(given.value))
    if given.value in {"@-", "-"}:
        return line.stdin if line.stdin is not None else given.part(0, 0)
    if given.value.startswith("@"):
        opened = _opened(line, given.part(1, len(given.value)), said)
        return opened[0] if opened else given.part(0, 0)
    return given


def _opened(line: Line, name: Text, said: Said) -> list[Text]:
    """Return the text of a file that the command reads, or tell that it is not there."""
    opened = line.around.opener(name.value)
    if opened is None:
        said.statements.append(Unread(name.place(), f"the file {name.value}, which is not found from here"))
        return []
    text, path = opened
    return [Text(text, 1, 1, Around(path, line.around.rollback, opener=line.around.opener))]


def _bare(line: Line, name: str) -> Said:
    """Return a store's own command that stands where a shell's should, as guides write them: `FLUSHDB`."""
    words = [word.value for word in line.words]
    if name in redis.COMMANDS and name.isupper() and name != "SET":
        return Said("redis", [redis.command(line.at.place(), words, "client", many=line.many)])
    if name in sql.VERBS and name.isupper() and len(words) > 1:
        source = Text(" ".join(words), line.at.line, line.at.column, line.around)
        return Said("clickhouse", list(sql.read_sql(source, "client")))
    return Said()


def _is_at_run_time(text: str) -> bool:
    return text.startswith(("$", "`")) and len(text.split()) == 1
