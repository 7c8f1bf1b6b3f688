"""`report.html`: one file with all in it, to look at, print and pass on; it runs no script, loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tvmigrate.contract.outcome import Fate, Store
from tvmigrate.report.files import write_whole
from tvmigrate.report.flow import LOST, WIDTH
from tvmigrate.report.reasons import MEANINGS
from tvmigrate.report.view import STORES, View

FILE = "report.html"

_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*(\w[^*]*)\*")
# What no font shows as itself, or what turns the order of the letters around it: names of records may hold it.
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f]")


def write(view: View, directory: Path) -> Path:
    """Write `report.html` into `directory`, whole or not at all, and return its path; raises ReportUnwritable."""
    path = directory / FILE
    write_whole(path, page(view).encode())
    return path


def page(view: View) -> str:
    """Return the whole page."""
    return render(
        "report.html.j2",
        view=view,
        state=view.state,
        headline=view.headline,
        sentences=view.sentences,
        fates=[str(fate) for fate in Fate],
        lost=LOST,
        width=WIDTH,
        stores=[str(store) for store in Store if store is not Store.CROSS],
        meanings={str(reason): meaning for reason, meaning in MEANINGS.items()},
    )


def render(template: str, **values: Any) -> str:
    """Return the page that `template` makes of `values`, under the one style and its digest."""
    style = (files("tvmigrate.report") / "templates" / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _environment().get_template(template)
    return page.render(style=Markup(style), style_digest=digest, **values)  # noqa: S704 - our own file


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tvmigrate.report", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_finalize,
    )  # fmt: skip
    environment.filters["inline"] = _inline
    environment.filters["n"] = _number
    environment.filters["store"] = STORES.__getitem__
    return environment


def _finalize(value: Any) -> Any:
    """Return a value as it may stand on the page: names of records may hold what nobody sees."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def _number(value: float) -> str:
    return f"{value:,}"


def _inline(text: str) -> Markup:
    """Return one of our own sentences with its `code` and *emphasis* as HTML."""
    marked = _CODE.sub(r"<code>\1</code>", str(escape(_finalize(text))))
    return Markup(_EMPHASIS.sub(r"<em>\1</em>", marked))  # noqa: S704 - escaped just above
