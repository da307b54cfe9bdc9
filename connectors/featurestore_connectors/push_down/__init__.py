"""Offline engines that run in a database, where the data are: what they share, whichever database it is."""

from __future__ import annotations

from featurestore_connectors.push_down.engine import PushDownEngine

__all__ = ["PushDownEngine"]
