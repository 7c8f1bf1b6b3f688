"""The item that the API answers: every endpoint on the new layout, asked over HTTP with GET alone."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.checklist.item import Item, Name, Sheet
from tvmigrate.checklist.site import API_COMMAND, AWAY, Site, cut, readers
from tvmigrate.checklist.trouble import troubles_in
from tvmigrate.contract import new
from tvmigrate.contract.layout import quoted
from tvmigrate.engines.clients import masked

_PACKAGE = Path("src/api/__main__.py")
_START_SECONDS = 30.0
_OLD_PARAMETERS = frozenset({"entity", "program", "time_window", "window", "sentiment_label", "tags"})
_OLD_QUESTION = {"time_window": "15"}
_PROBLEM = "application/problem+json"
_NO_PATH = "no-such-path"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    kind: str
    body: bytes


def api(site: Site) -> Item:
    """Ask the API for its health, its document, every endpoint, and an old parameter, which it has to refuse."""
    sheet = Sheet(Name.API)
    if site.api is not None:
        _ask_all(sheet, site, site.api.rstrip("/"))
    elif _PACKAGE.is_file():
        with _started(site) as (url, said):
            if url is None:
                sheet.saw(API_COMMAND % 0, said)
                sheet.red.append(f"The API does not start: {said}")
            else:
                _ask_all(sheet, site, url)
    else:
        sheet.left_out.append(
            f"There is no {_PACKAGE} in {Path.cwd()}: start the checklist in the application's clone, or say where the "
            "API runs with --api URL."
        )
    return sheet.item(troubles_in([*sheet.red, *sheet.unseen]))


@contextmanager
def _started(site: Site) -> Iterator[tuple[str | None, str]]:
    """Start the tree's own API on a free port; give its URL, or None and what it said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, **site.endpoints.environ()}
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            shlex.split(API_COMMAND % port), env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            if _answers(process, f"{url}/ready", site.timeout):
                yield url, ""
                return
            log.seek(0)
            said = log.read().decode("utf-8", "replace").strip().splitlines()
            yield None, cut(" | ".join(said[-5:]) or f"no answer within {_START_SECONDS:g} s")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process: subprocess.Popen[bytes], url: str, timeout: float) -> bool:
    """Wait until something answers at `url`; return False if the process ends first or the time is over."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return bool(_get(url, timeout).status)
        except OSError:
            time.sleep(0.1)
    return False


def _ask_all(sheet: Sheet, site: Site, url: str) -> None:
    try:
        health = _get(f"{url}/health", site.timeout)
        sheet.saw(f"GET {masked(url)}/health", _said(health))
        if health.status != 200:
            sheet.red.append(f"/health answers with {health.status}: {_said(health)}")
        document = _get(f"{url}/openapi.json", site.timeout)
        sheet.saw(f"GET {masked(url)}/openapi.json", str(document.status))
        paths = _paths(document)
        if not paths:
            sheet.red.append(
                f"/openapi.json answers with {document.status} and names no endpoint: nothing could be asked."
            )
        given = _given(sheet, site)
        for path, parameters in paths.items():
            _ask(sheet, site, url, path, parameters, given)
        for path, parameters in paths.items():
            if "time_range" in parameters:
                _ask_old(sheet, site, url, path)
    except OSError as error:
        sheet.saw(f"GET {masked(url)}", cut(str(error)))
        sheet.red.append(f"The API at {masked(url)} does not answer: {cut(str(error))}.")


def _get(url: str, timeout: float) -> _Answer:
    """Return the answer to a GET, whatever its status; raises OSError where there is none."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - http alone, the option sees to it
            return _Answer(answer.status, answer.headers.get_content_type(), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, error.headers.get_content_type(), error.read())


def _said(answer: _Answer) -> str:
    return f"{answer.status} {cut(answer.body.decode('utf-8', 'replace'), 300)}"


