"""The functions that row-local SQL may use: one example of each, in DuckDB's dialect.

In the examples i is an integer, x a double, s a string, b a boolean, t a timestamp, d a date, l a list of
integers and u a struct with a field a. A test runs each of them and asks DuckDB whether it is deterministic.
"""

from __future__ import annotations

from typing import Final

EXAMPLES: Final = (
    # Numbers
    "abs(x)", "ceil(x)", "ceiling(x)", "floor(x)", "round(x)", "round(x, 2)", "trunc(x)", "sign(x)",
    "sqrt(abs(x))", "cbrt(x)", "exp(x)", "ln(abs(x) + 1)", "log(abs(x) + 1)", "log2(abs(x) + 1)",
    "log10(abs(x) + 1)", "pow(x, 2)", "power(x, 2)", "sin(x)", "cos(x)", "tan(x)", "asin(0.5)", "acos(0.5)",
    "atan(x)", "atan2(x, 1)", "sinh(x)", "cosh(x)", "tanh(x)", "degrees(x)", "radians(x)", "pi()", "mod(i, 3)",
    "fmod(x, 2)", "gcd(i, 6)", "lcm(i, 6)", "factorial(3)", "gamma(3.5)", "even(x)", "isnan(x)", "isinf(x)",
    "isfinite(x)", "signbit(x)", "xor(i, 3)", "bit_count(i)", "divide(i, 3)", "add(i, 1)", "subtract(i, 1)",
    "multiply(i, 2)",
    # Nulls and choices
    "coalesce(x, 0)", "ifnull(x, 0)", "nullif(x, 0)", "if(b, 1, 2)", "greatest(x, 1)", "least(x, 1)",
    # Strings
    "lower(s)", "upper(s)", "lcase(s)", "ucase(s)", "length(s)", "len(s)", "char_length(s)", "strlen(s)",
    "trim(s)", "ltrim(s)", "rtrim(s)", "substring(s, 1, 2)", "substr(s, 1, 2)", "left(s, 2)", "right(s, 2)",
    "replace(s, 'a', 'b')", "reverse(s)", "repeat(s, 2)", "lpad(s, 8, ' ')", "rpad(s, 8, ' ')",
    "concat(s, 'x')", "concat_ws('-', s, 'x')", "contains(s, 'a')", "starts_with(s, 'a')", "prefix(s, 'a')",
    "suffix(s, 'a')", "ends_with(s, 'a')", "position('a' in s)", "strpos(s, 'a')", "instr(s, 'a')",
    "split_part(s, '-', 1)", "string_split(s, '-')", "split(s, '-')", "str_split(s, '-')",
    "regexp_matches(s, 'a')", "regexp_extract(s, 'a')", "regexp_replace(s, 'a', 'b')",
    "regexp_full_match(s, 'a')", "regexp_split_to_array(s, '-')", "ascii(s)", "chr(65)", "unicode(s)", "md5(s)",
    "sha256(s)", "levenshtein(s, 'abc')", "editdist3(s, 'abc')", "damerau_levenshtein(s, 'abc')",
    "hamming('ab', 'ac')", "jaccard(s, 'abc')", "jaro_similarity(s, 'abc')",
    "jaro_winkler_similarity(s, 'abc')", "strip_accents(s)", "nfc_normalize(s)", "translate(s, 'a', 'b')",
    "encode(s)", "bar(x, 0, 10)", "format('{}', i)", "printf('%d', i)",
    # Times
    "date_trunc('day', t)", "date_part('hour', t)", "datepart('hour', t)", "date_diff('day', t, t)",
    "datediff('day', t, t)", "date_sub('day', t, t)", "date_add(t, INTERVAL 1 DAY)", "extract('hour' FROM t)",
    "year(t)", "quarter(t)", "month(t)", "week(t)", "day(t)", "hour(t)", "minute(t)", "second(t)",
    "millisecond(t)", "microsecond(t)", "dayofweek(t)", "isodow(t)", "dayofmonth(t)", "dayofyear(t)",
    "weekday(t)", "weekofyear(t)", "yearweek(t)", "epoch(t)", "epoch_ms(t)", "epoch_us(t)", "epoch_ns(t)",
    "last_day(t)", "monthname(t)", "dayname(t)", "strftime(t, '%Y')", "strptime('2024-01-01', '%Y-%m-%d')",
    "try_strptime(s, '%Y')", "make_date(2024, 1, 1)", "make_timestamp(2024, 1, 1, 0, 0, 0.0)",
    "make_time(1, 2, 3.0)", "to_timestamp(x)", "time_bucket(INTERVAL 1 HOUR, t)", "to_days(i)", "to_hours(i)",
    "to_minutes(i)", "to_seconds(i)", "timezone('Europe/Paris', t)",
    # Lists and structs
    "list_value(1, 2)", "list_extract(l, 1)", "list_element(l, 1)", "list_slice(l, 1, 2)",
    "list_contains(l, 1)", "list_has(l, 1)", "array_contains(l, 1)", "list_position(l, 1)", "list_concat(l, l)",
    "list_append(l, 1)", "list_prepend(1, l)", "list_sort(l)", "list_reverse_sort(l)", "list_reverse(l)",
    "list_unique(l)", "list_sum(l)", "list_avg(l)", "list_min(l)", "list_max(l)", "list_count(l)",
    "list_first(l)", "list_last(l)", "list_product(l)", "list_median(l)", "list_stddev_samp(l)",
    "list_transform(l, lambda e: e + 1)", "list_filter(l, lambda e: e > 1)",
    "list_reduce(l, lambda a, e: a + e, 0)", "list_zip(l, l)", "list_dot_product([1.0, 2.0], [1.0, 2.0])",
    "list_cosine_similarity([1.0, 2.0], [1.0, 2.0])", "list_distance([1.0, 2.0], [1.0, 2.0])",
    "array_length(l)", "array_to_string(l, ',')", "flatten([l, l])", "range(3)", "generate_series(1, 3)",
    "struct_extract(u, 'a')", "struct_pack(a := 1)", "row(1, 2)", "json_extract_string('{\"a\": 1}', '$.a')",
)  # fmt: skip

CLOCKS: Final = frozenset(
    {
        "current_date",
        "current_localtime",
        "current_localtimestamp",
        "current_time",
        "current_timestamp",
        "get_current_time",
        "get_current_timestamp",
        "localtime",
        "localtimestamp",
        "now",
        "today",
        "transaction_timestamp",
    }
)
"""Functions that read the clock."""

CHANCES: Final = frozenset(
    {"gen_random_uuid", "nextval", "rand", "random", "setseed", "uuid", "uuidv4", "uuidv7"}
)
"""Functions that give another value each time."""
