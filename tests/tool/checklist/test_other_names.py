"""Source and pages are searched for what the site itself calls its old data."""

from pathlib import Path

from tvmigrate.checklist import old_names
from tvmigrate.old_layout import read_old_layout

LAYOUT = read_old_layout(Path(__file__).parents[3] / "fixtures" / "other" / "layout.toml")
SOURCE = """
KEY = "mood:" + name
QUERY = "SELECT count() FROM live_stats.viewer_posts"
HISTORY = "SELECT * FROM mood_history"
NOT_OURS = "eaos:x", "SELECT * FROM comments"
NEW = "eaos:current:x"
"""


def test_a_tree_is_searched_for_the_names_of_the_layout_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text(SOURCE)
    assert [(place.where, place.what) for place in sorted(old_names.in_source(tmp_path, LAYOUT).places, key=str)] == [
        (f"{path}:2", "names an old Redis key, mood:…: nobody writes it any more."),
        (f"{path}:3", "names the old ClickHouse table viewer_posts: its rows are in raw_comments."),
        (f"{path}:4", "names the old ClickHouse table mood_history: its rows are in eaos_metrics."),
    ]
