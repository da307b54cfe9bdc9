"""The first tables: definitions and their versions, runs and leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables in an empty database."""
    _make_definitions()
    _make_runs()


def _make_definitions() -> None:
    op.create_table(
        "fs_projects",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fs_commits",
        sa.Column("project", sa.Text, sa.ForeignKey("fs_projects.name"), primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("committed_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fs_versions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.Text, sa.ForeignKey("fs_projects.name"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("data_hash", sa.Text, nullable=False),
        sa.Column("created_revision", sa.BigInteger, nullable=False),
        sa.Column("applied_us", sa.BigInteger, nullable=False),
        sa.Column("retired_revision", sa.BigInteger),
        sa.Column("retired_us", sa.BigInteger),
        sa.UniqueConstraint("project", "kind", "name", "version", name="fs_versions_number"),
    )
    op.create_table(
        "fs_payloads",
        sa.Column("version_id", sa.Integer, sa.ForeignKey("fs_versions.id"), primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("metadata_hash", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_table(
        "fs_active_versions",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("view", sa.Text, primary_key=True),
        sa.Column("version_id", sa.Integer, sa.ForeignKey("fs_versions.id"), nullable=False),
    )


def _make_runs() -> None:
    op.create_table(
        "fs_runs",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("view", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("version_id", sa.Integer, sa.ForeignKey("fs_versions.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("start_us", sa.BigInteger),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("began_us", sa.BigInteger, nullable=False),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("row_count", sa.BigInteger),
        sa.Column("error", sa.Text),
    )
    op.create_index("fs_runs_began", "fs_runs", ["project", "began_us"])
    op.create_table(
        "fs_leases",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("view", sa.Text, primary_key=True),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("process", sa.BigInteger, nullable=False),
        sa.Column("process_started", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fs_view_states",
        sa.Column("version_id", sa.Integer, sa.ForeignKey("fs_versions.id"), primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("watermark_us", sa.BigInteger, nullable=False),
        sa.Column("run_began_us", sa.BigInteger, nullable=False),
    )
