"""The conditions of aggregations (``where=``), as far as it is certain that they mean the same in every database:
comparisons of columns with numbers and texts, lists of these, nulls, and what AND, OR and NOT make of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from featurestore.definitions.steps import Conditions
from featurestore.errors import RequestError, SourceError
from featurestore.protocols.offline import ViewPlan

if TYPE_CHECKING:
    from sqlglot import exp

    from featurestore_connectors.push_down.dialect import Columns, Dialect

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,15})?")
_EXACT_FLOAT32 = 2**24


class UncertainError(Exception):
    """A part of a condition of which it is not certain that all databases read it alike."""


def conditions_of(view: ViewPlan) -> Mapping[str, str]:
    """The conditions of a view's aggregations: the columns that they are to local engines, and their SQL."""
    steps = [step for step in view.steps if isinstance(step, Conditions)]
    return {name: sql for step in steps for name, sql in step.columns.items()}


def is_plain(condition: str) -> bool:
    """Whether a condition is of the plain kind, whatever the types of its columns."""
    try:
        _Writer().written(_parsed(condition))
    except UncertainError:
        return False
    return True


def translated(condition: str, columns: Columns, dialect: Dialect) -> str:
    """A plain condition over the rows ``s`` of a source.

    Raises:
        SourceError: if the source has no such column.
        RequestError: if a column is compared with a value of another type.
    """
    try:
        return _Translator(columns, dialect).written(_parsed(condition))
    except UncertainError as error:
        raise RequestError(
            f"It is not certain what the database makes of a view: {_said(condition, error)}.",
            hint="Ask with engine='duckdb' or engine='polars', or compare it with a value of its own type.",
        ) from error


def uncertain(view: ViewPlan, columns: Columns, dialect: Dialect) -> str | None:
    """Why a view's conditions may mean something else in the database; None if they do not."""
    for condition in conditions_of(view).values():
        try:
            _Translator(columns, dialect).written(_parsed(condition))
        except UncertainError as error:
            return _said(condition, error)
    return None


def _said(condition: str, error: UncertainError) -> str:
    return f"the condition {condition!r} compares {error}, which databases do each in its own way"


def _parsed(condition: str) -> exp.Expr:
    from sqlglot import parse_one

    return parse_one(condition, dialect="duckdb")


class _Writer:
    """Writes a parsed condition, every part of it in brackets."""

    def written(self, node: Any) -> str:
        """A condition, or a part of it that is one.

        Raises:
            UncertainError: naming what is not plain.
        """
        from sqlglot import exp

        if isinstance(node, exp.Paren):
            return self.written(node.this)
        if isinstance(node, exp.And | exp.Or):
            word = "AND" if isinstance(node, exp.And) else "OR"
            return f"({self.written(node.this)} {word} {self.written(node.expression)})"
        if isinstance(node, exp.Not):
            return f"(NOT {self.written(node.this)})"
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return f"({self.column(_name(node.this), None)} IS NULL)"
        if isinstance(node, exp.Column):
            return self.column(_name(node), [])
        return self._comparison(node)

    def column(self, name: str, compared: Sequence[exp.Literal] | None) -> str:  # noqa: ARG002 (see below)
        """A column that is compared with some values; with none it is a condition itself, with None whatever it is."""
        return name

    def value(self, literal: exp.Literal) -> str:
        """A number or a text."""
        return str(literal.this)

    def _comparison(self, node: Any) -> str:
        from sqlglot import exp

        signs = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
        if type(node) in signs:
            value = _literal(node.expression, ordered=not isinstance(node, exp.EQ | exp.NEQ))
            return f"({self.column(_name(node.this), [value])} {signs[type(node)]} {self.value(value)})"
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            low, high = (_literal(node.args[end], ordered=True) for end in ("low", "high"))
            column = self.column(_name(node.this), [low, high])
            return f"({column} BETWEEN {self.value(low)} AND {self.value(high)})"
        if isinstance(node, exp.In) and node.expressions:
            values = [_literal(each) for each in node.expressions]
            listed = ", ".join(map(self.value, values))
            return f"({self.column(_name(node.this), values)} IN ({listed}))"
        raise UncertainError(node.sql(dialect="duckdb"))


class _Translator(_Writer):
    """Writes a condition over columns of known types."""

    def __init__(self, columns: Columns, dialect: Dialect) -> None:
        self._columns = {name.lower(): column for name, column in columns.items()}
        self._dialect = dialect

    def column(self, name: str, compared: Sequence[exp.Literal] | None) -> str:
        column = self._columns.get(name.lower())
        if column is None:
            raise SourceError(
                f"A condition (where=) uses the column {name!r}; the source has: {', '.join(self._columns)}."
            )
        if compared is None:
            return str(column.sql)
        if not (all(_suits(column, v) for v in compared) if compared else pa.types.is_boolean(column.type)):
            raise UncertainError(f"the column {name!r} ({column.type})")
        return self._dialect.compared(column)

    def value(self, literal: exp.Literal) -> str:
        return self._dialect.text(literal.this) if literal.is_string else str(literal.this)


def _suits(column: Any, literal: exp.Literal) -> bool:
    """Whether a comparison of a column with a value has one meaning."""
    found: pa.DataType = column.type
    if column.text and not pa.types.is_integer(found):
        return False
    if literal.is_string:
        return bool(pa.types.is_string(found))
    if pa.types.is_float32(found):
        return str(literal.this).lstrip("-").isdigit() and abs(int(literal.this)) <= _EXACT_FLOAT32
    return bool(pa.types.is_integer(found) or pa.types.is_float64(found) or pa.types.is_decimal(found))


def _name(node: Any) -> str:
    from sqlglot import exp

    if not isinstance(node, exp.Column) or node.table:
        raise UncertainError(node.sql(dialect="duckdb"))
    return str(node.name)


def _literal(node: Any, *, ordered: bool = False) -> exp.Literal:
    """A number, or a text where it is not the order of texts that counts."""
    from sqlglot import exp

    shown = node.sql(dialect="duckdb")
    negative = isinstance(node, exp.Neg)
    value = node.this if negative else node
    if not isinstance(value, exp.Literal) or (
        value.is_string and (ordered or negative or "\0" in value.this)
    ):
        raise UncertainError(shown)
    if not value.is_string and not _NUMBER.fullmatch(value.this):
        raise UncertainError(shown)
    return exp.Literal(this=f"-{value.this}", is_string=False) if negative else value
