"""The object store for tests: found by its environment, empty when it is new, gone when it is closed."""

from __future__ import annotations

import pyarrow.fs
import pytest

from featurestore.testing.servers import S3Server, ServerError


def test_it_keeps_objects_until_it_is_stopped() -> None:
    with S3Server.start_new() as server:
        store = pyarrow.fs.S3FileSystem(
            endpoint_override=server.url,
            access_key="a",
            secret_key="b",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        store.create_dir("bucket")
        with store.open_output_stream("bucket/a") as stream:
            stream.write(b"text")
        assert store.get_file_info("bucket/a").size == 4
        server.stop()
        server.start()
        assert store.get_file_info("bucket").type == pyarrow.fs.FileType.NotFound
        assert server.environment()["AWS_ENDPOINT_URL"] == server.url
    with pytest.raises(ServerError, match="not running"):
        _ = server.pid
