"""Where commits came from, which version was active when, and the audit of every change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_APPEND_ONLY = {
    "sqlite": "BEGIN SELECT RAISE(ABORT, 'fs_audit is append-only'); END",
    "postgresql": "FOR EACH STATEMENT EXECUTE FUNCTION fs_audit_is_append_only()",
}
_REFUSE = """
CREATE FUNCTION fs_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'fs_audit is append-only'; END $$
"""
_PAST = """
INSERT INTO fs_audit (project, at_us, author, action, kind, name, version, revision, message, effect)
SELECT project, at_us, author, action, kind, name, version, revision, message, '{}' FROM (
    SELECT v.project, c.committed_us AS at_us, c.author, v.kind, v.name, v.version, c.revision, c.message,
        CASE WHEN p.revision <> v.created_revision THEN 'metadata'
             WHEN v.version = 1 THEN 'create' ELSE 'new version' END AS action
    FROM fs_payloads p
    JOIN fs_versions v ON v.id = p.version_id
    JOIN fs_commits c ON c.project = v.project AND c.revision = p.revision
    UNION ALL
    SELECT v.project, c.committed_us, c.author, v.kind, v.name, max(v.version), c.revision, c.message, 'retire'
    FROM fs_versions v
    JOIN fs_commits c ON c.project = v.project AND c.revision = v.retired_revision
    GROUP BY v.project, c.committed_us, c.author, v.kind, v.name, c.revision, c.message
) past ORDER BY at_us, revision, kind, name, version
"""
_ACTIVE = """
INSERT INTO fs_activations (project, view, version_id, activated_us)
SELECT a.project, a.view, a.version_id, v.applied_us
FROM fs_active_versions a JOIN fs_versions v ON v.id = a.version_id
"""


def upgrade() -> None:
    """Add the tables, and fill them with what is known of the past."""
    op.add_column("fs_commits", sa.Column("host", sa.Text))
    op.add_column("fs_commits", sa.Column("git_commit", sa.Text))
    op.add_column("fs_commits", sa.Column("git_dirty", sa.Boolean))
    _make_activations()
    _make_audit()
    op.execute(_ACTIVE)
    op.execute(_PAST)
    _keep_append_only()


def _make_activations() -> None:
    op.create_table(
        "fs_activations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("version_id", sa.Integer, sa.ForeignKey("fs_versions.id"), nullable=False),
        sa.Column("activated_us", sa.BigInteger, nullable=False),
    )
    op.create_index("fs_activations_view", "fs_activations", ["project", "view", "id"])


def _make_audit() -> None:
    op.create_table(
        "fs_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("host", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("revision", sa.BigInteger),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("git_commit", sa.Text),
        sa.Column("git_dirty", sa.Boolean),
        sa.Column("effect", sa.Text, nullable=False),
    )
    op.create_index("fs_audit_project", "fs_audit", ["project", "id"])
    op.create_index("fs_audit_name", "fs_audit", ["project", "name", "id"])


def _keep_append_only() -> None:
    dialect = op.get_bind().dialect.name
    verbs = ["UPDATE", "DELETE"]
    if dialect == "postgresql":
        op.execute(_REFUSE)
        verbs.append("TRUNCATE")
    for verb in verbs:
        op.execute(
            f"CREATE TRIGGER fs_audit_{verb.lower()} BEFORE {verb} ON fs_audit {_APPEND_ONLY[dialect]}"
        )
