"""The feature store: a facade of the verbs that people use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from featurestore.configuration import load_configuration
from featurestore.definitions.base import Definition
from featurestore.definitions.instants import to_microseconds
from featurestore.definitions.view import FeatureView
from featurestore.errors import RequestError
from featurestore.monitoring.expectation_verbs import ExpectationVerbs
from featurestore.monitoring.verbs import StatisticsVerbs
from featurestore.online.reader import OnlineReader
from featurestore.online.verbs import OnlineVerbs
from featurestore.planning.request import FeaturesArgument, resolve_request
from featurestore.project import Project
from featurestore.protocols.records import RunKind
from featurestore.report.verbs import ReportVerbs
from featurestore.training_sets.verbs import TrainingSetVerbs
from featurestore.versions.verbs import VersionVerbs

if TYPE_CHECKING:
    from featurestore.definitions.source import Source
    from featurestore.leakage.report import LeakageReport
    from featurestore.materialize.run import MaterializationReport
    from featurestore.planning.changes import Plan
    from featurestore.planning.training_frame import TrainingFrame


class FeatureStore(
    OnlineVerbs, VersionVerbs, TrainingSetVerbs, StatisticsVerbs, ExpectationVerbs, ReportVerbs
):
    """A project's feature store. A context manager; safe to use from several threads and after a fork.

    Args:
        registry: ``sqlite:///registry.db`` or ``postgresql://user@host/database``.
        online: ``sqlite:///online.db``, ``redis://host:6379/0``, ``rediss://…`` or ``memory://``.
        offline: name of the offline engine: ``duckdb`` (with settings: ``duckdb?memory_limit=4GB&threads=2``),
            ``polars``, ``postgres``, ``snowflake``, or ``auto`` (the default), which takes the best for each request.
        project: namespace of names, in the registry and in the online store.
        config: a feature_store.toml. Without it and without `registry`, the nearest one from the working
            directory upwards is used; arguments win over the file.

    Raises:
        ConfigurationError: if a setting is wrong or missing.

    Example:
        >>> import featurestore as fs
        >>> store = fs.FeatureStore(registry="sqlite:///registry.db", online="memory://")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        registry: str | None = None,
        online: str | None = None,
        offline: str | None = None,
        project: str | None = None,
        config: str | Path | None = None,
    ) -> None:
        given = {"registry": registry, "online": online, "offline": offline, "project": project}
        self._project = Project(load_configuration(**given, path=config))
        self._reader = OnlineReader(self._project)

    @property
    def project(self) -> Project:
        """The opened project: its name, registry, online store and catalog."""
        return self._project

    # Definitions -----------------------------------------------------------------------------------------

    def plan(self, objects: Sequence[Definition]) -> Plan:
        """What applying the definitions would change; print it to read it.

        Raises:
            DefinitionError: if the definitions contradict each other or what is registered.
            TransformError: if a new transform fails on the source's first rows, or does not do the same twice.
        """
        from featurestore.planning.changes import plan_changes
        from featurestore.planning.determinism import check_planned

        root = self._project.config.root
        plan = plan_changes(objects, self._project.catalog(), project=self._project.name, root=root)
        check_planned(plan, objects, root)
        return plan

    def apply(
        self, what: Plan | Sequence[Definition], *, message: str = "", evolve: Collection[str] = ()
    ) -> Plan:
        """Record a plan's changes in one transaction, or plan definitions and record them.

        Args:
            what: a plan, which fails if the registry has moved since; or definitions, which are planned
                again when it has.
            message: why, for the record.
            evolve: services whose readers are ready for changes that break them.

        Returns:
            The plan that was applied.

        Raises:
            BreakingChangeError: if a service that is not named in `evolve` would lose what it relies on.
            StaleRegistryError: if the registry has moved since `what` was planned (retryable).
            DefinitionError, TransformError: as for `plan`.
        """
        from featurestore.planning.apply import apply_definitions
        from featurestore.planning.changes import Plan

        committer = self._committer(message, evolve)
        if isinstance(what, Plan):
            committer.commit(what)
            self._project.forget()
            return what
        self._project.bind_memory(what)
        return apply_definitions(
            what, project=self._project.name, catalog=self._project.catalog, committer=committer
        )

    def retire(self, names: Sequence[str], *, message: str = "") -> Plan:
        """Retire views, services or single versions (``view@2``): not served any more, online rows reclaimed.

        Retired versions stay readable offline by number.

        Raises:
            NotFoundError: for an unknown name.
            DefinitionError: if a service that stays still uses a view.
            RegistryError: if a single version is the active or the newest one.
        """
        from featurestore.materialize.views import filled_versions, retire_online
        from featurestore.planning.retirement import plan_retirement

        plan = plan_retirement(names, self._project.catalog(), project=self._project.name)
        filled = filled_versions(self._project, plan)
        self._committer(message).commit(plan)
        retire_online(self._project, filled)
        self._forget()
        return plan

    # Offline ---------------------------------------------------------------------------------------------

    def get_historical_features(
        self,
        entity_df: Any,
        features: FeaturesArgument,
        *,
        event_timestamp: str = "event_timestamp",
        full_feature_names: bool = False,
        engine: str | None = None,
        as_of: datetime | None = None,
        timezone: str = "UTC",
    ) -> TrainingFrame:
        """Complete entity rows with the features that were knowable at each row's time.

        Args:
            entity_df: Arrow, Polars or pandas frame, list of dicts, `pathlib.Path` of a Parquet file, or a
                string with SQL over the requested views' sources.
            features: a service, views, parts of views, or names such as ``"view:feature"``.
            event_timestamp: the time column of the entity rows.
            full_feature_names: name columns ``view__feature``.
            engine: ``duckdb``, ``polars`` or ``auto``, by default the store's.
            as_of: only rows that were known then: an earlier state of the sources.
            timezone: zone of naive times in the entity rows.

        Returns:
            A frame with exactly the rows of `entity_df`, in order, and one more column per feature. It is
            computed when it is converted (``to_arrow()``, ``to_polars()``, ``to_pandas()``, …).

        Raises:
            NotFoundError: for an unknown name.
            NameClashError: if two columns would have one name.
            EntityDataError: if a key or the time is missing or of the wrong type.
            SourceError: if a source lacks what a view wants of it.
        """
        from featurestore.lineage.personal import personal_request
        from featurestore.planning.historical import historical_features

        request, personal = personal_request(features, self._project.catalog(), full=full_feature_names)
        return historical_features(
            entity_df,
            request,
            engine=self._project.engine(engine),
            root=self._project.config.root,
            event_timestamp=event_timestamp,
            timezone=timezone,
            as_of=None if as_of is None else to_microseconds(as_of, what="as_of"),
            personal=personal,
        )

    def get_latest_features(
        self,
        features: FeaturesArgument,
        *,
        at: datetime | None = None,
        entities: Any = None,
        full_feature_names: bool = False,
        engine: str | None = None,
        as_of: datetime | None = None,
    ) -> TrainingFrame:
        """Every entity's values at one instant, for batch scoring.

        Args:
            features: as for `get_historical_features`.
            at: the instant, by default now.
            entities: a frame with the entities in question; by default all that any of the views knows,
                for which the views must have the same join keys.
            full_feature_names: name columns ``view__feature``.
            engine: ``duckdb``, ``polars`` or ``auto``, by default the store's.
            as_of: only rows that were known then.

        Returns:
            A frame with the join keys, ``event_timestamp`` (the instant) and the features.

        Raises:
            RequestError: if `entities` is needed.
        """
        from featurestore.lineage.personal import personal_request
        from featurestore.planning.historical import latest_features

        request, personal = personal_request(features, self._project.catalog(), full=full_feature_names)
        return latest_features(
            entities,
            request,
            at=to_microseconds(at or datetime.now(UTC), what="at"),
            engine=self._project.engine(engine),
            root=self._project.config.root,
            as_of=None if as_of is None else to_microseconds(as_of, what="as_of"),
            personal=personal,
        )

    def check_leakage(
        self,
        features: FeaturesArgument,
        *,
        samples: int = 10,
        available_at: str | None = None,
        snapshots: Mapping[datetime, Source] | None = None,
        engine: str | None = None,
    ) -> LeakageReport:
        """Look for values that know the future: take them again with it cut off at the source.

        Args:
            features: as for `get_historical_features`.
            samples: at how many instants to look, spread over the times at which rows became known.
            available_at: a column with the time from which a row was known, where the source does not declare it.
            snapshots: the source as it was at some instants, to find what was overwritten since.
            engine: ``duckdb``, ``polars`` or ``auto``, by default the store's.

        Returns:
            Every value that changes; `report.clean` says whether there are none.

        Raises:
            SourceError: if a source cannot be read.
            TransformError: if a transform fails.
        """
        from featurestore.leakage.check import check_views
        from featurestore.planning.point_in_time import plan_view
        from featurestore.sources.files import locate_source

        request = resolve_request(features, self._project.catalog(), full_feature_names=True)
        root = self._project.config.root
        return check_views(
            [plan_view(view, root=root) for view in request.views],
            self._project.engine(engine),
            samples=samples,
            available_at=available_at,
            snapshots=snapshots and {at: locate_source(source, root) for at, source in snapshots.items()},
        )

    # Materialization -------------------------------------------------------------------------------------

    def materialize(
        self,
        *,
        end: datetime | None = None,
        views: Sequence[str | FeatureView] | None = None,
        engine: str | None = None,
        max_rows_per_second: float | None = None,
    ) -> list[MaterializationReport]:
        """Fill the online store anew with each entity's values at `end`, and switch to them in one step.

        Args:
            end: the instant, by default now.
            views: names or objects, by default all views that are served online.
            engine: ``duckdb``, ``polars`` or ``auto``, by default the store's.
            max_rows_per_second: writes into the online store at most so many rows in a second, in small parts, so
                that those who read from it meanwhile hardly notice; by default as many as it takes.

        Raises:
            RequestError: if `max_rows_per_second` is not positive.
            InvalidTimeError: if `end` is later than the clock or before the view's watermark.
            LeaseHeldError: if another run is writing a view (retryable).
            ExpectationError: if rows are not as their view expects; what was published before stays.
        """
        return self._materialize(RunKind.FULL, end, views, engine, timedelta(0), max_rows_per_second)

    def materialize_incremental(
        self,
        *,
        end: datetime | None = None,
        views: Sequence[str | FeatureView] | None = None,
        engine: str | None = None,
        overlap: timedelta = timedelta(days=1),
        max_rows_per_second: float | None = None,
    ) -> list[MaterializationReport]:
        """Bring the online store up to `end`, looking only at entities that may have changed.

        What has changed is found by ``available_at`` or created time, else by looking at everything; rows
        that were removed from a source are only noticed by `materialize`. Where the online store has lost rows
        that were published, the view is filled anew.

        Args:
            end: the instant, by default now.
            views: names or objects, by default all views that are served online.
            engine: ``duckdb``, ``polars`` or ``auto``, by default the store's.
            overlap: how long after its created or available time a row may still arrive in the source.
            max_rows_per_second: see `materialize`.

        Raises:
            RequestError: if `max_rows_per_second` is not positive.
            InvalidTimeError: if `end` is later than the clock or before the view's watermark.
            LeaseHeldError: if another run is writing a view (retryable).
            ExpectationError: if rows are not as their view expects; what was published before stays.
        """
        return self._materialize(RunKind.INCREMENTAL, end, views, engine, overlap, max_rows_per_second)

    def _materialize(
        self,
        kind: RunKind,
        end: datetime | None,
        views: Sequence[str | FeatureView] | None,
        engine: str | None,
        overlap: timedelta,
        max_rows_per_second: float | None,
    ) -> list[MaterializationReport]:
        from featurestore.materialize.views import materialize_views

        try:
            return materialize_views(
                self._project,
                kind=kind,
                end=end,
                views=views,
                engine=engine,
                overlap=overlap,
                max_rows_per_second=max_rows_per_second,
            )
        finally:
            self._forget()

    def close(self) -> None:
        """Close all connections."""
        self._project.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise RequestError(
            "A FeatureStore holds connections, which cannot be pickled.",
            hint="Open one in each process, or fork.",
        )

    def __repr__(self) -> str:
        return f"FeatureStore(project={self._project.name!r})"
