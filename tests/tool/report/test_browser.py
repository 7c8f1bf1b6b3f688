"""report.html in a real browser: at three widths, light and dark, printed, by keyboard, with hostile data in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.tool.verify_live import outcomes as live
from tvmigrate.report import html
from tvmigrate.verify_live import files

from . import browsers
from .samples import BACK, HOSTILE, PASSED, hostile, huge, rich, told, verdict

PHONE, TABLET, DESK = 360, 768, 1280
REPORTS = {"rich": rich, "passed": lambda: verdict(PASSED, BACK), "hostile": hostile, "huge": huge}
LIVE = {f"live-{one.__name__}": one for one in (live.rich, live.passed, live.hostile, live.huge)}
TITLES = {"hostile": f"Rehearsal of a migration, {HOSTILE}", "live-hostile": "Verification on live stores, the_voice"}
SHOW_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser of the system's."""
    if browsers.found() is None and not os.environ.get("CI"):
        pytest.skip(f"no {' or '.join(browsers.NAMES)} on this system: apt-get install {browsers.NAMES[0]}")
    with browsers.running() as running:
        yield running


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Where each report lies, by its name."""
    folder = tmp_path_factory.mktemp("reports")
    written = {name: html.write(told(made()), folder / name) for name, made in REPORTS.items()}
    for name, made in LIVE.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(files.page(live.seen(made())), encoding="utf-8")
    return {name: path.as_uri() for name, path in written.items()}


@pytest.fixture
def opened(browser, reports):
    """Return what opens a report at a width."""
    contexts = []

    def open_at(name: str, width: int, scheme: str = "light") -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.goto(reports[name])
        return page

    yield open_at
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [PHONE, TABLET, DESK])
@pytest.mark.parametrize("name", [*REPORTS, *LIVE])
def test_nothing_is_wider_than_the_screen(opened, name, width):
    page = opened(name, width)
    page.evaluate(SHOW_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # On a phone a table's head is there for screen readers alone: each cell shows its own label.
    parts = "[...document.querySelectorAll('main *')].filter(one => !one.closest('thead'))"
    wider = f"{parts}.filter(one => one.getBoundingClientRect().right > innerWidth + 1)"
    assert page.evaluate(f"{wider}.map(one => one.outerHTML.slice(0, 200))") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["rich", "passed", "live-rich", "live-passed"])
def test_an_accessibility_checker_finds_nothing(opened, name, width, scheme):
    page = opened(name, width, scheme)
    page.evaluate(SHOW_ALL)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found] == []


@pytest.mark.parametrize("name", TITLES)
def test_what_the_data_says_is_shown_and_never_obeyed(browser, reports, name):
    asked, said = [], []
    context = browser.new_context()
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(reports[name])
    page.evaluate(SHOW_ALL)
    page.wait_for_load_state("networkidle")
    assert (asked, said) == ([reports[name]], [])
    assert page.title() == f"Failed: {TITLES[name]}"
    assert page.evaluate("document.querySelectorAll('script, img, iframe, object, [onload], [onerror]').length") == 0
    assert page.evaluate("[...document.links].every(link => link.getAttribute('href').startsWith('#'))")
    assert page.inner_text("main").count(HOSTILE) > 10
    context.close()


def test_a_script_that_got_in_would_not_run(opened):
    """Assert that the page forbids what it does not have, should a template ever let data through."""
    page = opened("rich", DESK)
    page.evaluate("""() => {
        const bad = '<img src=x onerror="document.title=1"><i style="color:red">x</i>';
        document.body.insertAdjacentHTML('beforeend', bad);
        const script = document.createElement('script'); script.textContent = 'document.title = 2';
        document.body.append(script);
    }""")
    page.wait_for_timeout(50)
    assert page.title() == "Failed: Rehearsal of a migration, the_voice"
    assert page.evaluate("getComputedStyle(document.querySelector('i')).color !== 'rgb(255, 0, 0)'")


@pytest.mark.parametrize("name", ["rich", "live-rich"])
def test_all_can_be_reached_and_opened_by_keyboard(opened, name):
    page = opened(name, DESK)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    closed = page.locator("details:not([open]) > summary").first
    text = closed.inner_text()
    closed.focus()
    page.keyboard.press("Enter")
    assert text in page.locator("details[open] > summary").all_inner_texts()


@pytest.mark.parametrize(("name", "what"), [("rich", "#checks ~ details th"), ("live-rich", "#moved-on ~ details li")])
def test_print_shows_what_is_folded_away_on_the_screen(opened, name, what):
    page = opened(name, DESK)
    folded = page.locator(what).last
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()
    assert page.locator(".sign").is_visible()
    assert not page.locator("nav").is_visible()


def test_dark_is_dark(opened):
    luminance = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + +b, 0) / 3"
    dark, light = (opened("rich", DESK, scheme).evaluate(luminance) for scheme in ("dark", "light"))
    assert dark < 60
    assert light > 200


def test_a_hundred_thousand_findings_are_told_as_counts(opened):
    page = opened("huge", DESK)
    assert page.evaluate("document.querySelectorAll('*').length") < 12_000
    assert page.evaluate("document.documentElement.outerHTML.length") < 1_000_000
    assert "100,000" in page.inner_text(".figures")
    assert page.locator("article").count() == 40
    assert "10 more checks did not pass" in page.inner_text("main")


def test_forty_thousand_findings_on_live_stores_are_told_as_counts(opened):
    page = opened("live-huge", DESK)
    assert page.evaluate("document.querySelectorAll('*').length") < 2_000
    assert "40,000 differences" in page.inner_text("main")
    assert page.locator("article details").count() == 12
    assert re.search(r"more differences, of \d+ other causes; live.json has them all", page.inner_text("main"))
