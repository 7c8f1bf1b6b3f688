"""Every check there is has a test that names it and a line in docs/checks.md."""

import ast
import re
from pathlib import Path

import pytest

from tvmigrate.contract import new, old
from tvmigrate.contract.outcome import Rule
from tvmigrate.report.outcome import all_checks

ROOT = Path(__file__).parents[3]
SUITE = ("schema", "integrity", "rollback")
CHECKS = [check.id for check in all_checks()]
TABLES = {table.name for table in (*new.TABLES, *new.OWN_TABLES, *old.TABLES)}


def named_in_the_suite() -> set[str]:
    """Return the text constants of the suite's tests; of a formatted one, one for each table."""
    names: set[str] = set()
    for folder in SUITE:
        for path in (ROOT / "tests" / folder).glob("test_*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names.add(node.value)
                if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    names |= {f"{node.values[0].value}{table}" for table in TABLES}
    return names


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_has_a_test_that_names_it(check):
    """Assert that a check that is registered is also asked for: the suite reports by its tests."""
    assert check in named_in_the_suite()


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_has_its_line_in_the_docs(check):
    """Assert that whoever meets a check's name in a report can look up what it is about."""
    assert re.search(rf"^\| `{re.escape(check)}` \|", (ROOT / "docs" / "checks.md").read_text("utf-8"), re.MULTILINE)


def test_the_docs_name_no_check_that_is_gone():
    named = re.findall(r"^\| `([a-z_.-]+)` \|", (ROOT / "docs" / "checks.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(CHECKS)


@pytest.mark.parametrize("check", all_checks(), ids=CHECKS)
def test_every_claim_says_what_it_asserts(check):
    assert check.claim.startswith("Assert that ")
    assert check.claim.endswith(".")


@pytest.mark.parametrize("rule", [rule for rule in Rule if not rule.startswith("value.")])
def test_every_rule_that_can_be_looked_at_has_a_check(rule):
    """Assert that no rule is only words; the value rules are parts of the record rules."""
    assert rule in {check.rule for check in all_checks()}
