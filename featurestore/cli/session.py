"""What every command does around its work: open the store, and tell errors as a person would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from featurestore.errors import FeatureStoreError

if TYPE_CHECKING:
    from featurestore.store import FeatureStore


@contextmanager
def reported(*, debug: bool) -> Iterator[None]:
    """Errors of the library and of files, on standard error and with exit code 1; a traceback if wanted."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (FeatureStoreError, OSError) as error:
        if debug:
            raise
        from featurestore.cli.output import print_error

        print_error(error)
        raise typer.Exit(1) from error


@contextmanager
def opened(config: Path | None, *, debug: bool) -> Iterator[FeatureStore]:
    """The store of the project, with errors reported."""
    with reported(debug=debug):
        from featurestore.store import FeatureStore

        with FeatureStore(config=config) as store:
            # Transforms in Python are imported from the modules beside feature_store.toml.
            if str(store.project.config.root) not in sys.path:
                sys.path.insert(0, str(store.project.config.root))
            yield store
