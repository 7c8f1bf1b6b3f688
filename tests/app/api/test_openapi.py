"""The OpenAPI document shows every answer by an example, and every answer is as it says."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema_rs
import pytest

from src.api import problems
from src.api.app import create_app
from src.settings import Urls
from tests.app.api.data import QUESTIONS

DOCUMENT = create_app(Urls()).openapi()
RESPONSES = [
    (path, status, media, content)
    for path, item in DOCUMENT["paths"].items()
    for status, response in item["get"]["responses"].items()
    for media, content in response["content"].items()
]
BY_PATH = [f"{status} {path}" for path, status, _, _ in RESPONSES]


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(copy.deepcopy(schema) | {"components": DOCUMENT["components"]})


@pytest.mark.parametrize(("path", "status", "media", "content"), RESPONSES, ids=BY_PATH)
def test_every_answer_has_examples_that_fit_its_schema(path, status, media, content):
    examples = [content["example"]] if "example" in content else [one["value"] for one in content["examples"].values()]
    assert examples
    for example in examples:
        validator(content["schema"]).validate(example)
        if media == problems.MEDIA_TYPE:
            assert str(example["status"]) == status


def test_every_kind_of_problem_that_an_endpoint_can_have_is_shown():
    shown = {
        example["value"]["type"]
        for _, _, media, content in RESPONSES
        if media == problems.MEDIA_TYPE
        for example in content["examples"].values()
    }
    nowhere = {problems.NO_SUCH_PATH.type, problems.METHOD_NOT_ALLOWED.type}  # answers where there is no endpoint
    assert shown == {kind.type for kind in problems.KINDS} - nowhere


def test_every_endpoint_says_what_it_is_for_and_shows_its_parameters():
    for path, item in DOCUMENT["paths"].items():
        assert item["get"]["description"], path
        for parameter in item["get"].get("parameters", ()):
            assert parameter["description"], (path, parameter)


def test_every_endpoint_is_asked_by_these_tests():
    assert {question.path for question in QUESTIONS} == {path for path in DOCUMENT["paths"] if path.startswith("/v2")}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.path)
async def test_a_good_answer_fits_its_schema(api, question):
    answer = await api.get(question.path, params=question.query)
    response = DOCUMENT["paths"][question.path]["get"]["responses"][str(answer.status_code)]
    validator(response["content"][answer.headers["content-type"]]["schema"]).validate(answer.json())
    assert answer.status_code == 200
