"""What an engine quotes of the data when it refuses them is not passed on."""

import clickhouse_connect.driver.exceptions
import elasticsearch
import pytest
import redis

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.failing import told
from tvmigrate.engines.quoting import unquoted

SAID = 'Mai\'s "secret" (words)'


@pytest.mark.parametrize(
    ("text", "passed_on"),
    [
        ("field [a] of type [date] in document with id '7'. Preview of field's value: 'Mai's words'",
         "field [a] of type [date] in document with id '7'. Preview of field's value: '…'"),
        (r"""ApiError(400, 'x', 'Preview of field\'s value: \'Mai\'s "secret"\', failed to parse')""",
         r"""ApiError(400, 'x', 'Preview of field\'s value: \'…')"""),
        ("Preview of field's value: 'Mai's', failed to parse date field [Mai's] with format [x]",
         "Preview of field's value: '…', failed to parse date field […] with format [x]"),
        ("failed to parse date field [a ] b] with format [strict]",
         "failed to parse date field […] with format [strict]"),
        ('For input string: "Mai"', 'For input string: "…"'),
        ("The prefix of the first immense term is: '[77, 97, 105]...'",
         "The prefix of the first immense term is: '[…]...'"),
        ("Cannot parse input: expected '\"' before: 'Mai's words': (at row 1)",
         "Cannot parse input: expected '\"' before: '…': (at row 1)"),
        ("Cannot read floating point value here: Mai: Cannot parse Float64: In scope SELECT Mai (CANNOT_PARSE_NUMBER)",
         "Cannot read floating point value here: …: Cannot parse Float64: In scope … (CANNOT_PARSE_NUMBER)"),
        ("Unknown element 'Mai' for enum: In scope SELECT CAST('Mai', 'Enum8()'). (UNKNOWN_ELEMENT_OF_ENUM)",
         "Unknown element '…' for enum: In scope … (UNKNOWN_ELEMENT_OF_ENUM)"),
        ("Cannot parse string 'Mai's' as Float64: syntax error", "Cannot parse string '…' as Float64: syntax error"),
        ("unknown command 'X', with args beginning with: 'Mai' 'words'",
         "unknown command 'X', with args beginning with: …"),
        ("Command # 1 (SET eaos:a Mai) of pipeline caused error: OOM",
         "Command # 1 (SET …) of pipeline caused error: OOM"),
        ("Redis does not answer: Connection refused", "Redis does not answer: Connection refused"),
    ],
)  # fmt: skip
def test_of_a_refusal_all_but_the_data_is_passed_on(text, passed_on):
    assert unquoted(text) == passed_on


def test_what_the_engines_themselves_say_when_they_refuse_data_tells_none(engines):
    """Assert it of each engine's own words, and that it is the quote that was taken out."""
    said = []
    with Clients(engines) as clients:
        clients.elasticsearch.indices.create(
            index="refusing", mappings={"properties": {"at": {"type": "date"}, "n": {"type": "long"}}}
        )
        for body in ({"at": SAID}, {"n": SAID}):
            with pytest.raises(elasticsearch.ApiError) as refused:
                clients.elasticsearch.index(index="refusing", document=body)
            said.append(refused.value)
        clients.elasticsearch.indices.delete(index="refusing")
        for query in (f"SELECT toFloat64({SAID!r})", "SELECT * FROM format(JSONEachRow, 'n Int64', '{\"n\": secret}')"):
            with pytest.raises(clickhouse_connect.driver.exceptions.ClickHouseError) as refused:
                clients.clickhouse.query(query)
            said.append(refused.value)
        with pytest.raises(redis.RedisError) as refused:
            clients.redis.execute_command("NOSUCH", SAID)
        said.append(refused.value)
    for error in said:
        assert "secret" in str(error)
        assert "secret" not in told(error)
