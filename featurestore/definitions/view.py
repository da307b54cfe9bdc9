"""Feature views: named groups of features of one entity, read from one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, PlainSerializer, field_validator, model_validator

from featurestore.definitions.aggregation import Aggregation, AnyFeature
from featurestore.definitions.base import Definition, Duration, FrozenDict, Name, Tags, check_items
from featurestore.definitions.entity import Entity
from featurestore.definitions.expectation import Expectation
from featurestore.definitions.feature import Feature
from featurestore.definitions.reference import ViewReference
from featurestore.definitions.row_sql import parse_select, parse_trusted
from featurestore.definitions.schedule import Schedule
from featurestore.definitions.source import Source, dump_source, load_source
from featurestore.definitions.transform import Transform
from featurestore.definitions.types import FeatureType
from featurestore.errors import DefinitionError, NotFoundError


def _load_rows(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    fields = {key: item for key, item in value.items() if key != "kind"}
    return FeatureView(**fields) if value.get("kind") == FeatureView.kind else load_source(value)


def _dump_rows(value: Source | FeatureView) -> dict[str, Any]:
    if isinstance(value, Source):
        return dump_source(value)
    return {"kind": value.kind, **value.model_dump(mode="json")}


Rows = Annotated[Any, BeforeValidator(_load_rows), PlainSerializer(_dump_rows, return_type=dict[str, Any])]


def _load_expectation(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    # A view that expects nothing does without the kinds.
    from featurestore.definitions.expectations import KINDS

    fields = {key: item for key, item in value.items() if key not in ("name", "kind")}
    if value.get("kind") not in KINDS:
        raise ValueError(f"{value.get('kind')!r} is no expectation; there are: {', '.join(KINDS)}")
    return KINDS[value["kind"]](**fields)


AnyExpectation = Annotated[
    Expectation,
    BeforeValidator(_load_expectation),
    PlainSerializer(Expectation.to_document, return_type=dict[str, Any]),
]


class FeatureView(Definition):
    """Features of one entity from one source: a function from (entity, time) to values.

    Args:
        name: unique among the views and services of a project.
        entities: whose join keys identify a row; an empty list makes a view of one row for all.
        source: where the rows come from; or another view, whose rows (not latest values) these are then, with its
            keys and features as columns.
        features: what is taken from a row; or `Aggregation` objects, which sum up the rows of a window. A view
            holds the one or the other.
        sql: ``SELECT … FROM {source} [WHERE …]`` in DuckDB's dialect, by which the rows are transformed first.
            Each row of the result may depend on one row alone; time columns come along by themselves.
        transform: a function that transforms the rows, made by `featurestore.transform`.
        trusted: lets `sql` look at other rows too; see `FeatureStore.check_leakage`.
        ttl: how long after its event timestamp a row may be used, inclusive; None for ever.
        schedule: the grid on which serving values are refreshed; None for always.
        online: whether the view is materialized for serving.
        max_staleness: of a view with aggregations: how long after the instant they were computed for they are
            served. By default twice the schedule's `every`, and its lag; without a schedule the shortest
            window.
        expectations: what must hold of the rows before they are served or saved in a training set. They do not
            change values: a change of them makes no new version.

    Raises:
        DefinitionError: if a name is used twice, a feature hides a join key, the ttl is not positive, features and
            aggregations are mixed, or the SQL could look at other rows, at the clock or at chance.

    Example:
        >>> import featurestore as fs
        >>> plane = fs.Entity("plane", join_keys={"tailnum": fs.String})
        >>> arrivals = fs.ParquetSource("arrivals", path="arrivals.parquet", event_timestamp="arrived_at")
        >>> view = fs.FeatureView("punctuality", entities=[plane], source=arrivals,
        ...                       features=[fs.Feature("arr_delay", fs.Float64)])
        >>> view["arr_delay"].features
        ('arr_delay',)
    """

    kind: ClassVar[str] = "feature_view"
    added_later: ClassVar[tuple[str, ...]] = ("sql", "transform", "trusted", "max_staleness", "expectations")

    name: Name
    entities: tuple[Entity, ...]
    source: Rows
    features: tuple[AnyFeature, ...]
    ttl: Duration | None = None
    schedule: Schedule | None = None
    sql: str = ""
    transform: Transform | None = None
    trusted: bool = False
    online: bool = True
    max_staleness: Duration | None = None
    expectations: tuple[AnyExpectation, ...] = ()
    description: str = ""
    owner: str = ""
    tags: Tags = FrozenDict()

    def __init__(
        self,
        name: str,
        *,
        entities: Sequence[Entity],
        source: Source | FeatureView,
        features: Sequence[Feature | Aggregation],
        ttl: timedelta | None = None,
        schedule: Schedule | None = None,
        sql: str = "",
        transform: Transform | None = None,
        trusted: bool = False,
        online: bool = True,
        max_staleness: timedelta | None = None,
        expectations: Sequence[Expectation] = (),
        description: str = "",
        owner: str = "",
        tags: Mapping[str, str] = FrozenDict(),
    ) -> None:
        super().__init__(
            name=name, entities=entities, source=source, features=features, ttl=ttl, schedule=schedule,
            sql=sql, transform=transform, trusted=trusted, online=online, max_staleness=max_staleness,
            expectations=expectations, description=description, owner=owner, tags=tags,
        )  # fmt: skip

    @field_validator("transform", mode="before")
    @classmethod
    def _check_transform(cls, value: object) -> object:
        if callable(value) and not isinstance(value, Transform):
            raise ValueError("expected a transform: write @fs.transform above the function")  # noqa: TRY004
        return value

    @field_validator("entities", mode="before")
    @classmethod
    def _check_entities(cls, value: object) -> object:
        return check_items(value, (Entity,), "[plane]")

    @field_validator("features", mode="before")
    @classmethod
    def _check_features(cls, value: object) -> object:
        return check_items(value, (Feature, Aggregation), '[fs.Feature("amount", fs.Float64)]')

    @field_validator("features")
    @classmethod
    def _one_window_each(cls, value: tuple[Feature | Aggregation, ...]) -> tuple[Feature | Aggregation, ...]:
        split = (item.single() if isinstance(item, Aggregation) else (item,) for item in value)
        return tuple(feature for features in split for feature in features)

    @field_validator("ttl", "max_staleness")
    @classmethod
    def _check_ttl(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value <= timedelta(0):
            raise ValueError("must be longer than zero; leave it out for no limit")
        return value

    @field_validator("source")
    @classmethod
    def _check_source(cls, value: object) -> object:
        if not isinstance(value, Source | FeatureView):
            raise ValueError(f"expected a source or a feature view, found a {type(value).__name__}")  # noqa: TRY004
        if isinstance(value, FeatureView) and value.aggregations:
            raise ValueError(f"view {value.name!r} has aggregations, which are not rows: take its source")
        return value

    @model_validator(mode="after")
    def _check_sql(self) -> Self:
        if not self.sql:
            if self.trusted:
                raise ValueError("trusted says that the SQL may look at other rows, and there is no SQL")
            return self
        if self.transform is not None:
            raise ValueError("expected sql or transform, not both: let the second read a view with the first")
        try:
            if self.trusted:
                parse_trusted(self.sql)
                return self
            select = parse_select(self.sql)
        except ValueError as error:
            # What has a cause could not be parsed at all.
            refused = not self.trusted and error.__cause__ is None
            hint = (
                "; write it without, or say trusted=True and let check_leakage look at it" if refused else ""
            )
            raise ValueError(f"sql: {error}{hint}") from error
        for column in self.origin.time_columns:
            if column in select.outputs and select.plain.get(column) != column:
                raise ValueError(
                    f"sql: {column} is a time column; a view cannot change it, computed= on the source can"
                )
        if not select.star:
            wanted = dict.fromkeys((*self.join_keys, *(column for f in self.features for column in f.inputs)))
            missing = [c for c in wanted if c not in select.outputs and c not in self.origin.time_columns]
            if missing:
                raise ValueError(
                    f"sql: the result has no column {missing[0]!r}; it has: {', '.join(select.outputs)}"
                )
        return self

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        keys = [key for entity in self.entities for key in entity.join_keys]
        names = [feature.name for feature in self.features]
        if not names:
            raise ValueError("expected at least one feature")
        for name in (*keys, *names):
            if keys.count(name) + names.count(name) > 1:
                raise ValueError(f"{name!r} is used twice among the join keys and the features")
        return self

    @model_validator(mode="after")
    def _check_aggregations(self) -> Self:
        if self.aggregations and len(self.aggregations) < len(self.features):
            raise ValueError("a view holds features or aggregations, not both: make two views")
        if self.aggregations and self.ttl is not None:
            raise ValueError(
                "ttl says how old a single row may be; of aggregations the windows say it, and max_staleness "
                "for how long their values are served"
            )
        if not self.aggregations and self.max_staleness is not None:
            raise ValueError("max_staleness is for aggregations; features have a ttl")
        return self

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        known: dict[str, FeatureType] = {}
        for aggregation in self.aggregations:
            for column, dtype in aggregation.types.items():
                if known.setdefault(column, dtype) != dtype:
                    raise ValueError(f"column {column!r} is said to be {known[column]} and {dtype}")
        return self

    @model_validator(mode="after")
    def _check_expectations(self) -> Self:
        names = [expectation.name for expectation in self.expectations]
        types = {feature.name: feature for feature in self.features}
        for expectation in self.expectations:
            if names.count(expectation.name) > 1:
                raise ValueError(f"expectations: {expectation.name} is there twice")
            feature = getattr(expectation, "feature", None)
            if feature is None:
                continue
            if feature not in types:
                raise ValueError(
                    f"expectations: {expectation!r}: there is no feature {feature!r}; there are: {', '.join(types)}"
                )
            try:
                dtype = types[feature].dtype
            except DefinitionError:
                continue  # not known before the source has been looked at; checked again before the rows are
            expectation.check_feature(dtype)
        return self

    @property
    def aggregations(self) -> tuple[Aggregation, ...]:
        """The features, where they are aggregations; else nothing."""
        return tuple(feature for feature in self.features if isinstance(feature, Aggregation))

    @property
    def serves_for(self) -> timedelta | None:
        """How long aggregations are served after the instant they were computed for; None for ever."""
        if self.max_staleness is not None:
            return self.max_staleness
        if self.schedule is not None:
            # Counted from the effective time, which lies behind by the lag already.
            return 2 * self.schedule.every + self.schedule.lag
        finite = [a.span for a in self.aggregations if isinstance(a.span, timedelta)]
        return min(finite, default=None)

    @property
    def reach(self) -> timedelta | None:
        """How far back from an instant rows can still give it a value; None: all of them can."""
        if not self.aggregations:
            return self.ttl
        reaches = []
        for each in self.aggregations:
            if not isinstance(each.span, timedelta):
                return None
            reaches.append(each.span * (each.series or 1) + each.offset)
        return max(reaches)

    @property
    def origin(self) -> Source:
        """The source that the rows come from in the end: that of the view that is the source, if one is."""
        return self.source.origin if isinstance(self.source, FeatureView) else self.source

    @property
    def join_keys(self) -> Mapping[str, FeatureType]:
        """Join key to type, over all entities, in their order."""
        return FrozenDict({k: t for entity in self.entities for k, t in entity.join_keys.items()})

    def feature(self, name: str) -> Feature | Aggregation:
        """The feature called `name`.

        Raises:
            NotFoundError: if the view has no such feature.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise NotFoundError.of("Feature", name, (f.name for f in self.features), where=f"view {self.name!r}")

    def __getitem__(self, features: str | Sequence[str]) -> ViewReference:
        """Some of the features: ``view["a"]`` or ``view[["a", "b"]]``."""
        return ViewReference.of(self)[features]

    def alias(self, name: str) -> ViewReference:
        """The view under another name, so that one request may hold it twice."""
        return ViewReference.of(self).alias(name)

    def with_join_keys(self, renames: Mapping[str, str]) -> ViewReference:
        """The view with join keys taken from other columns: ``{"tailnum": "inbound_tailnum"}``."""
        return ViewReference.of(self).with_join_keys(renames)

    def values_payload(self) -> dict[str, Any]:
        """The parts of the definition that change values: what the data hash is taken over."""
        given = {
            "sql": self.sql,
            "trusted": self.trusted,
            "transform": self.transform and self.transform.model_dump(mode="json"),
            "max_staleness": self.model_dump(mode="json").get("max_staleness"),
        }
        return {
            **{name: value for name, value in given.items() if value},
            "join_keys": {key: str(dtype) for key, dtype in self.join_keys.items()},
            "source": self.source.values_payload(),
            "features": {f.name: f.values_payload() for f in self.features},
            "ttl": self.model_dump(mode="json", include={"ttl"})["ttl"],
            "schedule": self.schedule and self.schedule.model_dump(mode="json"),
        }
