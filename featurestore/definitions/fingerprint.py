"""The two hashes of a definition: what changes values, and what only describes.

A new data hash makes a new version and a backfill; a new metadata hash alone changes neither.
"""

from __future__ import annotations

import hashlib

from featurestore.definitions.base import canonical_json
from featurestore.definitions.entity import Entity
from featurestore.definitions.service import FeatureService
from featurestore.definitions.source import Source, dump_source
from featurestore.definitions.view import FeatureView

Registrable = Entity | Source | FeatureView | FeatureService


def data_hash(definition: Registrable) -> str:
    """SHA-256 (hex) over the canonical JSON of what changes values."""
    if isinstance(definition, Entity):
        payload: object = {key: str(dtype) for key, dtype in definition.join_keys.items()}
    else:
        payload = definition.values_payload()
    return _sha256({"kind": object_kind(definition), "values": payload})


def metadata_hash(definition: Registrable) -> str:
    """SHA-256 (hex) over the canonical JSON of the whole definition."""
    return _sha256(definition_payload(definition))


def object_kind(definition: Registrable) -> str:
    """The registry's word for it: entity, source, feature_view or feature_service."""
    return "source" if isinstance(definition, Source) else definition.kind


def definition_payload(definition: Registrable) -> dict[str, object]:
    """The JSON form that the registry stores."""
    return dump_source(definition) if isinstance(definition, Source) else definition.model_dump(mode="json")


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
