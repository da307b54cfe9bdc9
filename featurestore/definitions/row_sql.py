"""SQL that works row by row: parsed, checked and understood before any data is read.

The dialect is DuckDB's. What looks at other rows, at the clock or at chance is refused: it could see the future.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurestore.definitions.sql_functions import CHANCES, CLOCKS, EXAMPLES

if TYPE_CHECKING:
    from sqlglot import exp

PLACEHOLDER = "{source}"
TABLE = "__fs_source"
_VIRTUAL = {"rowid", "file_row_number", "file_index", "filename"}


@dataclass(frozen=True, slots=True)
class RowSelect:
    """A checked SELECT over one source.

    Attributes:
        text: as it was written, with `TABLE` for the placeholder.
        outputs: the named columns in order, each with the columns that it is made from.
        plain: of the outputs, those that are a column as it is, and which.
        star: whether all other columns of the source come too.
        hidden: columns that the star leaves out, in lower case.
        replaced: of the outputs, those that stand for a column of the star.
        inputs: all columns that are used.
        conditions: those that the condition uses.
        filters: whether there is a condition.
        end: where in `text` the list of columns ends.
    """

    text: str
    outputs: dict[str, frozenset[str]]
    plain: dict[str, str]
    star: bool
    hidden: frozenset[str]
    replaced: frozenset[str]
    inputs: frozenset[str]
    conditions: frozenset[str]
    filters: bool
    end: int

    def with_columns(self, columns: list[str]) -> str:
        """The statement with more columns (SQL) at the end of the list."""
        head, tail = self.text[: self.end].rstrip(), self.text[self.end :]
        more = ", ".join(columns)
        return f"{head}{'' if head.endswith(',') else ','} {more} {tail}" if columns else self.text

    def only(self, columns: str) -> str:
        """The statement with other columns (SQL) instead of its own."""
        return f"SELECT {columns} {self.text[self.end :]}"


def parse_select(sql: str) -> RowSelect:
    """Understand ``SELECT … FROM {source} [WHERE …]``.

    Raises:
        ValueError: naming the place and the reason, if it is not one such statement, or looks at more than its row.
    """
    tree = _parsed(sql)
    _check_select(tree)
    star, hidden, replaced = False, frozenset[str](), set[str]()
    outputs: dict[str, frozenset[str]] = {}
    plain: dict[str, str] = {}
    for item in tree.expressions:
        if _is_star(item):
            star, hidden = True, hidden | _excluded(item)
            for replacement in _replacements(item):
                _add(outputs, plain, replacement)
                replaced.add(replacement.alias_or_name)
        else:
            _add(outputs, plain, item)
    text, where = sql.replace(PLACEHOLDER, TABLE), tree.args.get("where")
    return RowSelect(
        text=text, outputs=outputs, plain=plain, star=star, hidden=hidden, replaced=frozenset(replaced),
        inputs=frozenset(_columns(tree)), conditions=frozenset(_columns(where) if where is not None else ()),
        filters=where is not None, end=_end_of_columns(text),
    )  # fmt: skip


def parse_expression(sql: str) -> frozenset[str]:
    """The columns that one row-local expression uses, such as a condition or a computed column.

    Raises:
        ValueError: if it is not one, or looks at more than its row.
    """
    from sqlglot import exp

    tree = _parsed(f"SELECT ({sql}\n) FROM {PLACEHOLDER}", shown=sql)
    _check_select(tree)
    whole = tree.expressions[0] if len(tree.expressions) == 1 else None
    inside = whole.this if isinstance(whole, exp.Paren) and tree.args.get("where") is None else None
    if inside is None or isinstance(inside, exp.Tuple | exp.Alias | exp.Star):
        raise ValueError(f"{_short(sql)!r} is not one expression")
    return frozenset(_columns(tree))


def parse_trusted(sql: str) -> None:
    """Check that trusted SQL is one query over the placeholder.

    Raises:
        ValueError: if it is not.
    """
    from sqlglot import exp

    tree = _statement(sql.replace(PLACEHOLDER, TABLE), sql)
    if not isinstance(tree, exp.Query):
        raise ValueError("expected one SELECT statement")
    if not any(table.name == TABLE for table in tree.find_all(exp.Table)):
        raise ValueError(f"the query does not read {PLACEHOLDER}")


def _parsed(sql: str, shown: str = "") -> exp.Select:
    from sqlglot import exp

    tree = _statement(sql.replace(PLACEHOLDER, TABLE), shown or sql)
    if isinstance(tree, exp.SetOperation):
        raise ValueError("UNION, INTERSECT and EXCEPT bring rows together")
    if not isinstance(tree, exp.Select):
        raise ValueError(f"expected SELECT … FROM {PLACEHOLDER}, found {_short(shown or sql)}")
    return tree


def _statement(sql: str, shown: str) -> exp.Expr:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        statements = [
            statement for statement in sqlglot.parse(sql, dialect="duckdb") if statement is not None
        ]
    except SqlglotError as error:
        first = str(error).splitlines()[0] if str(error) else "it cannot be parsed"
        raise ValueError(f"{_short(shown)} is not SQL: {re.sub(chr(27) + r'[^m]*m', '', first)}") from error
    if len(statements) != 1:
        raise ValueError(f"expected one statement, found {len(statements)}")
    return statements[0]


# What is refused ---------------------------------------------------------------------------------------------

_CLAUSES = {
    "with_": "WITH is a query of its own",
    "with": "WITH is a query of its own",
    "joins": "a join brings in other rows",
    "laterals": "LATERAL brings in other rows",
    "pivots": "PIVOT brings rows together",
    "distinct": "DISTINCT compares rows with each other",
    "group": "GROUP BY brings rows together",
    "having": "HAVING looks at groups of rows",
    "qualify": "QUALIFY looks at other rows",
    "windows": "WINDOW looks at other rows",
    "order": "ORDER BY compares rows with each other",
    "limit": "LIMIT depends on which rows there are",
    "offset": "OFFSET depends on which rows there are",
    "sample": "a sample depends on chance",
    "cluster": "CLUSTER BY brings rows together",
    "distribute": "DISTRIBUTE BY brings rows together",
    "sort": "SORT BY compares rows with each other",
    "into": "SELECT INTO writes",
    "locks": "FOR UPDATE locks rows",
}


def _check_select(tree: exp.Select) -> None:
    from sqlglot import exp

    for clause, reason in _CLAUSES.items():
        if tree.args.get(clause):
            raise ValueError(reason)
    source = tree.args.get("from_") or tree.args.get("from")
    table = source.this if source is not None else None
    if not isinstance(table, exp.Table) or table.name != TABLE or table.args.get("db"):
        found = _shown(table) if table is not None else "nothing"
        raise ValueError(f"it reads {found}; a row-local statement reads FROM {PLACEHOLDER} alone")
    if table.args.get("sample"):
        raise ValueError(_CLAUSES["sample"])
    for part in table.args:
        if part not in ("this", "alias") and table.args[part]:
            raise ValueError(f"{_shown(table)}: only {PLACEHOLDER} itself can be read")
    where = tree.args.get("where")
    for expression in [*tree.expressions, *([where.this] if where is not None else [])]:
        for node in expression.walk():
            _check_node(node)


def _check_node(node: exp.Expr) -> None:
    from sqlglot import exp

    refused = (
        ((exp.Window, exp.RowNumber), "is a window function: it looks at other rows"),
        ((exp.Query, exp.Subquery, exp.Exists), "is a query of its own: it looks at other rows"),
        ((exp.Parameter, exp.Placeholder, exp.SessionParameter), "is a parameter: nobody gives it a value"),
        ((exp.Columns,), "names columns by a pattern: which ones is not known"),
        ((exp.UDTF, exp.Explode, exp.Unnest), "makes several rows of one: use unnest= on the source"),
        ((exp.PositionalColumn,), "names a column by its place"),
    )
    reason = next((reason for kinds, reason in refused if isinstance(node, kinds)), None)
    if reason is None and isinstance(node, exp.Column | exp.Identifier):
        reason = _refused_name(node)
    elif reason is None and isinstance(node, exp.Func):
        reason = _refused_function(node)
    if reason is not None:
        raise ValueError(f"{_shown(node)} {reason}")


def _refused_name(node: exp.Column | exp.Identifier) -> str | None:
    from sqlglot import exp

    if node.name.startswith("__fs_") and node.name != TABLE:
        return "is a reserved name"
    if isinstance(node, exp.Column) and not node.table and node.name.lower() in _VIRTUAL:
        return "is not in the data: it depends on where a row lies"
    return None


def _refused_function(node: exp.Func) -> str | None:
    from sqlglot import exp

    if isinstance(node, exp.AggFunc) and _kind(node) not in _known_functions():
        return "is an aggregate: it looks at other rows"
    if isinstance(node, exp.Connector | exp.Cast | exp.TryCast | exp.Case):
        return None
    kind = _kind(node)
    name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    if name in CLOCKS:
        return "reads the clock"
    if name in CHANCES:
        return "gives another value each time"
    if kind in _known_functions():
        return None
    names = [example.partition("(")[0] for example in EXAMPLES]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"is not a function that is known to work row by row{hint}"


@functools.cache
def _known_functions() -> frozenset[str]:
    import sqlglot
    from sqlglot import exp

    found: set[str] = set()
    for example in EXAMPLES:
        tree = sqlglot.parse_one(f"SELECT {example}", dialect="duckdb")
        found.update(_kind(node) for node in tree.find_all(exp.Func))
    return frozenset(found)


def _kind(node: exp.Func) -> str:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return node.name.lower() + "()"
    return type(node).__name__


# What is understood ------------------------------------------------------------------------------------------


def _is_star(item: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))


def _excluded(item: exp.Expr) -> frozenset[str]:
    from sqlglot import exp

    star = item if isinstance(item, exp.Star) else item.this
    if star.args.get("rename"):
        raise ValueError(f"{_shown(item)}: RENAME is not understood; use mapping= on the source")
    excluded = star.args.get("except_") or star.args.get("except") or []
    return frozenset(column.name.lower() for column in excluded)


def _replacements(item: exp.Expr) -> list[exp.Expr]:
    from sqlglot import exp

    star = item if isinstance(item, exp.Star) else item.this
    return star.args.get("replace_") or star.args.get("replace") or []


def _add(outputs: dict[str, frozenset[str]], plain: dict[str, str], item: exp.Expr) -> None:
    from sqlglot import exp

    name = item.alias_or_name
    value = item.unalias()
    if not name or not isinstance(item, exp.Alias | exp.Column):
        raise ValueError(f"{_shown(item)} has no name: write … AS name")
    if name in outputs:
        raise ValueError(f"two columns are called {name!r}")
    # DuckDB lets an expression use the names that were given before it.
    outputs[name] = frozenset(
        made for column in _columns(value) for made in ({column} | outputs.get(column, frozenset()))
    )
    if isinstance(value, exp.Column) and not value.table.replace(TABLE, ""):
        plain[name] = value.name


def _columns(tree: exp.Expr) -> Iterator[str]:
    from sqlglot import exp

    bound = {
        name.name for function in tree.find_all(exp.Lambda) for name in function.expressions
    }  # the variables of lambdas
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Star) and column.name not in bound:
            # u.a may be field a of column u: both are reported, and what is not there is left out later.
            yield from (part.name for part in column.parts if part.name != TABLE)


def _end_of_columns(sql: str) -> int:
    """Where the FROM of the statement itself begins; the checks have seen that there is one."""
    from sqlglot.dialects.duckdb import DuckDB
    from sqlglot.tokenizer_core import TokenType

    depth = 0
    opening = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
    closing = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)
    for number, token in enumerate(DuckDB().tokenize(sql)):
        depth += (token.token_type in opening) - (token.token_type in closing)
        if depth == 0 and token.token_type == TokenType.FROM:
            if number == 0:
                raise ValueError("write SELECT before FROM")
            return int(token.start)
    raise ValueError("there is no FROM")


def _shown(node: exp.Expr) -> str:
    text = node.sql(dialect="duckdb").replace(TABLE, PLACEHOLDER)
    line = next((part.meta["line"] for part in node.walk() if "line" in part.meta), None)
    return f"{_short(text)} (line {line})" if line is not None else _short(text)


def _short(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= 60 else folded[:57] + "…"
