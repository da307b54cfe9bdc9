"""How the expectations of runs came out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "fs_run_checks",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("view", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("on_failure", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("expected", sa.Text, nullable=False),
        sa.Column("found", sa.Text, nullable=False),
        sa.Column("row_count", sa.BigInteger),
        sa.Column("failing_count", sa.BigInteger),
        sa.ForeignKeyConstraint(
            ["project", "view", "number"], ["fs_runs.project", "fs_runs.view", "fs_runs.number"]
        ),
    )
