"""What views expect of the rows of a training set, looked at as they are written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurestore.definitions.expectation import Expectation
from featurestore.definitions.expectations import UniqueKeys
from featurestore.errors import ExpectationError
from featurestore.expectations.batches import OfValues, ValueChecks
from featurestore.expectations.files import FailingRowFiles
from featurestore.expectations.kept import KeptRows, RowShape
from featurestore.expectations.result import skipped
from featurestore.expectations.rows import Instant, RowChecks
from featurestore.lineage.personal import personal_outputs
from featurestore.planning.point_in_time import plan_view
from featurestore.planning.request import Request, RequestedView
from featurestore.project import Project
from featurestore.protocols.expectations import CheckResult, Outcome
from featurestore.training_sets.recipe import Recipe, resolve_recipe

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class SetCheck:
    """How one expectation of one view came out in a training set.

    Attributes:
        view: its name, or its alias in the set.
        version: of the view.
        result: what was found.
    """

    view: str
    version: int
    result: CheckResult

    def to_json(self) -> dict[str, Any]:
        """The form in the manifest."""
        return {"view": self.view, "version": self.version, **self.result.to_json()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> SetCheck:
        """Read back what `to_json` gave."""
        rest = {key: value for key, value in document.items() if key not in ("view", "version")}
        return cls(document["view"], document["version"], CheckResult.from_json(rest))


class SetChecks:
    """The expectations of all views of a training set.

    Args:
        project: of the set.
        recipe: of the set.
        at: microseconds; rows of the sources that are visible later are not looked at.
        wanted: whether anything is looked at; else all is recorded as not checked.
    """

    def __init__(self, project: Project, recipe: Recipe, *, at: int, wanted: bool) -> None:
        self._project = project
        request = resolve_recipe(recipe, project.catalog())
        personal = personal_outputs(request, project.catalog()) if _expecting(request) else frozenset()
        self._views = [_ViewChecks(view, recipe, personal) for view in request.views]
        self._recipe = recipe
        self._at = at
        self._wanted = wanted

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at the next rows of the set."""
        if self._wanted:
            for view in self._views:
                view.values.add(batch)

    def finish(self, name: str) -> list[SetCheck]:
        """How everything came out, for the manifest; failing rows are kept.

        Raises:
            ExpectationError: if the set must not be saved.
        """
        found = []
        files = FailingRowFiles(self._project.config.failing_rows, self._project.name)
        kept = False
        for view in self._views:
            results = self._results(view)
            found += [SetCheck(view.label, view.version, result) for result in results]
            failed = {r.name: r.on_failure for r in results if r.outcome is Outcome.FAILED}
            rows = view.kept.table(failed)
            if rows is not None:
                files.keep(files.of_training_set(view.name, view.version, view.file(name)), rows)
                kept = True
        if rejected := [check for check in found if check.result.rejects]:
            raise _rejection(name, rejected, kept=kept)
        return found

    def _results(self, view: _ViewChecks) -> list[CheckResult]:
        values = iter(view.values.results())
        found: list[CheckResult] = []
        for each in view.expectations:
            if not self._wanted:
                found.append(skipped(each, "as was asked for"))
            elif isinstance(each, OfValues):
                requested = each.feature in view.features
                found.append(next(values) if requested else skipped(each, "the feature is not in the set"))
            elif isinstance(each, UniqueKeys):
                found += self._unique(view, each)
            else:
                found.append(skipped(each, "it is about runs"))
        return found

    def _unique(self, view: _ViewChecks, each: Expectation) -> list[CheckResult]:
        plan = plan_view(view.requested, root=self._project.config.root, as_of=self._recipe.as_of)
        engine = self._project.engine(self._recipe.engine)
        personal = view.personal_keys
        return RowChecks(engine, plan, Instant(self._at), view.kept, personal).results([each])


class _ViewChecks:
    def __init__(self, requested: RequestedView, recipe: Recipe, personal: Collection[str]) -> None:
        view = requested.view
        self.requested = requested
        self.name, self.label = view.name, requested.label
        self.version = requested.version or 0
        self.expectations = view.expectations
        self.features = {item.feature.name: item.output for item in requested.features}
        columns = {key: requested.entity_column(key) for key in view.join_keys}
        self.personal_keys = [key for key, column in columns.items() if column in personal]
        shape = RowShape(
            keys={key: column for key, column in columns.items() if column not in personal},
            event=recipe.event_timestamp,
            features=self.features,
            personal=[name for name, output in self.features.items() if output in personal],
        )
        self.kept = KeptRows({*columns, *self.features})
        chosen = [each for each in self.expectations if getattr(each, "feature", None) in self.features]
        types = {item.feature.name: item.feature.dtype for item in requested.features} if chosen else {}
        self.values = ValueChecks(chosen, types, shape, self.kept)

    def file(self, name: str) -> str:
        return name if self.label == self.name else f"{name}-{self.label}"


def _expecting(request: Request) -> bool:
    return any(view.view.expectations for view in request.views)


def _rejection(name: str, rejected: list[SetCheck], *, kept: bool) -> ExpectationError:
    listed = "; ".join(f"view {check.view!r} (version {check.version}): {check.result}" for check in rejected)
    first = rejected[0]
    look = (
        f'Rows that failed are kept: store.failing_rows("{first.view}@{first.version}", training_set="{name}"). '
        if kept
        else ""
    )
    return ExpectationError(
        f"Training set {name!r} was rejected; it was not saved: {listed}.",
        hint=f"{look}Ask for other rows, repair the source, let the view expect something else, or save the set all "
        "the same with check_expectations=False.",
    )
