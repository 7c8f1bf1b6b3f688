"""What is asked before live stores are migrated, and which stores are live."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.tool.migrate.stores import POLICY, ROOT, Stores, different
from tests.tool.migrate.test_commands import tvmigrate
from tests.tool.report.samples import BACK, PASSED, verdict
from tvmigrate.contract.outcome import Store
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.practice import REHEARSAL, practice, rehearsing
from tvmigrate.errors import UsageError
from tvmigrate.made import NO_ROLLBACK, OTHER_CHECKS, contract_digest
from tvmigrate.migrate import run
from tvmigrate.migrate.errors import Blocked
from tvmigrate.migrate.gate import Gate, age_of
from tvmigrate.migrate.plan import STEPS
from tvmigrate.migrate.system import identify
from tvmigrate.report import verdict_json
from tvmigrate.verify.findings import NotJudged
from tvmigrate.verify.job import MIGRATION_COMMAND
from tvmigrate.verify.provenance import Provenance

HERE = "cluster server"
ADVICE = (
    " Rehearse on their own data first: `tvmigrate capture DIR --show NAME`, then `tvmigrate rehearse --dataset DIR "
    "--show NAME`, and name its report with --rehearsal DIR. --without-rehearsal REASON goes on without one, and the "
    "journal keeps the reason."
)


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rehearsed(folder: Path, system: str = HERE, **changes: Any) -> Path:
    """Write what a rehearsal of this version on data of `system` says; `changes` are of the verdict, or of `made`."""
    made = Provenance(ago(hours=1), version("tvmigrate"), "3", "ab" * 32, contract_digest(), system, ago(hours=2))
    of_made = {name: changes.pop(name) for name in list(changes) if name in Provenance.__slots__}
    policy = {
        "show": "the_voice", "keep_entities": False, "entity_map": {}, "old_layout": None, "timezone": "UTC",
        "missing_counts": "quarantine", "migration": MIGRATION_COMMAND,
    }  # fmt: skip
    given = verdict(PASSED, BACK)
    policy |= changes.pop("policy", {})
    verdict_json.write(replace(given, policy=policy, made=replace(made, **of_made), **changes), folder)
    return folder


def refusal(gate: Gate) -> str:
    (sentence,), noted = gate.look(HERE, POLICY)
    assert noted == {}
    begin = "These stores are live, and no rehearsal speaks for them: "
    assert sentence.startswith(begin)
    assert sentence.endswith(f".{ADVICE}")
    return sentence.removeprefix(begin).removesuffix(f".{ADVICE}")


def test_a_passed_rehearsal_of_this_on_data_of_these_stores_opens_the_gate_and_is_noted(tmp_path: Path) -> None:
    path = rehearsed(tmp_path) / "verdict.json"
    made = json.loads(path.read_text("utf-8"))["made"]
    told = {key: made[key] for key in ("began", "tvmigrate", "contract_sha256", "dataset_sha256", "captured_at")}
    for given in (tmp_path, path):
        assert Gate("", given).look(HERE, POLICY) == ([], {"rehearsal": str(path), **told})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"checks": [replace(PASSED, state="fail"), BACK]}, "did not pass: its verdict is fail"),
        ({"checks": [PASSED]}, "is of a part of the checks: a rehearsal runs all of them, and the rollback"),
        (
            {"not_judged": [NotJudged(("redis.eaos",), OTHER_CHECKS)]},
            "is of a part of the checks: a rehearsal runs all of them, and the rollback",
        ),
        (
            {"not_judged": [NotJudged(("rollback.redis",), NO_ROLLBACK)]},
            "is of a part of the checks: a rehearsal runs all of them, and the rollback",
        ),
        ({"policy": {"migration": "./migrate.sh"}}, "is of another migration: ./migrate.sh"),
        ({"policy": {"show": "idol"}}, "was made with show 'idol', and now it is 'the_voice'"),
        ({"policy": {"entity_map": {"a": "b"}}}, "was made with entity_map {'a': 'b'}, and now it is {}"),
        ({"policy": {"old_layout": {}}}, "was made with old_layout {}, and now it is None"),
        ({"tvmigrate": "0.0.1"}, f"is of version 0.0.1, and this is {version('tvmigrate')}"),
        ({"contract_sha256": "cd" * 32}, "was judged by another contract than this version has"),
        ({"system": None}, "is of a dataset that was not captured from any live stores"),
        ({"system": "others"}, "is of data of other stores than these"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_any_other_rehearsal_keeps_it_shut(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    rehearsed(tmp_path, **changes)
    assert refusal(Gate("", tmp_path)) == f"{tmp_path / 'verdict.json'} {why}"


@pytest.mark.parametrize(("key", "what"), [("began", "is of"), ("captured_at", "is of data captured at")])
def test_a_rehearsal_and_its_data_must_not_be_older_than_was_said(tmp_path: Path, key: str, what: str) -> None:
    at = ago(hours=3)
    rehearsed(tmp_path, **{key: at})
    assert Gate("", tmp_path, age_of("4h")).look(HERE, POLICY)[0] == []
    why = f"{what} {at}, longer ago than --rehearsal-max-age allows"
    assert refusal(Gate("", tmp_path, age_of("2h"))) == f"{tmp_path / 'verdict.json'} {why}"


def test_what_cannot_be_read_is_no_rehearsal(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    assert refusal(Gate("", path)) == f"{path} cannot be read (No such file or directory)"
    for text in ("", "[]", "{}", '{"verdict": "pass"}', '{"made": null, "verdict": "pass", "checks": 1}'):
        path.write_text(text)
        assert refusal(Gate("", path)) == f"{path} is no verdict.json of this version"


def test_an_age_that_says_nothing_is_a_usage_error() -> None:
    assert age_of("90m") == timedelta(minutes=90)
    for text in ("", "7", "d", "-1d", "0d", "1 d", "1w"):
        with pytest.raises(UsageError) as refused:
            age_of(text)
        said = f"--rehearsal-max-age is {text!r}; expected are minutes, hours or days: 90m, 12h, 7d."
        assert str(refused.value) == said


def test_no_step_changes_anything_old_before_the_backup_is_verified() -> None:
    """Assert that the backup needs no gate of its own: it is made and read back before anything is built."""
    names = [step.name for step in STEPS]
    verified = names.index("backup.verify")
    assert {name.partition(".")[0] for name in names[:verified]} == {"backup"}
    assert {f"backup.{store}" for store in Store if store is not Store.CROSS} == set(names[:verified])


# ----------------------------------------------------------------------------------------------- which are live


def test_embedded_engines_are_for_practice_and_what_else_listens_is_not(endpoints: Endpoints) -> None:
    assert practice(endpoints, {}) == "embedded engines of this machine"
    # The same stores by a name that may be anybody's.
    for name in ("redis", "clickhouse", "elasticsearch"):
        assert practice(elsewhere(endpoints, name), {}) == ""


def elsewhere(endpoints: Endpoints, *names: str) -> Endpoints:
    return replace(endpoints, **{name: getattr(endpoints, name).replace("127.0.0.1", "127.1") for name in names})


def test_a_process_that_only_looks_like_an_engine_is_live(endpoints: Endpoints) -> None:
    import socket  # noqa: PLC0415 - here alone

    with socket.create_server(("127.0.0.1", 0)) as ours:
        url = f"redis://127.0.0.1:{ours.getsockname()[1]}"
        assert practice(replace(endpoints, redis=url), {}) == ""


@pytest.mark.parametrize(
    "url", ["unix:///tmp/redis.sock", "redis://127.0.0.1", "redis://db.example:6379", "nonsense", ""]
)
def test_what_names_no_port_of_loopback_is_live(endpoints: Endpoints, url: str) -> None:
    assert practice(replace(endpoints, redis=url), {}) == ""


def test_a_rehearsals_stores_are_its_own_while_it_runs_and_no_others(endpoints: Endpoints, tmp_path: Path) -> None:
    strange = elsewhere(endpoints, "redis", "clickhouse", "elasticsearch")
    with rehearsing(strange, tmp_path) as named:
        assert practice(strange, named) == "the stores of a rehearsal that is running"
        assert practice(elsewhere(endpoints, "redis"), named) == ""
        path = Path(named[REHEARSAL])
        said = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps(said | {"process": {"pid": os.getpid(), "began": "another time"}}))
        assert practice(strange, named) == ""
    assert practice(strange, named) == ""


# ---------------------------------------------------------------------------------------------------- the command


def live(stores: Stores) -> dict[str, str]:
    return elsewhere(stores.endpoints, "redis", "clickhouse", "elasticsearch").environ()


def test_live_stores_are_not_migrated_without_a_rehearsal_and_with_a_reason_they_are(
    stores: Stores, tmp_path: Path
) -> None:
    before = stores.picture()
    words = ("apply", "--yes", "--show", "the_voice", "--rehearsal", str(tmp_path))
    code, _, err = tvmigrate(stores, *words, **live(stores))
    assert code == 1
    assert "The migration cannot begin, 1 blocker, and nothing was written:\n  - These stores are live" in err
    assert different(before, stores.picture()) == {}
    code, _, err = tvmigrate(stores, *words, "--without-rehearsal", " ", **live(stores))
    assert (code, err) == (2, "Error: --without-rehearsal wants the reason, in words that the journal can keep.\n")
    code, out, _ = tvmigrate(stores, *words, "--without-rehearsal", "the lab's copy", **live(stores))
    remark = "It was begun on live stores without a rehearsal: the lab's copy"
    assert (code, out.endswith(f" {remark}\n")) == (0, True)
    assert stores.status().endswith(f" {remark}")


def test_a_run_that_was_let_in_goes_on_without_being_asked_again(stores: Stores, tmp_path: Path) -> None:
    gate = Gate("", rehearsed(tmp_path / "report", identify(stores.clients)))

    def at_work(**how: Any) -> run.Done:
        return run.apply(stores.endpoints, POLICY, None, stores.state, stop, **how)

    def stop(event: object) -> None:
        if getattr(event, "task", "") == "build.clickhouse":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at_work(gate=gate)
    assert stores.status().startswith("In progress")
    done = run.apply(stores.endpoints, POLICY, None, stores.state, stores.hear, gate=Gate("", tmp_path / "gone"))
    assert done.changed
    stores.rollback()
    with pytest.raises(Blocked, match="no rehearsal speaks for them"):
        run.apply(stores.endpoints, POLICY, None, stores.state, stores.hear, gate=Gate("", tmp_path / "gone"))


def test_reapply_asks_live_stores_for_what_apply_asks(stores: Stores, tmp_path: Path) -> None:
    """Assert that the rehearsal of the first migration is not enough once it is too old, and a confirmation is due."""
    stores.apply()
    stores.rollback()
    before = stores.picture()
    old = rehearsed(tmp_path / "old", identify(stores.clients), began=ago(days=8))
    words = ("reapply", "--rehearsal", str(old))
    code, _, err = tvmigrate(stores, *words, **live(stores))
    assert (code, err) == (2, "Error: There is no terminal to ask at: say --yes to go on without being asked.\n")
    code, _, err = tvmigrate(stores, *words, "--yes", **live(stores))
    assert (code, "longer ago than --rehearsal-max-age allows. Rehearse on their own data first" in err) == (1, True)
    assert different(before, stores.picture()) == {}


@pytest.fixture
def terminal(stores: Stores) -> Callable[..., pexpect.spawn]:
    def typed(*words: str, **environ: str) -> pexpect.spawn:
        variables = {**os.environ, **stores.endpoints.environ(), **environ, "TVMIGRATE_STATE": str(stores.state)}
        command = ["-P", "-m", "tvmigrate", "apply", "--show", "the_voice", *words]
        return pexpect.spawn(sys.executable, command, env=variables, cwd=str(ROOT), encoding="utf-8", timeout=60)

    return typed


def test_at_a_terminal_the_host_of_live_stores_is_typed(
    stores: Stores, terminal: Callable[..., pexpect.spawn], tmp_path: Path
) -> None:
    before = stores.picture()
    child = terminal(**live(stores))
    child.expect_exact("Type the host of ClickHouse (127.1) to migrate them: ")
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert different(before, stores.picture()) == {}
    child = terminal("--rehearsal", str(rehearsed(tmp_path, identify(stores.clients))), **live(stores))
    child.expect_exact("to migrate them: ")
    child.sendline("127.1")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert stores.status().startswith("Applied: ")
