"""The Azure Blob store for tests: found by its environment, empty when it is new, gone when it is closed."""

from __future__ import annotations

from pathlib import Path

import pyarrow.fs
import pytest

from featurestore.testing.servers import ServerError
from tests.servers import environments
from tests.servers.azure_server import ACCOUNT, AZURITE, AzureServer, environment, npm_install


def test_it_keeps_objects_until_it_is_stopped(azure_server: AzureServer) -> None:
    with AzureServer.start_new(environment()) as server:
        authority = server.url.removeprefix("http://")
        store = pyarrow.fs.AzureFileSystem(
            ACCOUNT,
            account_key=server.key,
            blob_storage_authority=authority,
            dfs_storage_authority=authority,
            blob_storage_scheme="http",
            dfs_storage_scheme="http",
        )
        store.create_dir("container")
        with store.open_output_stream("container/a") as stream:
            stream.write(b"text")
        assert store.get_file_info("container/a").size == 4
        server.stop()
        server.start()
        assert store.get_file_info("container").type == pyarrow.fs.FileType.NotFound
        assert server.environment()["AZURE_STORAGE_ENDPOINT"] == server.url
    with pytest.raises(ServerError, match="not running"):
        _ = server.pid


def test_a_registry_that_cannot_be_reached_is_told(
    azure_server: AzureServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").symlink_to(environment() / "lib")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    with pytest.raises(ServerError, match="ECONNREFUSED"):
        npm_install(tmp_path, AZURITE)


def test_an_environment_counts_as_made_when_all_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "run", lambda command: Path(command[-1]).mkdir())
    made = []
    for requirements in (["a==1"], ["a==1"], ["a==1", "b==2"]):
        with environments.new_environment("own", requirements) as new:
            made.append(new is not None)
    assert made == [True, False, True]

    def fail() -> None:
        with environments.new_environment("own", ["a==2"]):
            raise ServerError("the index cannot be reached")

    with pytest.raises(ServerError, match="cannot be reached"):
        fail()
    with environments.new_environment("own", ["a==2"]) as new:
        assert new is not None
