"""Versions, differences and the audit as documents with stable keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featurestore.protocols.records import AuditEntry, CodeState, VersionRecord

if TYPE_CHECKING:
    from featurestore.versions.diff import VersionDiff

Document = dict[str, Any]


def history(name: str, records: Sequence[VersionRecord]) -> Document:
    """The versions of a name, oldest first."""
    return {"kind": records[0].stored.kind, "name": name, "versions": [_record(item) for item in records]}


def _record(record: VersionRecord) -> Document:
    stored = record.stored
    return {
        "version": stored.version,
        "action": record.action.value,
        "revision": record.revision,
        "committed_at": record.committed_at,
        "author": record.author,
        "message": record.message,
        **_code(record.code),
        "data_hash": stored.data_hash,
        "metadata_hash": stored.metadata_hash,
        "active": stored.active if stored.kind == "feature_view" else None,
        "retired_at": record.retired_at,
        "definition": stored.payload,
    }


def _code(code: CodeState | None) -> Document:
    return {"git_commit": code and code.commit, "git_dirty": code and code.dirty}


def diff(found: VersionDiff) -> Document:
    """What differs between two versions."""
    return {
        "kind": found.kind,
        "name": found.name,
        "old": found.old,
        "new": found.new,
        "changes": [
            {"path": item.path, "old": item.old, "new": item.new, "text": str(item)} for item in found.changes
        ],
        "values_change": found.values_change,
        "backfill": found.backfill,
        "reach_seconds": None if found.reach is None else found.reach.total_seconds(),
        "filled_until": found.filled_until,
        "breaks": [{"service": item.service, "what": item.what} for item in found.breaks],
        "services": list(found.services),
        "pins": [{"service": service, "version": version} for service, version in found.pins],
    }


def audit(entries: Sequence[AuditEntry]) -> Document:
    """The latest changes, newest first."""
    return {"entries": [_entry(item) for item in entries]}


def _entry(entry: AuditEntry) -> Document:
    return {
        "number": entry.number,
        "at": entry.at,
        "author": entry.author,
        "host": entry.host,
        "action": entry.action,
        "kind": entry.kind,
        "name": entry.name,
        "version": entry.version,
        "revision": entry.revision,
        "message": entry.message,
        **_code(entry.code),
        "effect": dict(entry.effect),
    }
