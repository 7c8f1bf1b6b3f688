"""The page of the long runs: made from their result files, and from nothing else."""

from __future__ import annotations

import re

import pytest

from tests import nightly


def share(kind: str, ran: int, of: int, seed: int | None = None) -> dict[str, object]:
    return {"run": "false-alarms", "what": "variations", "kind": kind, "ran": ran, "of": of, "seed": seed}


TOLD = [
    (share("forms", 4, 10), True, 1.5),
    (share("forms", 3, 10), False, 2.0),
    (share("random", 5, 60, seed=7), True, 100.0),
]


def test_shares_of_one_kind_add_up_and_its_whole_is_counted_once():
    (run,) = nightly.counted(TOLD)
    assert run.counts == {
        "forms": {"ran": 7, "of": 10, "failed": 1},
        "random": {"ran": 5, "of": 60, "failed": 0},
    }
    assert (run.seeds, run.seconds) == ({"random": 7}, 103.5)


def test_a_short_run_says_its_share_and_what_failed():
    (run,) = nightly.counted(TOLD)
    assert run.line == "false alarms: 12 of 70 variations, 1 failed"


def test_a_result_is_written_with_every_key(tmp_path, monkeypatch):
    monkeypatch.setattr(nightly, "FOLDER", tmp_path)
    (run,) = nightly.counted(TOLD)
    assert nightly.write(run, "pytest tests/false_alarms") == tmp_path / "false-alarms.json"
    (result,) = nightly.results()
    assert tuple(result) == nightly.KEYS
    assert result["share"] == {"ran": 12, "of": 70}
    assert re.fullmatch(r"[0-9a-f]{12}", result["commit"])


def test_the_page_is_made_from_the_result_files():
    assert nightly.PAGE.read_text(encoding="utf-8") == nightly.page(nightly.results()), "run `python -m tests.nightly`"


@pytest.mark.parametrize("result", nightly.results(), ids=lambda result: result["run"])
def test_a_result_that_is_kept_has_every_key_and_no_failure(result):
    """Assert that what the page shows as run was run clean: a failed run is mended, not kept."""
    assert set(nightly.KEYS) <= set(result)
    assert result["failed"] == 0
