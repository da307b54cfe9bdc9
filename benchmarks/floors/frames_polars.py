"""Training frames of several views, of any keys, with a delay or a ttl, written by hand for Polars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from benchmarks.floors.historical_polars import order_of, settle_ties

if TYPE_CHECKING:
    import pyarrow as pa

    from benchmarks.cases import Case, View

_EVENT = "event_timestamp"
_HOUR, _MINUTE = 3_600_000_000, 60_000_000


def lawful(case: Case, entity_rows: pa.Table) -> pl.DataFrame:
    """Each entity row with the features known at its time: input order, ties settled by created time.

    It matches on one integer of key and time, and fetches the features of the winners only.
    """
    spine = pl.DataFrame(entity_rows)
    return spine.hstack([column for view in case.views for column in _features(view, spine)])


def as_of(case: Case, entity_rows: pa.Table) -> pl.DataFrame:
    """Polars' as-of joins one after another, then the input order: lawful where no two rows tie."""
    return (
        _joined(case, pl.DataFrame(entity_rows).with_row_index("position")).sort("position").drop("position")
    )


def bare(case: Case, entity_rows: pa.Table) -> pl.DataFrame:
    """The same, left in the order of time."""
    return _joined(case, pl.DataFrame(entity_rows))


def _joined(case: Case, spine: pl.DataFrame) -> pl.DataFrame:
    joined = spine.sort(_EVENT)
    for view in case.views:
        named = {name: f"{view.name}__{name}" for name in view.features}
        rows = pl.read_parquet(view.source, columns=[*view.keys, _EVENT, *view.features]).rename(named)
        # Polars cannot check sortedness within each key; both sides are sorted by time over all keys.
        joined = joined.join_asof(rows, on=_EVENT, by=list(view.keys), check_sortedness=False)
    return joined


def _features(view: View, spine: pl.DataFrame) -> list[pl.Series]:
    named = [pl.col(name).alias(f"{view.name}__{name}") for name in view.features]
    rows = _match(view, spine)
    height = pl.scan_parquet(view.source).select(pl.len()).collect().item()
    used = pl.repeat(False, height, eager=True).scatter(rows.drop_nulls().unique(), True)
    kept = pl.scan_parquet(view.source).select(named).filter(pl.lit(used)).collect()
    return kept.select(pl.all().gather((used.cast(pl.UInt32).cum_sum() - 1).gather(rows))).get_columns()


def _match(view: View, spine: pl.DataFrame) -> pl.Series:
    """The source row for each entity row, null where there is none."""
    event = pl.col(_EVENT).to_physical()
    created = ["created_timestamp"] if view.created else []
    narrow = pl.scan_parquet(view.source).select(*view.keys, _EVENT, *created).collect()
    asked = spine.select(*view.keys, at=event - view.delay * _HOUR)
    narrow, asked = _with_codes(view, narrow, asked)
    first, last = narrow.select(event.min().alias("first"), event.max().alias("last")).row(0)
    first -= 1  # what is asked for before any event lies below all of them
    bits = (last - first).bit_length()
    code = narrow.select(pl.col("entity_id") * 2**bits + event - first).to_series()
    order = order_of(narrow, code)
    code = code.gather(order)
    wanted = asked.select(
        "at", code=pl.col("entity_id") * 2**bits + (pl.col("at") - first).clip(0, 2**bits - 1)
    ).with_row_index("position").sort("code")  # fmt: skip
    found = code.search_sorted(wanted["code"], side="right").cast(pl.Int64) - 1
    nearest = code.gather(found.clip(0))
    seen = (found >= 0) & (nearest // 2**bits == wanted["code"] // 2**bits)
    if view.ttl is not None:
        seen &= wanted["at"] - (nearest % 2**bits + first) <= view.ttl * _MINUTE
    found = pl.select(pl.when(seen).then(found)).to_series()
    rows = settle_ties(code, order, narrow["created_timestamp"], found) if created else order.gather(found)
    return wanted.select("position", row=rows).sort("position")["row"]


def _with_codes(view: View, narrow: pl.DataFrame, asked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both with one integer for the key: a single integer is taken as it is, others are numbered."""
    keys = list(view.keys)
    if len(keys) == 1 and narrow.schema[keys[0]] == pl.Int64:
        return narrow.rename({keys[0]: "entity_id"}), asked.rename({keys[0]: "entity_id"})
    numbered = narrow.select(keys).unique().with_row_index("entity_id")
    number = pl.col("entity_id").cast(pl.Int64).fill_null(numbered.height)
    return (
        narrow.join(numbered, on=keys, how="left", maintain_order="left").with_columns(number),
        asked.join(numbered, on=keys, how="left", maintain_order="left").with_columns(number),
    )
