"""The verbs of `FeatureStore` that compare statistics and show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from featurestore.lineage.build import lineage_of
from featurestore.project import Project
from featurestore.report.report import Report
from featurestore.report.subjects import Found, Subject, aligned, find
from featurestore.statistics.drift import DriftReport, detect_drift
from featurestore.statistics.thresholds import DriftThresholds


class ReportVerbs:
    """Drift and reports."""

    _project: Project

    def detect_drift(
        self,
        reference: Subject,
        current: Subject,
        *,
        thresholds: DriftThresholds | Mapping[str, Any] | None = None,
    ) -> DriftReport:
        """Whether the values of features have moved: PSI, Jensen-Shannon, Kolmogorov-Smirnov and shares of nulls.

        Args:
            reference: what to compare with: the name of a training set (``fraud-2026-01``) or of one of its parts
                (``fraud-2026-01:train``); of a view or a version for its latest run (``plane_day@3``), one run
                (``plane_day@3#17``) or those of a period (``plane_day#2024-01-01..2024-02-01``); or a `TrainingSet`,
                a `Run`, a `Profile`.
            current: what to compare.
            thresholds: measure to threshold for all features (``{"psi": 0.3}``), feature to such a mapping or to None
                to leave it out (``{"temp": {"kolmogorov_smirnov": 0.4}}``); or `DriftThresholds`.

        Returns:
            A verdict for each feature that both have; print it to read it.

        Raises:
            NotFoundError: if there is no such thing, or no statistics of it.
            RequestError: if the two have no feature in common, or a threshold is wrong.
        """
        return _compared(find(self._project, reference), find(self._project, current), thresholds)

    def report(
        self,
        subject: Subject,
        *,
        reference: Subject | None = None,
        thresholds: DriftThresholds | Mapping[str, Any] | None = None,
    ) -> Report:
        """A page with the statistics of something, what was expected of it, and where it comes from.

        Args:
            subject: what to report on, as for `detect_drift`.
            reference: what to compare it with.
            thresholds: as for `detect_drift`.

        Returns:
            A report; ``save("report.html")`` it, or let a notebook show it.

        Raises:
            NotFoundError, RequestError: as for `detect_drift`.
        """
        found = find(self._project, subject)
        drift = None
        if reference is not None:
            drift = _compared(find(self._project, reference), found, thresholds)
        return Report(
            name=found.name,
            profile=found.profile if drift is None else drift.current,
            project=self._project.name,
            made_at=datetime.now(UTC),
            facts=found.facts,
            drift=drift,
            runs=found.runs(),
            checks=found.checks,
            lineage=None if found.lineage is None else lineage_of(self._project, found.lineage),
        )


def _compared(
    reference: Found, current: Found, thresholds: DriftThresholds | Mapping[str, Any] | None
) -> DriftReport:
    before, now = aligned(reference, current)
    return detect_drift(before, now, thresholds=thresholds, names=(reference.name, current.name))
