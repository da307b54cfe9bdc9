"""Which versions are the newest and who uses what, so that a plan reads only what it touches; model releases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ROWS = 1_000
_SUPERSEDED = """
UPDATE fs_versions SET superseded_revision = (
    SELECT n.created_revision FROM fs_versions n
    WHERE n.project = fs_versions.project AND n.kind = fs_versions.kind AND n.name = fs_versions.name
        AND n.version = fs_versions.version + 1
)
"""
_NEWEST = """
SELECT v.project, v.kind, v.name, v.created_revision, p.payload FROM fs_versions v
JOIN fs_payloads p ON p.version_id = v.id
    AND p.revision = (SELECT max(l.revision) FROM fs_payloads l WHERE l.version_id = v.id)
WHERE v.superseded_revision IS NULL AND v.retired_revision IS NULL
    AND v.kind IN ('feature_view', 'feature_service')
"""


def upgrade() -> None:
    """Add the column and the tables, and fill them from the definitions that are there."""
    op.add_column("fs_versions", sa.Column("superseded_revision", sa.BigInteger))
    op.execute(_SUPERSEDED)
    op.create_index(
        "fs_versions_newest", "fs_versions", ["project", "superseded_revision", "kind", "name", "version"]
    )
    _make_uses()
    _make_models()


def _make_uses() -> None:
    uses = op.create_table(
        "fs_uses",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("user_kind", sa.Text, primary_key=True),
        sa.Column("user_name", sa.Text, primary_key=True),
        sa.Column("since_revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until_revision", sa.BigInteger),
    )
    op.create_index("fs_uses_user", "fs_uses", ["project", "user_kind", "user_name", "until_revision"])
    found: list[dict[str, Any]] = []
    for row in op.get_bind().execute(sa.text(_NEWEST)).all():
        for kind, name in sorted(set(_used(row.kind, json.loads(row.payload)))):
            found.append(
                {
                    "project": row.project,
                    "kind": kind,
                    "name": name,
                    "user_kind": row.kind,
                    "user_name": row.name,
                    "since_revision": row.created_revision,
                    "until_revision": None,
                }
            )
    for start in range(0, len(found), _ROWS):
        op.bulk_insert(uses, found[start : start + _ROWS])


def _used(kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # What the release of this migration took for a use, whatever later ones do.
    if kind == "feature_service":
        yield from (("feature_view", reference["view"]) for reference in payload["features"])
        return
    yield from (("entity", entity["name"]) for entity in payload["entities"])
    source = payload["source"]
    if source["kind"] == "feature_view":
        yield "feature_view", source["name"]
        yield from _used("feature_view", source)
    else:
        yield "source", source["name"]


def _make_models() -> None:
    op.create_table(
        "fs_model_releases",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("training_set_id", sa.Integer, sa.ForeignKey("fs_training_sets.id"), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.UniqueConstraint("project", "name", "version", "training_set_id", name="fs_model_releases_set"),
    )
    op.create_index("fs_model_releases_trained", "fs_model_releases", ["training_set_id"])
    op.add_column("fs_training_sets", sa.Column("service", sa.Text))
    op.create_index("fs_training_sets_service", "fs_training_sets", ["project", "service"])
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT id, manifest FROM fs_training_sets")).all():
        if service := json.loads(row.manifest).get("service"):
            values = {"service": service["name"], "id": row.id}
            connection.execute(
                sa.text("UPDATE fs_training_sets SET service = :service WHERE id = :id"), values
            )
