"""What tests of several folders share: engines to rehearse on, and what share of a long run a session ran."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests import nightly, profiles

if TYPE_CHECKING:
    from tvmigrate.engines.endpoints import Endpoints

_SHARE = "share"
Tell = Callable[..., None]


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    """Where three engines answer that the proofs use one after the other; each empties them first."""
    from tvmigrate.engines.embedded import EmbeddedEngines  # noqa: PLC0415 - not in every pytest run

    with EmbeddedEngines() as engines:
        yield engines.endpoints


@pytest.fixture
def share(record_property: Callable[[str, object], None]) -> Tell:
    """Return what tells which share of a long run a test is.

    Call it as share((run, what), kind, ran, of, seed): `ran` of the `of` things of a kind that the whole run has. They
    took as long as the test, unless `seconds` says otherwise.
    """

    def tell(
        run: tuple[str, str], kind: str, ran: int, of: int, seed: int | None = None, seconds: float | None = None
    ) -> None:
        told = {"run": run[0], "what": run[1], "kind": kind, "ran": ran, "of": of, "seed": seed, "seconds": seconds}
        record_property(_SHARE, told)

    return tell


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which share of each long run was run; write the results of a long run."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, ()) if r.when == "call"]
    told = [
        (told, report.passed, report.duration)
        for report in reports
        for name, told in report.user_properties
        if name == _SHARE
    ]
    for run in nightly.counted(told):
        terminalreporter.write_line(run.line)
        if profiles.is_nightly():
            arguments = shlex.join(config.invocation_params.args)
            path = nightly.write(run, f"HYPOTHESIS_PROFILE=nightly pytest {arguments}".strip())
            terminalreporter.write_line(f"written: {path.relative_to(nightly.ROOT)}")
