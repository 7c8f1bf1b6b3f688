"""The picture of where old records went: laid out from the ledger alone, nothing left out, nothing on another."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tvmigrate.contract.outcome import DERIVED_RULES, LEDGER_RULES, LedgerLine, Rule, Store
from tvmigrate.report.flow import WIDTH, flows, short

EAOS = LedgerLine(Store.REDIS, Rule.REDIS_EAOS, 40, mapped=30, filled=4, quarantined=4, expired=1)


def texts(flow):
    return {(node.label, node.count) for node in flow.nodes}


def test_every_fate_and_place_is_a_node_with_its_count():
    (flow,) = flows([EAOS])
    assert texts(flow) == {
        ("eaos", 40), ("mapped", 30), ("filled", 4), ("quarantined", 4), ("expired", 1), ("lost", 1),
        ("eaos:current:…", 34), ("quarantine", 4), ("ran out", 1), ("nowhere", 1),
    }  # fmt: skip


def test_a_band_says_where_from_where_to_and_how_many():
    (flow,) = flows([EAOS])
    assert [band.title for band in flow.bands][:2] == ["eaos → mapped: 30 records", "eaos → filled: 4 records"]
    assert "lost → nowhere: 1 record" in [band.title for band in flow.bands]


def test_the_picture_is_told_in_words_too():
    (flow,) = flows([EAOS])
    assert flow.told == "40 old records of eaos: 30 mapped, 4 filled, 4 quarantined, 1 expired, 1 without a fate"


def test_derived_rows_are_told_beside_the_picture():
    comments = LedgerLine(Store.CLICKHOUSE, Rule.CLICKHOUSE_COMMENTS, 2, mapped=2)
    (flow,) = flows([comments, LedgerLine(Store.CLICKHOUSE, Rule.CLICKHOUSE_AGGREGATES, None, mapped=7)])
    assert flow.derived == "7 in aggregates"


def test_a_store_without_old_records_has_no_picture():
    assert (
        flows(
            [
                LedgerLine(Store.REDIS, Rule.REDIS_TREND, 0),
                LedgerLine(Store.CLICKHOUSE, Rule.CLICKHOUSE_ANOMALIES, None),
            ]
        )
        == []
    )


def test_quarantine_of_the_migrations_own_is_named_so():
    (flow,) = flows([EAOS], "set aside elsewhere")
    assert ("set aside elsewhere", 4) in texts(flow)


def test_large_counts_are_told_short():
    assert [short(n) for n in (0, 12_241, 999_999, 3_138_000, 5_000_000_000)] == [
        "0",
        "12,241",
        "999,999",
        "3.14 M",
        "5 G",
    ]


counts = st.integers(0, 10**9)
rules = st.sampled_from([rule for rule in Rule if rule in LEDGER_RULES and rule not in DERIVED_RULES])


@st.composite
def lines(draw):
    rule = draw(rules)
    return LedgerLine(LEDGER_RULES[rule], rule, *draw(st.tuples(*[counts] * 6)))


ledgers = st.lists(lines(), unique_by=lambda line: line.rule)


@given(ledgers)
def test_whatever_the_ledger_says_no_node_lies_on_another_or_outside(ledger):
    for flow in flows(ledger):
        for x in {node.x for node in flow.nodes}:
            column = sorted((node for node in flow.nodes if node.x == x), key=lambda node: node.y)
            assert all(one.y + one.height < other.y for one, other in pairwise(column))
            assert column[0].y >= 0
            assert column[-1].y + column[-1].height <= flow.height
            assert 0 <= x <= WIDTH


@given(ledgers)
def test_what_goes_out_of_the_old_side_comes_in_on_the_new(ledger):
    for flow in flows(ledger):
        rules, places = (
            sum(node.count for node in flow.nodes if node.x == x) for x in (0, max(node.x for node in flow.nodes))
        )
        assert rules == places
