"""An object store that speaks Google Cloud Storage's protocol: gcp-storage-emulator as a child process."""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException
from typing import Self

from featurestore.testing.servers.process import HOST, ChildServer


class GoogleStorageServer(ChildServer):
    """An object store on loopback, empty at each start. It asks for no credentials.

    with GoogleStorageServer.start_new() as server:
        os.environ |= server.environment()
    """

    @classmethod
    def start_new(cls) -> Self:
        """Start one on a free loopback port.

        Raises:
            ServerError: if it does not start; the package is ``gcp-storage-emulator``.
        """
        server = cls()
        server._start_on_a_free_port()
        return server

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables by which clients find it."""
        return {"STORAGE_EMULATOR_HOST": self.url}

    def _command(self) -> list[str]:
        program = ["-W", "ignore", "-m", "gcp_storage_emulator", "start"]
        return [sys.executable, *program, f"--host={HOST}", f"--port={self.port}", "--in-memory"]

    def _answers(self) -> bool:
        connection = HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
