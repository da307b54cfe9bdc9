"""Which processes are known to be gone: never one that may still be writing."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from featurestore_registry.holder import Holder

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell when a process started")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def of_child(process: subprocess.Popen[bytes]) -> Holder:
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return dataclasses.replace(Holder.current(), process=process.pid, started=int(stat[19]))


def test_this_process_is_there() -> None:
    holder = Holder.current()
    assert holder.process == os.getpid()
    assert not holder.gone


@linux
def test_a_killed_process_is_gone_before_and_after_its_parent_takes_note(
    child: subprocess.Popen[bytes],
) -> None:
    holder = of_child(child)
    assert not holder.gone
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert holder.gone
    child.wait()
    assert holder.gone


@linux
def test_another_process_with_the_same_id_is_not_the_holder() -> None:
    holder = Holder.current()
    assert dataclasses.replace(holder, started=holder.started - 1).gone


def test_a_process_of_another_host_may_be_there(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    assert not Holder(host="elsewhere", process=child.pid, started=1).gone


def test_a_process_whose_start_is_unknown_may_be_there(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    assert not dataclasses.replace(Holder.current(), process=child.pid, started=0).gone


@linux
def test_a_forked_process_is_another_holder() -> None:
    before = Holder.current()
    receiver, sender = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.write(sender, str(Holder.current().process).encode())
        os._exit(0)
    os.waitpid(forked, 0)
    assert int(os.read(receiver, 20)) == forked != before.process
    for end in (receiver, sender):
        os.close(end)
