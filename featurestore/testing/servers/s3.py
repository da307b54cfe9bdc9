"""An S3-compatible object store: moto's server as a child process."""

from __future__ import annotations

import json
import sys
from http.client import HTTPConnection, HTTPException
from typing import Self

from featurestore.testing.servers.process import HOST, ChildServer


class S3Server(ChildServer):
    """An object store on loopback, empty at each start. It takes any credentials.

    with S3Server.start_new() as server:
        os.environ |= server.environment()
    """

    @classmethod
    def start_new(cls) -> Self:
        """Start one on a free loopback port.

        Raises:
            ServerError: if it does not start; the package is ``moto[server]``.
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
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _command(self) -> list[str]:
        return [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", HOST, "-p", str(self.port)]

    def _answers(self) -> bool:
        try:
            connection = HTTPConnection(HOST, self.port, timeout=5)
            connection.request("GET", "/moto-api/data.json")
            return isinstance(json.load(connection.getresponse()), dict)
        except (OSError, HTTPException, json.JSONDecodeError):
            return False
