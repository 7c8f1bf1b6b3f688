"""Reading a typed line or JSON as a call, and checking its arguments; no store is needed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent import TOOLS, Call, InvalidArguments, UnknownTool, UnreadableCall
from src.agent.calls import read_arguments
from src.agent.lines import read_call, read_call_or_fail
from src.agent.nearest import nearest
from src.agent.validation import check, find_tool
from src.errors import AppError

FORM = "`tool name=value …`, such as `top_trends time_range=15min limit=5`"


@pytest.mark.parametrize(
    ("line", "tool", "arguments"),
    [
        ("current_eaos program_id=the_voice/x", "current_eaos", {"program_id": "the_voice/x"}),
        ("top_trends time_range=15min limit=5", "top_trends", {"time_range": "15min", "limit": 5}),
        ("search_comments query='hát hay'", "search_comments", {"query": "hát hay"}),
        ('search_comments query="a=b c"', "search_comments", {"query": "a=b c"}),
        ("compare_programs program_ids=a,b", "compare_programs", {"program_ids": ["a", "b"]}),
        ("compare_programs program_ids=a program_ids=b", "compare_programs", {"program_ids": ["a", "b"]}),
        ('compare_programs program_ids=\'["a,1", "b"]\'', "compare_programs", {"program_ids": ["a,1", "b"]}),
        ("list_programs", "list_programs", {}),
        ('topics {"program_id": "x"}', "topics", {"program_id": "x"}),
        ('{"name": "topics", "arguments": {"program_id": "x"}}', "topics", {"program_id": "x"}),
        ('{"name": "topics", "input": {"program_id": "x"}}', "topics", {"program_id": "x"}),
        ('{"function": {"name": "topics", "arguments": "{\\"program_id\\": \\"x\\"}"}}', "topics", {"program_id": "x"}),
        ("top_trends limit=many", "top_trends", {"limit": "many"}),
        ("no_such_tool a=b", "no_such_tool", {"a": "b"}),
    ],
)
def test_a_line_is_read_as_a_call(line: str, tool: str, arguments: dict[str, Any]) -> None:
    assert read_call(line, TOOLS) == Call(tool, arguments)


@pytest.mark.parametrize("line", ["topics of the_voice/x", "what's up", "điểm eaos của x", "hello", "trends 15min"])
def test_a_question_is_no_call(line: str) -> None:
    assert read_call(line, TOOLS) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "topics program_id='x",
            "topics program_id='x cannot be read: No closing quotation. Quotes come in pairs.",
        ),
        (
            "search_comments query=hát hay",
            f"hay is not name=value: a call is typed as {FORM}. A value with blanks stands in quotes.",
        ),
        ("topics program_id=a program_id=b", "program_id is given twice, as 'a' and as 'b': give it once."),
        ('{"a": 1, "a": 2}', """{"a": 1, "a": 2} is not the JSON of a call: 'a' is there twice."""),
        (
            "{}",
            'The JSON names no tool: expected is {"name": "current_eaos", "arguments": {"program_id": "…"}}.',
        ),
        ('{"name": "topics", "arguments": 5}', "The arguments of topics are 5: expected is a JSON object."),
        ('topics {"limit": NaN}', '{"limit": NaN} is not the JSON of a call: NaN is no JSON number.'),
    ],
)
def test_a_line_that_cannot_be_read_is_told_why(line: str, message: str) -> None:
    with pytest.raises(UnreadableCall) as told:
        read_call(line, TOOLS)
    assert str(told.value) == message


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "nonsense", '"text"'])
def test_arguments_that_are_no_json_object_are_refused(text: str) -> None:
    with pytest.raises(UnreadableCall):
        read_arguments(text)


@given(st.text())
def test_no_line_is_worse_than_an_error_of_ours(line: str) -> None:
    try:
        call = read_call_or_fail(line, TOOLS)
        check(find_tool(call.tool, TOOLS), call.arguments)
    except AppError:
        pass


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from(TOOLS),
    st.dictionaries(st.sampled_from(["program_id", "limit", "time_range", "last", "query", "x"]), _VALUES),
)
def test_arguments_are_checked_or_refused(tool: Any, arguments: dict[str, Any]) -> None:
    try:
        checked = check(tool, arguments)
    except InvalidArguments as refused:
        checked = {}
        named = {problem.argument for problem in refused.problems}
    else:
        named = set()
    assert named <= {*arguments, *tool.required}
    assert named or set(tool.required) <= set(checked) <= set(tool.parameters)


@given(
    st.dictionaries(
        st.sampled_from(["query", "topic", "program_id"]),
        st.text(st.characters(exclude_categories=("C", "Zs", "Zl", "Zp")) | st.just(" "), min_size=1),
    )
)
def test_what_a_call_is_shown_as_can_be_typed(arguments: dict[str, str]) -> None:
    call = Call("search_comments", arguments)
    assert read_call(call.typed(), TOOLS) == call


def refused(tool: str, arguments: dict[str, Any]) -> str:
    with pytest.raises(InvalidArguments) as told:
        check(find_tool(tool, TOOLS), arguments)
    return str(told.value)


def test_an_argument_is_named_with_what_was_given_and_what_is_allowed() -> None:
    assert refused("top_trends", {"time_range": "30min", "limit": 0, "colour": "red"}) == (
        "top_trends: there is no argument colour (given was 'red'), only time_range, limit, offset. "
        "time_range is '30min'; allowed is one of 5min, 15min, 1hour. limit is 0; allowed is a whole number from 1 to "
        "1,000."
    )


def test_a_missing_argument_is_named() -> None:
    assert refused("current_eaos", {}) == "current_eaos: program_id is missing; allowed is text that is not empty."


def test_an_old_name_is_answered_with_the_new_one() -> None:
    assert refused("current_eaos", {"entity": "contestant_1"}) == (
        "current_eaos: there is no argument entity (given was 'contestant_1'), only program_id. It is called "
        "program_id now. program_id is missing; allowed is text that is not empty."
    )


@pytest.mark.parametrize(("old", "new"), [(15, "15min"), ("60", "1hour"), ("5m", "5min")])
def test_an_old_window_is_answered_with_the_new_one(old: Any, new: str) -> None:
    assert refused("top_trends", {"time_range": old}) == (
        f"top_trends: time_range is {old!r}; allowed is one of 5min, 15min, 1hour. {old} is written {new} now."
    )


@pytest.mark.parametrize("value", [True, "5", 5.5, [5]])
def test_a_limit_is_a_whole_number(value: Any) -> None:
    assert "limit is" in refused("top_trends", {"time_range": "5min", "limit": value})


def test_a_whole_float_and_a_null_are_taken_as_models_write_them() -> None:
    tool = find_tool("top_trends", TOOLS)
    checked = check(tool, {"time_range": "5min", "limit": 7.0, "offset": None})
    assert checked == {"time_range": "5min", "limit": 7, "offset": 0}
    assert isinstance(checked["limit"], int)


def test_text_that_is_no_unicode_is_refused() -> None:
    assert "without lone surrogates" in refused("current_eaos", {"program_id": "a\ud800"})


def test_an_unknown_tool_is_answered_with_those_near_it() -> None:
    with pytest.raises(UnknownTool) as told:
        find_tool("curent_eaos", TOOLS)
    assert str(told.value) == "There is no tool 'curent_eaos'. Nearest: current_eaos."
    with pytest.raises(UnknownTool) as told:
        find_tool("zzz", TOOLS)
    assert str(told.value) == f"There is no tool 'zzz'. There are: {', '.join(tool.name for tool in TOOLS)}."


def test_the_name_that_an_entity_had_is_nearest_to_its_program() -> None:
    known = ["contestant_12", "a_show_of_a_long_name/contestant_1", "other"]
    assert nearest("Contestant_1", known) == ("a_show_of_a_long_name/contestant_1", "contestant_12")
