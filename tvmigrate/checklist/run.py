"""All nine items in their order, once, or again until all are green or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

from tvmigrate.checklist import api, application, papers, stores
from tvmigrate.checklist.item import Checklist, Item, Light, Name, Sheet, now
from tvmigrate.checklist.site import Site
from tvmigrate.events import Finished, Said, Started

LOOKS: dict[Name, Callable[[Site], Item]] = {
    Name.SERVICES: stores.services,
    Name.SCHEMA: stores.schema,
    Name.SAMPLE: application.sample,
    Name.STORAGE: application.storage,
    Name.AGENT: application.agent,
    Name.API: api.api,
    Name.TESTS: papers.tests,
    Name.DOCUMENTATION: papers.documentation,
    Name.TEAM: papers.team,
}


def look(site: Site, rounds: int = 1, began: str | None = None) -> Checklist:
    """Look at all nine items once; what keeps one from looking is its own, and keeps no other from it."""
    started = began or now()
    items = []
    for name, one in LOOKS.items():
        at = time.monotonic()
        site.listener(Started(f"checklist.{name}"))
        items.append(_looked(name, one, site))
        if name is Name.SCHEMA and items[-1].light is not Light.GREEN:
            why = f"The item {name} is {items[-1].light}: nothing is written to stores that are not seen to be right."
            site = replace(site, held_back=why)
        site.listener(Finished(f"checklist.{name}", time.monotonic() - at, str(items[-1].light)))
    return Checklist(tuple(items), started, now(), version("tvmigrate"), rounds)


def _looked(name: Name, one: Callable[[Site], Item], site: Site) -> Item:
    try:
        return one(site)
    except Exception as error:  # noqa: BLE001 - whatever it raises means that the item was not seen to its end
        sheet = Sheet(name)
        sheet.unseen.append(f"It could not be looked at: {type(error).__name__}: {site.say(error)}.")
        return sheet.item()


def watch(site: Site, every: float, limit: float) -> Checklist:
    """Look again, `every` seconds after a look ended, until all is green or `limit` seconds are over."""
    deadline = time.monotonic() + limit
    began = now()
    rounds = 1
    found = look(site, rounds, began)
    while found.light is not Light.GREEN and time.monotonic() + every < deadline:
        short = ", ".join(f"{item.name} {item.light}" for item in found.items if item.light is not Light.GREEN)
        site.listener(Said(f"Round {rounds}: {short}. The next look is in {every:g} s."))
        time.sleep(every)
        rounds += 1
        found = look(site, rounds, began)
    return found
