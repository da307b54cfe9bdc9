"""The law of time in plain Python, slow and obvious: what every engine and store is judged by.

It is written from the contract alone and uses the standard library only. Rows are dicts by source column;
times are `date`, `datetime` (naive or aware) or `Nano`; None is null.
"""

from featurestore.testing.oracle.about import About
from featurestore.testing.oracle.history import changed, effective_time, historical, latest, visible_rows
from featurestore.testing.oracle.online import Answer, Status, online
from featurestore.testing.oracle.pushes import PushedView, PushRefusedError
from featurestore.testing.oracle.rows import Latest
from featurestore.testing.oracle.times import (
    Nano,
    entity_instant,
    from_instant,
    known_instant,
    source_instant,
)
from featurestore.testing.oracle.windows import SumOverflowError

__all__ = [
    "About",
    "Answer",
    "Latest",
    "Nano",
    "PushRefusedError",
    "PushedView",
    "Status",
    "SumOverflowError",
    "changed",
    "effective_time",
    "entity_instant",
    "from_instant",
    "historical",
    "known_instant",
    "latest",
    "online",
    "source_instant",
    "visible_rows",
]
