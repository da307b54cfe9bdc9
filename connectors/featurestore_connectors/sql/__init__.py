"""Any database that SQLAlchemy reaches."""

from __future__ import annotations

from featurestore_connectors.sql.reader import SqlReader

__all__ = ["SqlReader"]
