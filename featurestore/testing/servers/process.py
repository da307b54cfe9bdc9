"""A server as a child process: start it, wait until it answers, stop it, take it away."""

from __future__ import annotations

import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from featurestore.errors import FeatureStoreError

HOST = "127.0.0.1"
_SECONDS_TO_START = 30.0
_SECONDS_TO_STOP = 15.0
_TRIES_FOR_A_PORT = 5


class ServerError(FeatureStoreError):
    """A server for tests cannot be found, started or stopped."""


class ChildServer(ABC):
    """A server process that this process started, on a loopback port that stays the same over restarts.

    Attributes:
        port: the port it listens on.
        folder: the temporary folder that holds its files and its log; removed by `close`.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    kill_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self) -> None:
        self.port = 0
        self.folder = Path(tempfile.mkdtemp(prefix="featurestore-server-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it."""

    @property
    def pid(self) -> int:
        """Process id of the running server.

        Raises:
            ServerError: if it is not running.
        """
        if self._process is None:
            raise ServerError(f"{self._name} is not running.", hint="Call start() first.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it (again), on the same port, and wait until it answers.

        Raises:
            ServerError: if it is running already, ends at once or does not answer; with the end of its log.
        """
        if self.running:
            raise ServerError(f"{self._name} is running already.", hint="Call stop() or kill() first.")
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C in a terminal goes to the program that uses the server, which
            # then stops the server in order.
            account = self._account()
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env=self._environment(),
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """End it in order and wait until it is gone. Nothing happens if it is not running."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Take it away at once, as a crash would. Nothing happens if it is not running."""
        self._end(self.kill_signal)

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The command line that starts it on `port`."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server behind the port is this one and ready."""

    @property
    def _name(self) -> str:
        return f"{type(self).__name__} on port {self.port}"

    def _account(self) -> pwd.struct_passwd | None:
        return None

    def _environment(self) -> Mapping[str, str] | None:
        return None

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _start_on_a_free_port(self) -> None:
        """`start` on a port that is free now; another process may take it first: hence several tries."""
        for last_try in (False,) * (_TRIES_FOR_A_PORT - 1) + (True,):
            self.port = _free_port()
            try:
                self.start()
            except ServerError as error:
                if last_try or "in use" not in str(error):
                    self.close()
                    raise
            else:
                return

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._answers():
            if process.poll() is not None:
                raise ServerError(f"{self._name} ended with code {process.returncode}:\n{self._tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self._name} did not answer in time:\n{self._tail()}")
            time.sleep(0.01)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_SECONDS_TO_STOP)

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
