"""The shell around the stores: errors that nobody sees, waiting that waits for nothing, secrets that everybody sees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.statement import Place, Program, PythonSwallow, Shell

_ONLY_TALK = frozenset({"echo", "printf", "yes"})  # these do not fail
_COMPOSE = frozenset({"docker-compose", "podman-compose"})
_DATA_FOLDERS = re.compile(r"/var/lib/(redis|clickhouse|elasticsearch)|/data\b|_data\b")


def _compose(one: Shell) -> Sequence[str]:
    """Return the words after `docker compose`; none if it is another command."""
    if one.name in _COMPOSE:
        return one.args
    return one.args[1:] if one.name == "docker" and one.args[:1] == ("compose",) else ()


@hazard(
    "TVM401",
    "no-set-e",
    Severity.ERROR,
    "The script goes on after a command that failed: the next step works on half of what it expects.",
    """
set -euo pipefail
""",
)
def no_set_e(program: Program) -> Iterator[Hit]:
    """A shell script that speaks to a store without `set -e`."""
    for source in program.sources:
        if source.kind == "shell" and not source.errexit:
            speaking = (one for one in source.statements if isinstance(one, Shell) and one.store)
            first = next(speaking, None)
            if first is not None:
                yield at(Place(source.path, source.first_line, 1, source.rollback))


@hazard(
    "TVM402",
    "pipe-without-pipefail",
    Severity.WARNING,
    "Without pipefail only the last command of a pipe counts: when {command} fails, the script goes on with what little came.",
    """
set -o pipefail
""",
)
def pipe_without_pipefail(program: Program) -> Iterator[Hit]:
    """A pipe from or to a store, in a script without pipefail, whose first part may fail."""
    for source in program.sources:
        if source.kind != "shell" or source.pipefail:
            continue
        waiting: list[Shell] = []
        for one in source.statements:
            if not isinstance(one, Shell):
                continue
            waiting.append(one)
            if not one.piped_on:
                first = next((part for part in waiting[:-1] if part.name not in _ONLY_TALK), None)
                if first is not None and any(part.store for part in waiting):
                    yield at(first.place, command=first.name)
                waiting = []


@hazard(
    "TVM403",
    "failure-dropped",
    Severity.WARNING,
    "What goes wrong here is dropped ({how}): the migration goes on as if it had worked.",
    """
if ! redis-cli EXISTS KEY; then echo "KEY is away" >&2; exit 1; fi    # expect the one error that is meant
""",
)
def failure_dropped(program: Program) -> Iterator[Hit]:
    """`|| true` after a store's command, or `except Exception: pass` around one."""
    for one in program.statements:
        if isinstance(one, Shell) and one.failure_dropped and one.store:
            yield at(one.place, how="|| true")
        elif isinstance(one, Shell) and one.name == "set" and "+e" in one.args:
            yield at(one.place, how="set +e")
        elif isinstance(one, PythonSwallow):
            yield at(one.place, how="except … pass")


@hazard(
    "TVM404",
    "curl-hides-http-errors",
    Severity.WARNING,
    "curl ends with 0 also when the store answers 400 or 500.",
    """
curl -fsS …    # or --fail-with-body, to see what the store says
""",
)
def curl_hides_http_errors(program: Program) -> Iterator[Hit]:
    """A request that changes something, by curl in a script, without --fail."""
    asking = {one.place for one in program.http if one.method in {"GET", "HEAD"}}
    for one in program.shell:
        if one.name == "curl" and one.script and one.store and one.place not in asking and not _fails(one):
            yield at(one.place)


def _fails(curl: Shell) -> bool:
    bundled = any(re.fullmatch(r"-[a-zA-Z]*f[a-zA-Z]*", arg) for arg in curl.args)
    return bundled or any(arg.startswith("--fail") or "%{http_code}" in arg for arg in curl.args)


@hazard(
    "TVM405",
    "sleep-for-readiness",
    Severity.WARNING,
    "sleep {seconds} hopes that the stores are ready by then; on a slower machine, or with more data, they are not.",
    """
until redis-cli PING | grep -q PONG; do sleep 1; done
until curl -fsS "$ELASTICSEARCH_URL/_cluster/health?wait_for_status=yellow"; do sleep 1; done
""",
)
def sleep_for_readiness(program: Program) -> Iterator[Hit]:
    """A sleep that is not the pause of a loop."""
    for one in program.shell:
        if one.name == "sleep" and not one.looped:
            yield at(one.place, seconds=one.args[0] if one.args else "")


