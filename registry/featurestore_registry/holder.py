"""Who holds a lease: a process, so that the lease of a process that is gone need not be waited for."""

from __future__ import annotations

import functools
import os
import socket
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_DEAD = ("Z", "X")
_STARTED = 19


@dataclass(frozen=True, slots=True)
class Holder:
    """A process on a host.

    Attributes:
        host: where process ids mean the same processes, until the host is started anew.
        process: its id.
        started: when it started, in the host's units, for ids are used again; 0 if the host does not tell.
    """

    host: str
    process: int
    started: int

    @classmethod
    def current(cls) -> Holder:
        """This process."""
        process = os.getpid()
        fields = _stat(process)
        return cls(_host(), process, int(fields[_STARTED]) if fields else 0)

    @property
    def gone(self) -> bool:
        """Whether the process is known not to run any more; where that cannot be told, it is not."""
        if self.started == 0 or self.host != _host():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        fields = _stat(self.process)
        return bool(fields) and (fields[0] in _DEAD or int(fields[_STARTED]) != self.started)


@functools.cache
def _host() -> str:
    # Containers may share a host's name and a kernel while each has process ids of its own.
    parts = [socket.gethostname()]
    if _PROC.is_dir():
        parts.append((_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str((_PROC / "self/ns/pid").readlink()))
    return "/".join(parts)


def _stat(process: int) -> list[str]:
    """What Linux tells of a process, from its state on (field 3 of proc(5)); empty if it does not tell."""
    try:
        stat = (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # "pid (name) state …", where the name may hold anything.
    return stat.rpartition(")")[2].split()
