"""The profiles of what runs have written, and of the parts of training sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "fs_run_profiles",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("view", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("profile", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "view", "number"], ["fs_runs.project", "fs_runs.view", "fs_runs.number"]
        ),
    )
    op.create_table(
        "fs_training_set_profiles",
        sa.Column("training_set_id", sa.Integer, sa.ForeignKey("fs_training_sets.id"), primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("profile", sa.LargeBinary, nullable=False),
    )