def _told(answer: _Answer) -> str:
    """Return what is told of an answer to a question about data: of one that has them no word."""
    return f"200, {answer.kind}, {len(answer.body):,} bytes" if answer.status == 200 else _said(answer)


def _paths(document: _Answer) -> dict[str, dict[str, bool]]:
    """Return the paths that a GET may ask for: each with its query parameters, and whether one must be given."""
    try:
        paths = json.loads(document.body).get("paths", {})
        return {
            path: {
                one["name"]: bool(one.get("required"))
                for one in methods["get"].get("parameters", ())
                if one["in"] == "query"
            }
            for path, methods in paths.items()
            if "get" in methods and "{" not in path
        }
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}


def _given(sheet: Sheet, site: Site) -> Mapping[str, list[str]]:
    """Return values of the stores' own for the parameters that an endpoint may ask for."""
    try:
        with readers(site) as stores:
            table = f"{quoted(new.DATABASE)}.{quoted(new.RAW_COMMENTS.name)}"
            comments = stores.rows(f"SELECT program_id, comment_id, toString(toDate(timestamp)) FROM {table} LIMIT 1")
            programs = [key.decode("utf-8", "replace").removeprefix(new.EAOS_PREFIX) for key in _first(stores.redis)]
    except AWAY as error:
        sheet.saw("the stores: a program to ask the API for", site.say(error))
        sheet.unseen.append(
            f"The stores could not be asked for a program, so no endpoint was asked for one: {site.say(error)}."
        )
        return {"time_range": ["15min"]}
    found: dict[str, list[str]] = {"time_range": ["15min"], "program_id": programs, "comment_id": [], "date": []}
    for program, comment, date in comments:
        found["program_id"].insert(0, str(program))
        found["comment_id"].append(str(comment))
        found["date"].append(str(date))
    return found


def _first(client: Any) -> list[bytes]:
    """Return one key of a program's state, if there is any."""
    return [key for key, _ in zip(client.scan_iter(f"{new.EAOS_PREFIX}*", 1000), range(1), strict=False)]


def _ask(  # noqa: PLR0913, PLR0917 - where to write, whom to ask, what for, with what
    sheet: Sheet, site: Site, url: str, path: str, parameters: Mapping[str, bool], given: Mapping[str, list[str]]
) -> None:
    """Ask an endpoint for what the stores hold; one that knows no such record may say so, in its own form."""
    if old := sorted(_OLD_PARAMETERS & set(parameters)):
        sheet.red.append(f"{path} still takes {', '.join(old)}, which is of the old layout.")
    required = [name for name, must in parameters.items() if must]
    asked = {name: given.get(name, []) for name in required}
    if any(not values for values in asked.values()):
        lacking = ", ".join(name for name, values in asked.items() if not values)
        sheet.saw(f"GET {path}", f"not asked: the stores hold nothing to give as {lacking}")
        sheet.left_out.append(f"{path} was not asked: the stores hold nothing to give as {lacking}.")
        return
    answers = []
    for turn in range(max(map(len, asked.values()), default=1)):
        query = urllib.parse.urlencode({name: values[min(turn, len(values) - 1)] for name, values in asked.items()})
        question = f"{path}?{query}" if query else path
        answers.append(_get(f"{url}{question}", site.timeout))
        sheet.saw(f"GET {question}", _told(answers[-1]))
        if answers[-1].status == 200:
            return
    best = min(answers, key=lambda answer: answer.status)
    if best.status == 404 and best.kind == _PROBLEM and _NO_PATH.encode() not in best.body:
        return
    sheet.red.append(f"{path} answers with {_said(best)}")


def _ask_old(sheet: Sheet, site: Site, url: str, path: str) -> None:
    question = f"{path}?{urllib.parse.urlencode(_OLD_QUESTION)}"
    answer = _get(f"{url}{question}", site.timeout)
    sheet.saw(f"GET {question}", _told(answer))
    if answer.status < 400:
        sheet.red.append(
            f"{path} takes time_window=15, a name of the old layout, and answers another question: it must refuse it."
        )
