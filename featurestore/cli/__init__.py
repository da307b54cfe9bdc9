"""The command line ``featurestore``: the verbs of `FeatureStore`, typed in."""

from __future__ import annotations

from featurestore.cli.app import app


def main() -> None:
    """Run the command line; exits with 0, 1 (an error) or 2 (a wrong call)."""
    app(prog_name="featurestore")


__all__ = ["app", "main"]
