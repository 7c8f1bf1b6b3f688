"""The items that no store answers: tests, documentation, team. Each needs something that was written down."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from junitparser import Error as JUnitError
from junitparser import Failure, JUnitXml, JUnitXmlError, TestSuite

from tvmigrate.checklist import old_names
from tvmigrate.checklist.item import Item, Name, Sheet
from tvmigrate.checklist.site import AWAY, Site, cut, listed
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate import system


def tests(site: Site) -> Item:
    """Read the JUnit files: each no older than the migration, with a test that ran, and none that failed."""
    sheet = Sheet(Name.TESTS)
    if not site.junit:
        sheet.left_out.append("No JUnit file was given: --junit FILE, as `pytest --junit-xml FILE` writes it.")
    elif (since := site.since or _applied(sheet, site)) is not None:
        for path in site.junit:
            _read(sheet, path, since)
    return sheet.item()


def _applied(sheet: Sheet, site: Site) -> datetime | None:
    """Return when the journal says that the migration was done; where it does not, note why no file can be judged."""
    asked = f"the journal in {site.state}: when the migration was done"
    try:
        with Clients(site.endpoints.read_only(), site.timeout) as clients:
            at = system.applied_at(clients, site.state)
    except (*AWAY, sqlite3.Error) as error:
        sheet.saw(asked, site.say(error))
        sheet.unseen.append(f"Nothing says when the migration was done: {site.say(error)}. Give --since TIME.")
        return None
    sheet.saw(asked, "no run on these stores that is applied" if at is None else _told(at))
    if at is None:
        sheet.left_out.append(
            "Nothing says when the migration was done, so a JUnit file may be of before it: give --state DIR, where "
            "`tvmigrate apply` kept its journal, or --since TIME."
        )
    return at


def _read(sheet: Sheet, path: Path, since: datetime) -> None:
    asked = f"{path}: tests since {_told(since)}"
    try:
        suites = list(_suites(path))
        at = _written(path, suites)
    except (OSError, JUnitXmlError, ValueError, SyntaxError) as error:
        sheet.saw(asked, cut(str(error)))
        sheet.unseen.append(f"{path} cannot be read as a JUnit file: {cut(str(error)).rstrip('.')}.")
        return
    cases = [case for suite in suites for case in suite]
    failed = [case for case in cases if any(isinstance(one, Failure | JUnitError) for one in case.result)]
    skipped = [case for case in cases if case.is_skipped]
    ran = len(cases) - len(skipped)
    sheet.saw(asked, f"of {_told(at)}: {ran:,} ran, {len(failed):,} failed, {len(skipped):,} skipped")
    if at < since:
        sheet.red.append(
            f"{path} is of {_told(at)}, and the migration was done at {_told(since)}: what it says is of the old "
            "system. Run the tests again."
        )
    if not ran:
        sheet.red.append(f"{path} holds no test that ran: that is no test that passed.")
    if failed:
        names = listed(f"{case.classname}.{case.name}" if case.classname else str(case.name) for case in failed)
        sheet.red.append(f"{len(failed):,} of {ran:,} tests failed, says {path}: {names}.")


def _suites(path: Path) -> list[TestSuite]:
    found = JUnitXml.fromfile(str(path))
    return [found] if isinstance(found, TestSuite) else list(found)


def _written(path: Path, suites: list[TestSuite]) -> datetime:
    """Return when the oldest suite began, as the file says; a file that does not say is as old as it was written."""
    stamps = [datetime.fromisoformat(suite.timestamp) for suite in suites if suite.timestamp]
    if not stamps:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    # Without an offset it is the local time of the machine that ran the tests (pytest before 8.4), taken for ours.
    return min(stamp.astimezone(UTC) for stamp in stamps)


def documentation(site: Site) -> Item:
    """See that the pages name all of the new layout, and that none speaks of the old one alone."""
    sheet = Sheet(Name.DOCUMENTATION)
    if not site.documents:
        sheet.left_out.append("No page was given, and there is neither docs nor README.md here: --docs PATH.")
        return sheet.item()
    try:
        for tree in site.documents:
            found = old_names.in_pages(tree, site.layout)
            sheet.saw(f"{tree}: what speaks of the old layout alone, in {found.files:,} pages", _places(found))
            sheet.red.extend(f"{place.where}: {place.what}" for place in found.places)
        lacking = old_names.unnamed(site.documents)
    except OSError as error:
        sheet.saw("the pages", cut(str(error)))
        sheet.unseen.append(f"A page cannot be read: {cut(str(error))}.")
        return sheet.item()
    sheet.saw("the pages: names of the new layout that none speaks of", listed(lacking, 20) or "none")
    if lacking:
        sheet.red.append(f"No page speaks of {listed(lacking, 20)}: the new layout is not documented.")
    return sheet.item()


def _places(found: old_names.Found) -> str:
    return listed(place.where for place in found.places) or "none"


def team(site: Site) -> Item:
    """Take the attestation as what it is: somebody's word, with a name and a time. Without it the item is red."""
    sheet = Sheet(Name.TEAM)
    if site.attested is None:
        sheet.saw("an attestation that the team was told", "none")
        sheet.red.append(
            "Nobody has said that the team was told, and nothing else can show it: --notified-by NAME --notified-at "
            "TIME."
        )
        return sheet.item()
    sheet.saw("an attestation that the team was told", f"by {site.attested.name}, at {_told(site.attested.at)}")
    if site.attested.at > datetime.now(UTC):
        sheet.red.append(
            f"{site.attested.name} says that the team was told at {_told(site.attested.at)}, which is still to come."
        )
    return sheet.item()


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
