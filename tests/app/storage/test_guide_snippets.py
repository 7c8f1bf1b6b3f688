"""The guide's three snippets, taken from the guide as they stand, run as scripts and print what they should."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

GUIDE = Path(__file__).parents[2] / "tool" / "lint" / "literal_guide.md"


def snippet(title: str) -> str:
    """Return the first Python block below a heading of the guide."""
    below = False
    for token in MarkdownIt().parse(GUIDE.read_text("utf-8")):
        if token.type == "inline" and token.content == title:
            below = True
        if below and token.type == "fence" and token.info == "python":
            return token.content
    raise AssertionError(f"{GUIDE} has no Python block below {title!r}")


def run(title: str, environ: dict[str, str], folder: Path) -> list[str]:
    script = folder / "snippet.py"
    script.write_text(snippet(title), "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script], check=False, env=environ, cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def twice(app_environ: dict[str, str], tmp_path: Path):
    """Run a snippet two times on the same stores."""
    return lambda title: [run(title, app_environ, tmp_path) for _ in range(2)]


def test_redis_snippet_prints_the_eaos_and_trends_that_grow(twice):
    now = r"datetime\.datetime\(.*?tzinfo=datetime\.timezone\.utc\)"
    for number, (eaos, trends) in enumerate(twice("Test Redis V2"), 1):
        label, _, shown = re.sub(now, "'now'", eaos).partition(" ")
        assert label == "EAOS:"
        assert ast.literal_eval(shown) == {
            "program_id": "test_show",
            "score": 0.85,
            "positive": 100,
            "negative": 20,
            "neutral": 30,
            "total": 150,
            "updated_at": "now",
        }
        assert trends == f"Trends: [{{'topic': 'contestant_1', 'score': {50.0 * number}}}]"


def test_clickhouse_snippet_prints_the_row_that_it_wrote(twice, stores):
    for (latest,) in twice("Test ClickHouse V2"):
        assert re.fullmatch(
            r"Latest EAOS: \{'program_id': 'test_show', 'timestamp': datetime\.datetime\(.*tzinfo=datetime\.timezone\."
            r"utc\), 'score': 0\.85, 'positive_count': 100, 'negative_count': 20, 'neutral_count': 30, "
            r"'total_comments': 150\}",
            latest,
        )
    assert stores.clickhouse.query("SELECT count() FROM tv_analytics.eaos_metrics").result_rows == [(2,)]


def test_elasticsearch_snippet_finds_the_comment_that_it_wrote(twice, stores):
    # As slow as Elasticsearch is by default: only who waits for the refresh finds the comment.
    stores.elasticsearch.indices.put_settings(index="tv_comments", settings={"refresh_interval": "1s"})
    assert twice("Test Elasticsearch V2") == [["Search results: 1"]] * 2
