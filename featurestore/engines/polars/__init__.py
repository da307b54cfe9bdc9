"""The offline engine on Polars."""

from featurestore.engines.polars.engine import PolarsEngine

__all__ = ["PolarsEngine"]
