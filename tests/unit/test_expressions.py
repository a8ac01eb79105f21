"""Row expressions: the table of cases that the kernel agrees on too (ExpressionTest.java), and what mistakes say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from headwater.schemas.errors import EvaluationError, ExpressionError
from headwater.schemas.expressions import Scope
from headwater.schemas.plan import Variable

TABLE = json.loads((Path(__file__).parent / "expression_cases.json").read_text())
VARIABLES = [Variable(path=(variable["name"],), **variable) for variable in TABLE["variables"]]
SCOPE = Scope(VARIABLES)
GOOD = [case for case in TABLE["cases"] if "type" in case]
BAD = [case for case in TABLE["cases"] if "type" not in case]


def named(case: dict[str, Any]) -> str:
    return f"{case['expression']!a} {case.get('with', '')!a}"


def field(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


@pytest.mark.parametrize("case", GOOD, ids=named)
def test_an_expression_has_the_type_and_the_value_of_the_table(case: dict[str, Any]) -> None:
    expression = SCOPE.check(case["expression"])
    values = {name: field(value) for name, value in (TABLE["values"] | case.get("with", {})).items()}
    assert expression.type == case["type"]
    if case.get("fails"):
        with pytest.raises(EvaluationError):
            expression.value(values)
        return
    found, wanted = expression.value(values), field(case["value"])
    assert type(found) is type(wanted)
    assert found == wanted
    if isinstance(wanted, float):
        assert math.copysign(1, found) == math.copysign(1, wanted)


@pytest.mark.parametrize("case", BAD, ids=named)
def test_a_wrong_expression_is_refused_with_what_is_wrong_and_where(case: dict[str, Any]) -> None:
    with pytest.raises(ExpressionError) as raised:
        SCOPE.check(case["expression"])
    found = [f"{problem.line}:{problem.column}: {problem.what}" for problem in raised.value.problems]
    assert found == case.get("ill_typed", case.get("unsupported"))


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(GOOD) >= 200
    assert len(BAD) >= 50


def test_a_mistake_shows_the_line_and_points_at_the_column() -> None:
    with pytest.raises(ExpressionError) as raised:
        SCOPE.check("paid &&\n  count + 'é' > amount")
    assert str(raised.value).splitlines() == [
        "'+' of (int, string), at 2:9",
        "      count + 'é' > amount",
        "            ^",
    ]


@pytest.mark.parametrize(
    ("expression", "remedy"),
    [
        ("item.pric > 1.0", "did you mean item.price?"),
        ("count > 1.5", "numbers are not converted: write double(x), int(x) or 1.0"),
        ("count == null", "this field is never null"),
        ("at", "int(...) gives its seconds since 1970"),
        ("string(amount)", "use the value itself, or int() of it"),
        ("has(item.price)", "compare with null: x != null"),
        ("at.getHours('Europe/Paris') > 9", "shift the time: (at + duration('2h')).getHours()"),
    ],
)
def test_a_mistake_says_how_to_mend_it(expression: str, remedy: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        SCOPE.check(expression)
    assert raised.value.problems[0].remedy == remedy


def test_an_expression_knows_what_it_reads() -> None:
    expression = SCOPE.check("paid && item.price > 1.0 || [1, 2].exists(n, n == count)")
    assert [variable.name for variable in expression.variables] == ["count", "paid", "item.price"]
    assert not expression.nullable
    assert SCOPE.check("refund == null ? 0.0 : refund").nullable


@pytest.mark.parametrize("text", ["x" * 5000, "+".join(["count"] * 800), "(" * 300 + "count" + ")" * 300])
def test_what_no_engine_should_have_to_read_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        SCOPE.check(text)
