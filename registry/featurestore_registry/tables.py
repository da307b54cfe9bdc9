"""The tables, as SQLAlchemy sees them. The migrations make them; a test holds the two against each other.

============================  ==============================================================================
``fs_schema_version``         one row: which migration the database is at (Alembic's)
``fs_projects``               one row per project; its revision is what commits compare and swap
``fs_commits``                one row per commit: when, by whom, why, from which code
``fs_versions``               one row per version of a definition; never changed but to mark it superseded or retired
``fs_payloads``               the JSON form of a version: one row at its creation and one per metadata change
``fs_uses``                   which newest version of a name uses which other name, from and to which revision
``fs_active_versions``        which version an unversioned name of a view means
``fs_activations``            one row each time that another version became it
``fs_training_sets``          one row per training set: its manifest, which never changes, and its tags
``fs_training_set_views``     which versions of views it was made from
``fs_training_set_profiles``  what the values of each of its parts are like
``fs_training_set_notes``     what people have noted about it
``fs_model_releases``         one row per release of a model that was trained on a training set
``fs_audit``                  one row per change of the registry: who, when, from where, what, its effect
``fs_runs``                   one row per run of a view version
``fs_run_profiles``           what the values that a run has written are like
``fs_run_checks``             how each of a run's expectations came out
``fs_leases``                 one row per view: which run may write it, until when (run 0: none may)
``fs_view_states``            what of a view version is published online
============================  ==============================================================================

``fs_audit`` is append-only, kept so by triggers. Nothing is deleted but the active version of what is retired: a
project's definitions at revision R are the versions with ``created_revision <= R`` that were not retired by R,
each with its payload of the greatest ``revision <= R``; the newest of a name is the one that was not superseded by R.
What hangs off versions (runs, states, training
sets) refers to ``fs_versions.id``. Instants are microseconds since 1970 by the database's clock.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

PROJECTS = Table(
    "fs_projects",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

COMMITS = Table(
    "fs_commits",
    METADATA,
    Column("project", Text, ForeignKey("fs_projects.name"), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("message", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("committed_us", BigInteger, nullable=False),
    Column("host", Text),
    Column("git_commit", Text),
    Column("git_dirty", Boolean),
)

VERSIONS = Table(
    "fs_versions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", Text, ForeignKey("fs_projects.name"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("data_hash", Text, nullable=False),
    Column("created_revision", BigInteger, nullable=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("retired_revision", BigInteger),
    Column("retired_us", BigInteger),
    Column("superseded_revision", BigInteger),
    UniqueConstraint("project", "kind", "name", "version", name="fs_versions_number"),
    Index("fs_versions_newest", "project", "superseded_revision", "kind", "name", "version"),
)

PAYLOADS = Table(
    "fs_payloads",
    METADATA,
    Column("version_id", Integer, ForeignKey("fs_versions.id"), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("metadata_hash", Text, nullable=False),
    Column("payload", Text, nullable=False),
)

USES = Table(
    "fs_uses",
    METADATA,
    Column("project", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("user_kind", Text, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("since_revision", BigInteger, primary_key=True, autoincrement=False),
    Column("until_revision", BigInteger),
    Index("fs_uses_user", "project", "user_kind", "user_name", "until_revision"),
)

ACTIVE_VERSIONS = Table(
    "fs_active_versions",
    METADATA,
    Column("project", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("version_id", Integer, ForeignKey("fs_versions.id"), nullable=False),
)

ACTIVATIONS = Table(
    "fs_activations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("view", Text, nullable=False),
    Column("version_id", Integer, ForeignKey("fs_versions.id"), nullable=False),
    Column("activated_us", BigInteger, nullable=False),
    Index("fs_activations_view", "project", "view", "id"),
)

AUDIT = Table(
    "fs_audit",
    METADATA,
    # SQLite numbers rows by itself only under this name of the type.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("project", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("host", Text),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer),
    Column("revision", BigInteger),
    Column("message", Text, nullable=False),
    Column("git_commit", Text),
    Column("git_dirty", Boolean),
    Column("effect", Text, nullable=False),
    Index("fs_audit_project", "project", "id"),
    Index("fs_audit_name", "project", "name", "id"),
)

RUNS = Table(
    "fs_runs",
    METADATA,
    Column("project", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("version_id", Integer, ForeignKey("fs_versions.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("start_us", BigInteger),
    Column("end_us", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("began_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("row_count", BigInteger),
    Column("error", Text),
    Index("fs_runs_began", "project", "began_us"),
)

RUN_PROFILES = Table(
    "fs_run_profiles",
    METADATA,
    Column("project", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("profile", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["project", "view", "number"], ["fs_runs.project", "fs_runs.view", "fs_runs.number"]
    ),
)

RUN_CHECKS = Table(
    "fs_run_checks",
    METADATA,
    Column("project", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("on_failure", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("found", Text, nullable=False),
    Column("row_count", BigInteger),
    Column("failing_count", BigInteger),
    ForeignKeyConstraint(
        ["project", "view", "number"], ["fs_runs.project", "fs_runs.view", "fs_runs.number"]
    ),
)

LEASES = Table(
    "fs_leases",
    METADATA,
    Column("project", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("process_started", BigInteger, nullable=False),
)

VIEW_STATES = Table(
    "fs_view_states",
    METADATA,
    Column("version_id", Integer, ForeignKey("fs_versions.id"), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("watermark_us", BigInteger, nullable=False),
    Column("run_began_us", BigInteger, nullable=False),
)

TRAINING_SETS = Table(
    "fs_training_sets",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("manifest_id", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("service", Text),
    UniqueConstraint("project", "name", name="fs_training_sets_name"),
    Index("fs_training_sets_service", "project", "service"),
    Index("fs_training_sets_manifest", "project", "manifest_id"),
)

TRAINING_SET_VIEWS = Table(
    "fs_training_set_views",
    METADATA,
    Column("version_id", Integer, ForeignKey("fs_versions.id"), primary_key=True),
    Column("training_set_id", Integer, ForeignKey("fs_training_sets.id"), primary_key=True),
)

TRAINING_SET_PROFILES = Table(
    "fs_training_set_profiles",
    METADATA,
    Column("training_set_id", Integer, ForeignKey("fs_training_sets.id"), primary_key=True),
    Column("part", Text, primary_key=True),
    Column("profile", LargeBinary, nullable=False),
)

TRAINING_SET_NOTES = Table(
    "fs_training_set_notes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("training_set_id", Integer, ForeignKey("fs_training_sets.id"), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("fs_training_set_notes_set", "training_set_id"),
)

MODEL_RELEASES = Table(
    "fs_model_releases",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("training_set_id", Integer, ForeignKey("fs_training_sets.id"), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    UniqueConstraint("project", "name", "version", "training_set_id", name="fs_model_releases_set"),
    Index("fs_model_releases_trained", "training_set_id"),
)
