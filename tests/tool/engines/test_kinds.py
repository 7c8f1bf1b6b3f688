"""Which engines are asked for: the kinds, what is said of one that is none, and options that are of one kind alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tvmigrate.engines.containers.images import chosen_images, image_variables
from tvmigrate.engines.live import KINDS, open_engines, settle
from tvmigrate.errors import UsageError
from tvmigrate.settings import Asked

from .processes import ROOT


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_named_is_taken_without_a_word(kind: str) -> None:
    settled = settle(kind)
    assert (settled.kind, settled.reason) == (kind, None)


def test_a_kind_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError) as raised:
        settle("podman")
    assert str(raised.value) == "There are no engines 'podman': choose embedded, containers, live or auto."


def test_containers_alone_can_be_kept() -> None:
    with pytest.raises(UsageError) as raised:
        open_engines("embedded", keep=True)
    assert str(raised.value) == "--keep is for engines in containers, and the engines are embedded: leave it off."


def test_a_directory_makes_no_sense_for_containers(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^A directory is for embedded engines"):
        open_engines("containers", tmp_path)


def test_the_engines_logs_go_below_the_report_and_keep_is_asked_for_again(tmp_path: Path) -> None:
    asked = Asked(tmp_path, engines="containers", show="a", keep=True, report=tmp_path / "r")
    job = asked.job()
    assert (job.engines, job.keep, job.logs) == ("containers", True, tmp_path / "r" / "logs")
    assert "--engines containers" in asked.command()
    assert asked.command().endswith("--keep")


def test_without_variables_containers_are_of_the_images_that_compose_starts() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert chosen_images({}) == {store: service["image"] for store, service in services.items()}


def test_a_variable_names_another_image_of_its_store_alone() -> None:
    pinned = chosen_images({})
    for store, variable in image_variables().items():
        assert chosen_images({variable: "another:1"}) == pinned | {store: "another:1"}