@hazard(
    "TVM408",
    "services-stopped-unchecked",
    Severity.WARNING,
    "{command} is believed to have stopped the writers, and nothing checks it; what it stops of the stores is away for the next step.",
    """
docker compose stop api worker                               # the writers, by name; the stores go on
[ -z "$(docker compose ps -q --status running api worker)" ]    # and look
""",
)
def services_stopped_unchecked(program: Program) -> Iterator[Hit]:
    """Services that are stopped, with no look at what runs right after."""
    commands = list(program.shell)
    for index, one in enumerate(commands):
        words = _compose(one)
        stops = words[:1] in (("down",), ("stop",)) or (one.name == "systemctl" and one.args[:1] == ("stop",))
        if not stops:
            continue
        after = [" ".join((near.name, *near.args)) for near in commands[index + 1 : index + 4]]
        if not any(re.search(r"\bps\b|is-active|inspect|\bpgrep\b|\blsof\b|CLIENT LIST", near) for near in after):
            yield at(one.place, command=" ".join((one.name, *one.args)))


@hazard(
    "TVM409",
    "data-removed-with-volumes",
    Severity.ERROR,
    "{command} removes the stores' data on disk, for good.",
    """
docker compose stop    # without -v: the volumes stay
""",
)
def data_removed_with_volumes(program: Program) -> Iterator[Hit]:
    """Volumes or data folders that are removed."""
    for one in program.shell:
        words = _compose(one)
        down = words[:1] == ("down",) and bool({"-v", "--volumes"} & set(words))
        volume = one.name in {"docker", "podman"} and one.args[:2] in {("volume", "rm"), ("volume", "prune")}
        args = " ".join(one.args)
        folder = one.name in {"rm", "sudo"} and bool(re.search(r"-\w*[rf]", args)) and bool(_DATA_FOLDERS.search(args))
        if down or volume or folder:
            yield at(one.place, command=" ".join((one.name, *one.args)))


@hazard(
    "TVM411",
    "password-in-command-line",
    Severity.WARNING,
    "The password given with {option} is seen by everybody who lists the processes, and stays in the shell's history.",
    """
export REDISCLI_AUTH CLICKHOUSE_PASSWORD    # read from a file or a secret store; curl: --netrc-file
""",
)
def password_in_command_line(program: Program) -> Iterator[Hit]:
    """-a, --pass, --password, -u name:password, or a URL that holds one."""
    for one in program.shell:
        option = _password(one)
        if option:
            yield at(one.place, option=option)


def _password(one: Shell) -> str:
    words = (one.name, *one.args)
    client = next(
        (name for name in ("redis-cli", "clickhouse-client", "curl") if any(name in word for word in words)), ""
    )
    for word, after in zip(words, (*words[1:], ""), strict=True):
        if client == "redis-cli" and word in {"-a", "--pass"} and after:
            return word
        if client == "clickhouse-client" and ((word == "--password" and after) or word.startswith("--password=")):
            return "--password"
        if client == "curl" and word in {"-u", "--user"} and ":" in after:
            return word
        if client and re.search(r"://[^/\s:@]*:[^/\s@]+@", word):
            return "the URL"
    return ""


@hazard(
    "TVM412",
    "prompt-in-script",
    Severity.ERROR,
    "{command} opens a prompt and waits for a person: the lines after it are not sent to it.",
    """
clickhouse-client --query "SELECT 1"
redis-cli PING
docker exec -i CONTAINER clickhouse-client < statements.sql
""",
)
def prompt_in_script(program: Program) -> Iterator[Hit]:
    """A store's client without a command or an input, in a script."""
    for one in program.shell:
        if one.script and one.interactive:
            yield at(one.place, command=" ".join((one.name, *one.args)))


HAZARDS = (
    no_set_e,
    pipe_without_pipefail,
    failure_dropped,
    curl_hides_http_errors,
    sleep_for_readiness,
    services_stopped_unchecked,
    data_removed_with_volumes,
    password_in_command_line,
    prompt_in_script,
)
