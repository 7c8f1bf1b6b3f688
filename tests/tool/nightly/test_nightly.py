"""The page of the long runs: made from their result files, and from nothing else."""

from __future__ import annotations

import re

from tests import nightly


def share(kind: str, ran: int, of: int, seed: int | None = None, seconds: float | None = None) -> dict[str, object]:
    told = {"run": "false-alarms", "what": "variations", "kind": kind, "ran": ran, "of": of, "seed": seed}
    return told | {"seconds": seconds}


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
    assert (run.seeds, run.seconds_of) == ({"random": 7}, {"forms": 3.5, "random": 100.0})


def test_a_share_of_a_run_that_was_stopped_and_went_on_says_how_long_it_took():
    (run,) = nightly.counted([(share("forms", 10, 10, seconds=3600.0), True, 2.5)])
    assert run.seconds_of == {"forms": 3600.0}


def test_a_short_run_says_its_share_and_what_failed():
    (run,) = nightly.counted(TOLD)
    assert run.line == "false alarms: 12 of 70 variations, 1 failed"


def test_each_kind_stands_in_the_file_as_it_was_run_last(tmp_path, monkeypatch):
    monkeypatch.setattr(nightly, "FOLDER", tmp_path)
    (whole,) = nightly.counted(TOLD)
    (again,) = nightly.counted([(share("forms", 10, 10), True, 4.0)])
    assert nightly.write(whole, "all of them") == nightly.write(again, "forms alone") == tmp_path / "false-alarms.json"
    (result,) = nightly.results()
    forms, random = result["kinds"]["forms"], result["kinds"]["random"]
    assert tuple(forms) == tuple(random) == nightly.KEYS
    assert (forms["ran"], forms["failed"], forms["command"]) == (10, 0, "forms alone")
    assert (random["ran"], random["seed"], random["command"]) == (5, 7, "all of them")
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", forms["commit"])


def test_the_page_is_made_from_the_result_files():
    assert nightly.PAGE.read_text(encoding="utf-8") == nightly.page(nightly.results()), "run `python -m tests.nightly`"


def test_what_is_kept_was_run_without_a_failure():
    """Assert that what the page shows as run was run clean: a failed run is mended, not kept."""
    assert nightly.failures(nightly.results()) == []


def test_a_kept_run_that_failed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(nightly, "FOLDER", tmp_path)
    (run,) = nightly.counted(TOLD)
    nightly.write(run, "pytest tests/false_alarms")
    assert nightly.failures(nightly.results()) == ["false-alarms, forms: 1 of 7 failed"]
