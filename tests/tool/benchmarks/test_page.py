"""The page of benchmarks says what the newest result file says."""

from __future__ import annotations

from pathlib import Path

from bench.model import Turn, Usage
from bench.page import PAGE, compared, page
from bench.results import FOLDER, GroupResult, Results, newest
from bench.rows import GROUPS, ROWS


def some(*turns: tuple[float, int], peak: int = 0) -> list[Turn]:
    engines = {"redis": Usage(0.5, 0.25)}
    return [Turn(seconds, seconds, records, Usage(0.25, 0.125), engines, peak) for seconds, records in turns]


def results(**groups: GroupResult) -> Results:
    machine = {"cpu": "x", "cores": 2, "memory_gb": 1.0, "system": "Linux", "python": "3.11", "load_before": 0.0}
    return Results("python -m bench", 0.5, "2026-01-02T03:04:05Z", "abc", machine, groups)


def test_the_page_is_the_one_that_the_newest_result_file_gives() -> None:
    path = newest()
    assert path is not None
    assert PAGE.read_text(encoding="utf-8") == page(Results.read(path), path.name), "run: python -m bench.page"


def test_every_row_is_of_a_group_and_has_a_name_of_its_own() -> None:
    assert {row.group for row in ROWS} == {group.name for group in GROUPS}
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_a_rate_is_ours_over_theirs_turn_by_turn_and_its_median_is_judged() -> None:
    naive = some((1.0, 100), (2.0, 100), (1.0, 100))
    ours = some((1.0, 200), (1.0, 100), (1.0, 100))
    measured = results(**{"redis.migrate": GroupResult("keys", {"apply": ours, "naive": naive})})
    (one,) = [one for one in compared(measured) if not isinstance(one, tuple)]
    assert (one.row.name, one.ratios, one.median, one.met) == ("redis.migrate", [2.0, 2.0, 1.0], 2.0, True)
    text = page(measured, "x.json")
    assert "| ≥ 1.5 | 2.00 | 1.00 – 2.00 | 3 | 100/s | 100/s | 1.00 | yes |" in text
    assert "## Where the time goes" not in text


def test_a_target_that_is_missed_is_said_with_where_the_time_went() -> None:
    sides = {"rehearse": some((5.0, 1)), "engines": some((2.0, 1))}
    text = page(results(rehearse=GroupResult("fixtures/clean", sides)), "x.json")
    assert "| ≤ 2 | 2.50 | 2.50 – 2.50 | 1 | 5.0 s | 2.0 s |  | **no** |" in text
    assert "| rehearse | 5.0 | 0.2 | 0.1 | redis 0.5 + 0.2 |" in text


def test_memory_is_judged_in_bytes_too() -> None:
    sides = {"load × 10": some((10.0, 1), peak=320_000_000), "load × 1": some((1.0, 1), peak=310_000_000)}
    found = [one for one in compared(results(growth=GroupResult("x", sides))) if not isinstance(one, tuple)]
    assert [(one.row.name, one.met) for one in found] == [("growth.time/load", True), ("growth.memory/load", False)]


def test_the_bound_in_bytes_is_not_for_what_has_an_engine_in_its_process() -> None:
    sides = {"generate × 10": some((10.0, 1), peak=420_000_000), "generate × 1": some((1.0, 1), peak=400_000_000)}
    found = [one for one in compared(results(growth=GroupResult("x", sides))) if not isinstance(one, tuple)]
    assert [(one.row.name, one.met) for one in found] == [
        ("growth.time/generate", True),
        ("growth.memory/generate", True),
    ]


def test_what_could_not_be_measured_is_in_the_table_with_its_reason() -> None:
    sides = {"apply": some((1.0, 1)), "bulk": some((1.0, 1))}
    group = GroupResult("documents", sides, {"elasticdump": "elasticdump comes by npm, and there is none."})
    text = page(results(**{"elasticsearch.migrate": group}), "x.json")
    assert "not measured: elasticdump comes by npm, and there is none. |" in text
    assert text.count("not measured: not part of this run |") == len(ROWS) - 2


def test_a_result_file_gives_back_what_was_measured(tmp_path: Path) -> None:
    group = GroupResult("keys", {"apply": some((1.0, 200), (0.125, 3), peak=7)}, {"naive": "gone"}, "cut", 2.5)
    measured = results(**{"redis.migrate": group})
    measured.write(tmp_path / "r.json")
    assert Results.read(tmp_path / "r.json") == measured
    assert FOLDER.is_dir()
