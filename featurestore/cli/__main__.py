"""``python -m featurestore.cli``."""

from __future__ import annotations

from featurestore.cli import main

main()
