"""Merging profiles: of runs into that of a month, of parts into that of the whole."""

from __future__ import annotations

from featurestore.errors import RequestError
from featurestore.statistics.profile import FeatureProfile, Profile


def merge_features(first: FeatureProfile, second: FeatureProfile) -> FeatureProfile:
    """The profile of the values of both.

    Raises:
        RequestError: if they are not of one type.
    """
    raise RequestError(f"{first.name} and {second.name} cannot be merged.")


def merge_profiles(first: Profile, second: Profile) -> Profile:
    """The profile of the rows of both.

    Raises:
        RequestError: if they are not of the same features and types.
    """
    raise RequestError(f"{first.rows} and {second.rows} rows cannot be merged.")
