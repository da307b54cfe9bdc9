"""Training sets as documents with stable keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featurestore.training_sets.training_set import TrainingSet

Document = dict[str, Any]


def summary(found: TrainingSet) -> Document:
    """A training set in short."""
    service = found.manifest["service"]
    return {
        "name": found.name,
        "id": found.id,
        "content_hash": found.content_hash,
        "created_at": found.created_at,
        "author": found.author,
        "service": service and service["name"],
        "views": [f"{view['name']}@{view['version']}" for view in found.manifest["views"]],
        "parts": {name: content.rows for name, content in found.parts.items()},
        "tags": dict(found.tags),
    }


def full(found: TrainingSet) -> Document:
    """A training set with its manifest and notes."""
    notes = [{"at": note.at, "author": note.author, "text": note.text} for note in found.notes]
    models = [
        {"name": item.name, "version": item.version, "at": item.at, "author": item.author}
        for item in found.models()
    ]
    return {**summary(found), "models": models, "notes": notes, "manifest": dict(found.manifest)}
