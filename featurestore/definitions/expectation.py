"""An expectation: what all kinds of them have in common."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import Any, ClassVar, Literal

from featurestore.definitions.base import Definition
from featurestore.definitions.types import FeatureType
from featurestore.definitions.windows import duration_text

OnFailure = Literal["reject", "warn"]


class Expectation(Definition):
    """Base of all expectations.

    Args:
        on_failure: ``"reject"``: nothing is published or saved, and what was published before stays; or
            ``"warn"``: the failure is recorded with the run.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    """Those that come without their names when the expectation is written down."""

    on_failure: OnFailure = "reject"

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)

    @property
    def name(self) -> str:
        """What it is called in records: its kind, and its feature if it has one."""
        feature = getattr(self, "feature", None)
        return self.kind if feature is None else f"{self.kind}:{feature}"

    @property
    @abstractmethod
    def text(self) -> str:
        """What is expected, in words."""

    def check_feature(self, dtype: FeatureType) -> None:
        """Check that it can be expected of a feature of this type.

        Raises:
            ValueError: if not.
        """

    def to_document(self) -> dict[str, Any]:
        """The JSON form, with its kind and its name."""
        return {"name": self.name, "kind": self.kind, **self.model_dump(mode="json")}

    def __repr__(self) -> str:
        """Python that makes it, after ``import featurestore as fs``."""
        shown = [repr(_shown(getattr(self, name))) for name in self.arguments]
        fields = dict(type(self).model_fields)
        fields["on_failure"] = fields.pop("on_failure")
        for name, field in fields.items():
            value = getattr(self, name)
            if name not in self.arguments and value != field.default:
                shown.append(f"{name}={_shown(value)!r}")
        return f"fs.{type(self).__name__}({', '.join(shown)})"


def _shown(value: object) -> object:
    if isinstance(value, timedelta):
        return duration_text(value)
    return list(value) if isinstance(value, tuple) else value
