"""Which SQL is row-local: what is refused, and why; what is understood of the rest."""

from __future__ import annotations

import re

import duckdb
import pytest

import featurestore as fs
from featurestore.definitions.row_sql import parse_expression, parse_select
from featurestore.definitions.sql_functions import EXAMPLES
from featurestore.errors import DefinitionError

REFUSED = {
    "select sum(a) as s from {source}": "SUM(a) (line 1) is an aggregate",
    "select count(*) as n from {source}": "COUNT(*) (line 1) is an aggregate",
    "select count(*) filter (a > 1) as n from {source}": "is an aggregate",
    "select median(a) as m from {source}": "is an aggregate",
    "select any_value(a) as m from {source}": "is an aggregate",
    "select array_agg(a) as m from {source}": "is an aggregate",
    "select string_agg(s) as m from {source}": "is an aggregate",
    "select approx_count_distinct(a) as m from {source}": "is an aggregate",
    "select arg_max(a, b) as m from {source}": "is an aggregate",
    "select sum(a) over () as s from {source}": "is a window function",
    "select lag(a) over (order by t) as l from {source}": "is a window function",
    "select row_number() over () as n from {source}": "is a window function",
    "select rank() over (order by a) as n from {source}": "is a window function",
    "select a from {source} qualify row_number() over () = 1": "QUALIFY looks at other rows",
    "select a from {source} window w as (order by a)": "WINDOW looks at other rows",
    "select a from {source} order by a": "ORDER BY compares rows",
    "select a from {source} limit 3": "LIMIT depends on which rows there are",
    "select a from {source} offset 3": "OFFSET depends on which rows there are",
    "select distinct a from {source}": "DISTINCT compares rows",
    "select distinct on (a) a, b from {source}": "DISTINCT compares rows",
    "select a from {source} group by a": "GROUP BY brings rows together",
    "select a from {source} group by all having a > 1": "GROUP BY brings rows together",
    "select a from {source}, other": "a join brings in other rows",
    "select a from {source} join other using (a)": "a join brings in other rows",
    "select a from {source} cross join other": "a join brings in other rows",
    "select a from {source} positional join {source}": "a join brings in other rows",
    "select a from {source} asof join other on true": "a join brings in other rows",
    "select (select max(a) from {source}) as m from {source}": "is a query of its own",
    "select a in (select b from other) as m from {source}": "is a query of its own",
    "select exists (select 1) as e from {source}": "is a query of its own",
    "select a from {source} where b > (select avg(b) from {source})": "is a query of its own",
    "with x as (select 1) select a from {source}": "WITH is a query of its own",
    "select a from {source} union all select a from {source}": "UNION, INTERSECT and EXCEPT",
    "select a from {source} using sample 10%": "a sample depends on chance",
    "select a from {source} tablesample 10%": "a sample depends on chance",
    "select random() as r from {source}": "RANDOM() (line 1) gives another value each time",
    "select uuid() as r from {source}": "gives another value each time",
    "select nextval('s') as r from {source}": "gives another value each time",
    "select now() as n from {source}": "NOW() (line 1) reads the clock",
    "select current_date as n from {source}": "reads the clock",
    "select current_timestamp as n from {source}": "reads the clock",
    "select today() as n from {source}": "reads the clock",
    "select\n  my_function(a) as n\nfrom {source}": "MY_FUNCTION(a) (line 2) is not a function that is known",
    "select getvariable('x') as n from {source}": "is not a function that is known",
    "select uper(s) as n from {source}": "did you mean upper?",
    "select unnest(l) as n from {source}": "use unnest= on the source",
    "select $1 as n from {source}": "is a parameter",
    "select ? as n from {source}": "is a parameter",
    "select columns('a.*') from {source}": "names columns by a pattern",
    "select #1 as n from {source}": "names a column by its place",
    "select rowid as n from {source}": "depends on where a row lies",
    "select filename as n from {source}": "depends on where a row lies",
    "select __fs_row as n from {source}": "is a reserved name",
    "select a from other": "it reads other",
    "select a from read_parquet('x.parquet')": "it reads READ_PARQUET('x.parquet')",
    "select a from (select * from {source})": "reads FROM {source} alone",
    "select a": "it reads nothing",
    "select a from {source}; select b from {source}": "expected one statement, found 2",
    "insert into other select a from {source}": "expected SELECT … FROM {source}",
    "pivot {source} on a": "expected SELECT … FROM {source}",
    "from {source} select a": "write SELECT before FROM",
    "select a + 1 from {source}": "has no name: write … AS name",
    "select a as x, b as x from {source}": "two columns are called 'x'",
    "select a b c from {source}": "is not SQL",
    "": "expected one statement, found 0",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_what_looks_at_more_than_its_row_is_refused_with_the_reason(sql: str) -> None:
    with pytest.raises(ValueError, match=re.escape(REFUSED[sql])):
        parse_select(sql)


def test_a_view_says_where_and_how_to_go_on(tmp_path: object) -> None:
    entity = fs.Entity("e", join_keys={"k": fs.Int64})
    source = fs.ParquetSource("s", path="x", event_timestamp="at")
    features = [fs.Feature("m", fs.Float64)]
    with pytest.raises(
        DefinitionError, match=r"sql: SUM\(a\) \(line 1\) is an aggregate.*trusted=True"
    ) as caught:
        fs.FeatureView(
            "v", entities=[entity], source=source, features=features, sql="select sum(a) as m from {source}"
        )
    assert caught.value.location is not None
    assert "test_row_sql.py" in caught.value.location
    with pytest.raises(DefinitionError, match="is not SQL") as caught:
        fs.FeatureView("v", entities=[entity], source=source, features=features, sql="selec m from {source}")
    assert "trusted" not in str(caught.value)  # which would not help
    with pytest.raises(DefinitionError, match="has no column 'k'"):
        fs.FeatureView(
            "v", entities=[entity], source=source, features=features, sql="select a as m from {source}"
        )
    with pytest.raises(DefinitionError, match=r"at is a time column"):
        fs.FeatureView("v", entities=[entity], source=source, features=features,
                       sql='select k, "at" - interval 1 day as "at", a as m from {source}')  # fmt: skip
    with pytest.raises(DefinitionError, match=r"sql or transform, not both|trusted says"):
        fs.FeatureView("v", entities=[entity], source=source, features=features, trusted=True)


@pytest.mark.parametrize(
    ("sql", "outputs", "star"),
    [
        ("select a, a - b as d from {source}", {"a": {"a"}, "d": {"a", "b"}}, False),
        ("select a * 2 as c, c + b as d from {source}", {"c": {"a"}, "d": {"a", "b", "c"}}, False),
        ("select *, lower(s) as t from {source} where a > 1", {"t": {"s"}}, True),
        ("select * exclude (a) replace (b + 1 as b) from {source}", {"b": {"b"}}, True),
        ("select list_transform(l, lambda e: e + a) as m from {source}", {"m": {"l", "a"}}, False),
        ("select case when a then b else 0 end as c from {source}", {"c": {"a", "b"}}, False),
        ("select {source}.a from {source}", {"a": {"a"}}, False),
        ("select a::int as i, t + interval 1 day as u from {source}", {"i": {"a"}, "u": {"t"}}, False),
    ],
)
def test_columns_and_lineage_are_known_before_data_are_read(
    sql: str, outputs: dict[str, set[str]], star: bool
) -> None:
    select = parse_select(sql)
    assert {name: set(made) for name, made in select.outputs.items()} == outputs
    assert select.star is star


@pytest.mark.parametrize(
    "sql",
    [
        "select a, from {source}",
        "select a /* from */ as b from {source}",
        "select 'from' as a from {source} -- from",
    ],
)
def test_columns_are_added_at_the_end_of_the_list(sql: str) -> None:
    text = parse_select(sql).with_columns(['"at"'])
    connection = duckdb.connect()
    connection.execute('create table __fs_source as select 1 as a, 2 as "at"')
    assert connection.sql(text).columns[-1] == "at"


@pytest.mark.parametrize(
    "sql", ["a, b", "*", "a as b", "", "a) from x --", "a; select 1", "sum(a)", "a > random()"]
)
def test_what_is_not_one_row_local_expression_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=r"not one expression|is not SQL|aggregate|each time|statement"):
        parse_expression(sql)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_known_function_runs_and_is_deterministic(example: str) -> None:
    connection = duckdb.connect()
    connection.execute(
        "create table t as select 2::bigint i, 1.5::double x, 'a-b' s, true b, timestamp '2024-01-02 03:04:05' t, "
        "date '2024-01-02' d, [1, 2, 3] l, {'a': 1} u"
    )
    once = connection.sql(f"select {example} as v from t").to_arrow_table()
    assert once.equals(connection.sql(f"select {example} as v from t").to_arrow_table())
    name = re.match(r"\w+", example)
    found = connection.sql(
        "select distinct function_type, stability from duckdb_functions() where function_name = ?",
        params=[name[0].lower() if name else ""],
    ).fetchall()
    kinds = {kind for kind, _ in found}
    assert not found or kinds & {"scalar", "macro"}
    assert {stability for kind, stability in found if kind == "scalar"} <= {"CONSISTENT"}
    assert parse_select(f"select {example} as v from {{source}}").outputs.keys() == {"v"}
