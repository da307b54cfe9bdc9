from __future__ import annotations

import pytest

from featurestore.online.write_rules import row_after_write
from featurestore.testing.online_cases import RULE_CASES, RuleCase


@pytest.mark.parametrize("case", RULE_CASES, ids=str)
def test_the_plain_statement_of_the_rule(case: RuleCase) -> None:
    assert row_after_write(case.stored, case.incoming, case.rule) == case.expected
