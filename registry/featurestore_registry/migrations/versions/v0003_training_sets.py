"""Training sets: their manifests, the versions they were made from, and notes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "fs_training_sets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("manifest_id", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.UniqueConstraint("project", "name", name="fs_training_sets_name"),
    )
    op.create_index("fs_training_sets_manifest", "fs_training_sets", ["project", "manifest_id"])
    version, training_set = sa.ForeignKey("fs_versions.id"), sa.ForeignKey("fs_training_sets.id")
    op.create_table(
        "fs_training_set_views",
        sa.Column("version_id", sa.Integer, version, primary_key=True),
        sa.Column("training_set_id", sa.Integer, training_set, primary_key=True),
    )
    op.create_table(
        "fs_training_set_notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("training_set_id", sa.Integer, sa.ForeignKey("fs_training_sets.id"), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("fs_training_set_notes_set", "fs_training_set_notes", ["training_set_id"])
