"""Every command at N, 3N and 10N: its time, and the memory of its own processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.groups import Sides
from bench.groups.applying import BAD, SEED
from bench.model import Turn
from bench.stand import SHOW, Stand
from tvmigrate.dataset.generate import Recipe, Size

FACTORS = (1, 3, 10)
COMMANDS = ("generate", "load", "plan", "apply", "rollback", "rehearse")


def recipe(scale: float, factor: int) -> Recipe:
    """Return the size of one step: at 10N a quarter of the standard size times `scale`."""
    return Recipe(Size.standard(_scale(scale, factor)), SEED, BAD)


def _scale(scale: float, factor: int) -> float:
    return scale * factor / 40


@contextmanager
def growth(stand: Stand, scale: float) -> Iterator[Sides]:
    """Open a side for each command at each size: `{command} × {factor}`."""
    sides: dict[str, Callable[[], Turn]] = {}
    for factor in FACTORS[:1] if stand.once else FACTORS:
        data = recipe(scale, factor)
        size = data.size
        place: dict[str, Path] = {}

        def generate(factor: int = factor, size: Size = size, place: dict[str, Path] = place) -> Turn:
            stand.empty()
            place["state"] = stand.folder_of("state")
            place["dataset"] = stand.folder_of("grown") / "x"
            words = ["generate", str(place["dataset"]), "--scale", f"{_scale(scale, factor)!r}", "--seed", str(SEED)]
            words += ["--bad", str(BAD), "--rows", "parquet"]
            return stand.tvmigrate(*words, records=_records(size)).turn()

        def load(size: Size = size, place: dict[str, Path] = place) -> Turn:
            return stand.tvmigrate("load", str(place["dataset"]), records=_records(size)).turn()

        def migrate(
            command: str, *options: str, size: Size = size, place: dict[str, Path] = place
        ) -> Callable[[], Turn]:
            return lambda: stand.tvmigrate(
                command, *options, "--state", str(place["state"]), records=_records(size)
            ).turn()

        def rehearse(size: Size = size, place: dict[str, Path] = place) -> Turn:
            stand.empty()
            words = ("--dataset", str(place["dataset"]), "--show", SHOW, "--engines", "live")
            report = str(stand.folder_of("report"))
            return stand.tvmigrate("rehearse", *words, "--report", report, records=_records(size)).turn()

        sides |= {
            side("generate", factor): generate,
            side("load", factor): load,
            side("plan", factor): migrate("plan", "--show", SHOW),
            side("apply", factor): migrate("apply", "--show", SHOW, "--yes"),
            side("rollback", factor): migrate("rollback", "--yes"),
        }
        if not stand.once:  # it does all of the above once more
            sides[side("rehearse", factor)] = rehearse
    yield sides


def side(command: str, factor: int) -> str:
    """Return the name of a command's side at a size."""
    return f"{command} × {factor}"


def _records(size: Size) -> int:
    return size.entities + size.rows + size.documents
