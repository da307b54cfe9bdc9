"""Transforms in Python: functions from rows to rows, recorded by where they are and what they say."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, overload

from pydantic import PrivateAttr

from featurestore.definitions.base import Definition, FrozenDict, Texts
from featurestore.errors import DefinitionError, TransformError

if TYPE_CHECKING:
    import polars as pl

RowsFunction = Callable[["pl.LazyFrame"], "pl.LazyFrame"]
_PLAIN = (bool, int, float, complex, str, bytes, date, datetime, time, timedelta, Decimal, type(None))


class Transform(Definition):
    """A function from a Polars LazyFrame to a LazyFrame, as `featurestore.transform` makes it.

    The registry records the function's import path, its source text, the values and functions that it captures,
    and a hash of these; running it needs the importable code with the same hash.

    Args:
        path: ``module:name`` under which the function can be imported.
        code: its source text.
        captured: what it uses from outside: values, and the texts of functions, by name.
        row_local: whether each row of the result depends on one row alone.
    """

    kind: ClassVar[str] = "transform"

    path: str
    code: str
    captured: Texts = FrozenDict()
    row_local: bool = False

    _function: RowsFunction | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, function: RowsFunction, *, row_local: bool) -> Transform:
        """Record a function.

        Raises:
            DefinitionError: if its source text cannot be read, or it captures what cannot be recorded.
        """
        made = cls(
            path=f"{function.__module__}:{_qualified(function)}",
            code=_source(function),
            captured=FrozenDict(dict(_captured(function, set()))),
            row_local=row_local,
        )
        made._function = function
        return made

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the function's text and what it captures."""
        parts = [self.code, *(f"{name}={text}" for name, text in sorted(self.captured.items()))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def __call__(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Transform rows."""
        return self.function(rows)

    @property
    def function(self) -> RowsFunction:
        """The function itself, imported if this definition was read back from the registry.

        Raises:
            TransformError: if it cannot be imported, or is no longer what was recorded.
        """
        if self._function is None:
            self._function = self._imported()
        return self._function

    def _imported(self) -> RowsFunction:
        module, _, name = self.path.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise TransformError(
                f"Transform {self.path!r} cannot be imported: {error}.",
                hint="The registry does not hold the code: install it here, or add its folder to PYTHONPATH.",
            ) from error
        if not isinstance(found, Transform) or found.digest != self.digest:
            raise TransformError(
                f"Transform {self.path!r} is not the code that was registered.",
                hint="Apply the view again to make the new code a new version, or go back to the old code.",
            )
        return found.function


@overload
def transform(function: RowsFunction) -> Transform: ...
@overload
def transform(*, row_local: bool = False) -> Callable[[RowsFunction], Transform]: ...


def transform(
    function: RowsFunction | None = None, *, row_local: bool = False
) -> Transform | Callable[[RowsFunction], Transform]:
    """Make a function from a Polars LazyFrame to a LazyFrame a transform that a feature view can use.

    The function gets the rows of the view's source, with all columns, and returns rows with the join keys, the
    columns of the features, and the source's times as they were.

    Args:
        function: the function; or use it as a decorator.
        row_local: whether each row of the result depends on one row of the input alone. Such a transform runs
            in batches and takes pushes; apply checks that it is one.

    Raises:
        DefinitionError: if the function's text cannot be read, or it captures what cannot be recorded.

    Example:
        >>> import featurestore as fs
        >>> @fs.transform(row_local=True)  # doctest: +SKIP
        ... def in_hours(rows):
        ...     return rows.with_columns(hours=rows.minutes / 60)
    """
    if function is not None:
        return Transform.of(function, row_local=row_local)
    return lambda given: Transform.of(given, row_local=row_local)


def _qualified(function: Any) -> str:
    name = str(getattr(function, "__qualname__", ""))
    if not name or "<lambda>" in name:
        raise DefinitionError("A transform needs a function with a name.", hint="Write it with def.")
    return name


def _source(function: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError) as error:
        raise DefinitionError(
            f"The source text of transform {function!r} cannot be read: {error}.",
            hint="Define it in a file or a notebook cell.",
        ) from error


def _captured(function: RowsFunction, seen: set[object]) -> Iterator[tuple[str, str]]:
    """What a function uses from outside of itself, in a text form that tells two of them apart."""
    if not isinstance(function, FunctionType) or function in seen:
        return
    seen.add(function)
    variables = inspect.getclosurevars(function)
    for name, value in sorted({**variables.globals, **variables.nonlocals}.items()):
        if isinstance(value, Transform):
            yield name, value.digest
        elif isinstance(value, FunctionType):
            yield name, _source(value)
            yield from _captured(value, seen)
        elif isinstance(value, ModuleType | type | BuiltinFunctionType):
            yield name, f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"
        elif _is_plain(value):
            yield name, _text(value)
        else:
            raise DefinitionError(
                f"Transform {function.__qualname__!r} captures {name!r}, a {type(value).__name__}, which cannot be "
                "recorded.",
                hint="Use numbers, texts, dates, and tuples, lists or dicts of them; or read it inside the function.",
            )


def _text(value: object) -> str:
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(repr, value)))}}}"  # in an order that is the same in every process
    return repr(value)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, set | frozenset):
        return all(isinstance(item, _PLAIN) for item in value)
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    return isinstance(value, _PLAIN)
