"""What is asked of registries; told apart from how, for the harness that imports nothing large."""

from __future__ import annotations

GROWS = ("status of all views",)
"""What lists everything, and so grows with it."""
ACTS = (
    "plan",
    "plan without a change",
    "apply",
    "history",
    "diff",
    "describe",
    "first online read",
    "begin and publish a run",
    "latest runs",
    "audit of a view",
    *GROWS,
)
