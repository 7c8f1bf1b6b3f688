"""What was placed as a layout file: TOML, with what is open as text that keeps the file from being taken."""

from __future__ import annotations

import json

from tvmigrate.inspect.look import Seen
from tvmigrate.inspect.place import Part, Placed

_ORDER = ("redis.eaos", "redis.trend", "redis.metrics", "clickhouse", "clickhouse.comments", "clickhouse.eaos_metrics",
          "elasticsearch")  # fmt: skip
_UNDER = {"clickhouse.comments": "columns", "clickhouse.eaos_metrics": "columns"}


def text_of(placed: Placed, seen: Seen) -> str:
    """Return the file."""
    undecided = [f"{part}: {what}" for part in _ORDER if part in placed.parts for what in placed.parts[part].open]
    lines = [
        "# What a live system calls its old data, as `tvmigrate inspect` made it out: their name = what it means.",
        f"# {seen.sampled} of {seen.keys_in_all} Redis keys were looked at, and some records of each kind.",
    ]
    if undecided:
        lines += [
            "# What could not be placed stands in `undecided`. Say below what each means, or name it under `ignore`,",
            "# and take it out of the list: while it holds anything, the file is refused.",
            "undecided = [",
            *(f"  {_quoted(one)}," for one in undecided),
            "]",
        ]
    if placed.unplaced:
        lines += ["", "# Of nothing in the old layout, so that a migration leaves it as it is:"]
        lines += [f"# - {one}" for one in placed.unplaced]
    for name in _ORDER:
        if name in placed.parts:
            lines += _part(name, placed.parts[name])
    return "\n".join(lines) + "\n"


def _part(name: str, part: Part) -> list[str]:
    lines = ["", f"[{name}]", *(f"{key} = {_quoted(value)}" for key, value in part.said.items())]
    if part.absent:
        lines.append(f"absent = [{', '.join(map(_quoted, part.absent))}]")
    if part.names:
        lines += ["", f"[{name}.{_UNDER.get(name, 'fields')}]"]
        lines += [f"{_quoted(theirs)} = {_quoted(meaning)}" for theirs, meaning in part.names.items()]
    return lines


def _quoted(text: str) -> str:
    # A JSON text is a basic string of TOML, but for DEL (https://toml.io/en/v1.0.0#string).
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
