from __future__ import annotations

import asyncio
import functools
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis

from featurestore.errors import ConfigurationError, OnlineStoreError, OnlineStoreUnavailableError
from featurestore.protocols.online import MaterializedWrite, PushedWrite, SpaceKeys
from featurestore.testing.online_cases import materialized, pushed
from featurestore.testing.online_conformance import RUN, SPACE, OnlineStoreConformance, Opener, read, write
from featurestore.testing.online_sharing import SharedStoreConformance
from featurestore.testing.servers import RedisServer
from featurestore_connectors.redis import RedisOnlineStore, resp
from featurestore_connectors.redis.async_connections import AsyncConnections
from featurestore_connectors.redis.connections import Connections
from featurestore_connectors.redis.errors import translated
from featurestore_connectors.redis.url import parse


class TestRedisOnlineStore(SharedStoreConformance, OnlineStoreConformance):
    @pytest.fixture
    def open_store(self, redis_url: str) -> Opener:
        return functools.partial(RedisOnlineStore.from_url, redis_url)


class TestRedisOnlineStoreWithOneKeyPerCall(OnlineStoreConformance):
    """As in a cluster, where the keys of one call have to be of one slot."""

    @pytest.fixture
    def open_store(self, redis_url: str) -> Opener:
        return functools.partial(RedisOnlineStore, redis_url, keys_per_command=1)


@pytest.fixture
def broken(redis_to_break: RedisServer) -> Iterator[RedisOnlineStore]:
    """A store on a server of the test's own that gives up after half a second."""
    store = RedisOnlineStore(f"{redis_to_break.url}?socket_timeout=0.5&max_connections=4&timeout=2")
    yield store
    store.close()


class _Interrupted(BaseException):
    """Like KeyboardInterrupt, which would end the test run."""


def _rows(keys: list[bytes]) -> list[bytes | None]:
    return [pushed(1, payload=b"row of " + key) for key in keys]


def _fill(store: RedisOnlineStore, keys: list[bytes]) -> None:
    write(store, {key: pushed(1, payload=b"row of " + key) for key in keys}, PushedWrite())


def _begin(function: Callable[[], object]) -> Future[object]:
    executor = ThreadPoolExecutor(1)
    future = executor.submit(function)
    executor.shutdown(wait=False)
    time.sleep(0.15)
    return future


KEYS = [b"%d" % number for number in range(100)]


class TestServerThatGoesAway:
    def test_killed_in_the_middle_of_a_read(
        self, broken: RedisOnlineStore, redis_to_break: RedisServer
    ) -> None:
        _fill(broken, KEYS)
        os.kill(redis_to_break.pid, signal.SIGSTOP)
        reading = _begin(lambda: read(broken, KEYS))
        redis_to_break.kill()
        with pytest.raises(OnlineStoreUnavailableError) as caught:
            reading.result()
        assert caught.value.retryable
        assert f"127.0.0.1:{redis_to_break.port}" in str(caught.value)
        for _ in range(5):
            with pytest.raises(OnlineStoreUnavailableError):
                read(broken, KEYS)
        redis_to_break.start()
        assert read(broken, KEYS) == [None] * 100
        _fill(broken, KEYS)
        assert read(broken, KEYS) == _rows(KEYS)

    def test_killed_in_the_middle_of_an_asynchronous_read(
        self, broken: RedisOnlineStore, redis_to_break: RedisServer
    ) -> None:
        async def scenario() -> None:
            requests = [SpaceKeys(SPACE, KEYS)]
            assert await broken.read_async(requests=requests) == _rows(KEYS)
            os.kill(redis_to_break.pid, signal.SIGSTOP)
            reading = asyncio.create_task(broken.read_async(requests=requests))
            await asyncio.sleep(0.15)
            redis_to_break.kill()
            with pytest.raises(OnlineStoreUnavailableError):
                await reading
            with pytest.raises(OnlineStoreUnavailableError):
                await broken.read_async(requests=requests)
            redis_to_break.start()
            assert await broken.read_async(requests=requests) == [None] * 100

        _fill(broken, KEYS)
        asyncio.run(scenario())

    @pytest.mark.parametrize("rule", [RUN, PushedWrite()], ids=["materialized", "pushed"])
    def test_killed_in_the_middle_of_a_write(
        self, broken: RedisOnlineStore, redis_to_break: RedisServer, rule: MaterializedWrite | PushedWrite
    ) -> None:
        row = materialized if isinstance(rule, MaterializedWrite) else pushed
        rows = {key: row(1, payload=key * 100) for key in KEYS}
        write(broken, rows, rule)
        os.kill(redis_to_break.pid, signal.SIGSTOP)
        writing = _begin(lambda: write(broken, rows, rule))
        redis_to_break.kill()
        with pytest.raises(OnlineStoreUnavailableError):
            writing.result()
        redis_to_break.start()
        write(broken, rows, rule)
        assert read(broken, KEYS) == list(rows.values())

    def test_a_late_answer_never_goes_to_another_request(
        self, broken: RedisOnlineStore, redis_to_break: RedisServer
    ) -> None:
        _fill(broken, KEYS)
        for _ in range(3):
            os.kill(redis_to_break.pid, signal.SIGSTOP)
            with pytest.raises(OnlineStoreUnavailableError, match="Timeout"):
                read(broken, KEYS[:50])
            os.kill(redis_to_break.pid, signal.SIGCONT)
            assert read(broken, KEYS[50:]) == _rows(KEYS[50:])

    def test_a_late_answer_never_goes_to_another_asynchronous_request(
        self, broken: RedisOnlineStore, redis_to_break: RedisServer
    ) -> None:
        async def scenario() -> None:
            for stop in (asyncio.wait_for, None):
                os.kill(redis_to_break.pid, signal.SIGSTOP)
                reading = broken.read_async(requests=[SpaceKeys(SPACE, KEYS[:50])])
                with pytest.raises(TimeoutError if stop else OnlineStoreUnavailableError):
                    await (asyncio.wait_for(reading, 0.1) if stop else reading)
                os.kill(redis_to_break.pid, signal.SIGCONT)
                reads = [broken.read_async(requests=[SpaceKeys(SPACE, [key])]) for key in KEYS]
                assert [rows[0] for rows in await asyncio.gather(*reads)] == _rows(KEYS)

        _fill(broken, KEYS)
        asyncio.run(scenario())

    def test_a_restart_between_two_calls_goes_unnoticed(
        self, broken: RedisOnlineStore, redis_to_break: RedisServer
    ) -> None:
        _fill(broken, KEYS)
        assert read(broken, KEYS) == _rows(KEYS)
        redis_to_break.stop()
        redis_to_break.start()
        _fill(broken, KEYS)  # the scripts are gone as well
        assert read(broken, KEYS) == _rows(KEYS)

    def test_an_interrupted_read_leaves_nothing_behind(self, broken: RedisOnlineStore) -> None:
        armed, interrupted = False, 0

        def interrupt(*_: object) -> None:
            if armed:
                raise _Interrupted

        _fill(broken, KEYS)
        before = signal.signal(signal.SIGUSR1, interrupt)
        arguments = (threading.main_thread().ident, signal.SIGUSR1)
        try:
            for attempt in range(300):
                timer = threading.Timer(0.0001 + attempt % 30 * 0.00005, signal.pthread_kill, arguments)
                timer.start()
                try:
                    armed = True
                    for _ in range(50):
                        read(broken, KEYS[:50] * 40)
                except _Interrupted:
                    interrupted += 1
                finally:
                    armed = False
                assert read(broken, KEYS[50:]) == _rows(KEYS[50:])
                timer.join()
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert interrupted > 100


def test_more_threads_than_connections_wait_for_their_turn(redis_url: str) -> None:
    store = RedisOnlineStore(f"{redis_url}?max_connections=2")
    _fill(store, KEYS)
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda key: read(store, [key]), KEYS * 5))
    assert [rows[0] for rows in found] == _rows(KEYS) * 5

    async def read_all() -> list[list[bytes | None]]:
        return await asyncio.gather(*(store.read_async(requests=[SpaceKeys(SPACE, [key])]) for key in KEYS))

    assert [rows[0] for rows in asyncio.run(read_all())] == _rows(KEYS)
    with redis.Redis.from_url(redis_url) as client:
        assert client.info("clients")["connected_clients"] <= 4
    store.close()


def test_connections_of_a_closed_event_loop_are_closed(redis_url: str) -> None:
    store = RedisOnlineStore(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("clients")["connected_clients"]
        for _ in range(5):
            asyncio.run(store.read_async(requests=[SpaceKeys(SPACE, [b"a"])]))

        async def close_inside() -> None:
            await store.read_async(requests=[SpaceKeys(SPACE, [b"a"])])
            store.close()

        asyncio.run(close_inside())
        deadline = time.monotonic() + 5
        while client.info("clients")["connected_clients"] > before:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_closing_takes_no_connection_from_those_who_read(redis_url: str) -> None:
    store = RedisOnlineStore(redis_url)
    _fill(store, KEYS)
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            assert read(store, KEYS) == _rows(KEYS)

    with redis.Redis.from_url(redis_url) as client, ThreadPoolExecutor(4) as threads:
        before = client.info("clients")["connected_clients"]
        readers = [threads.submit(read_on) for _ in range(4)]
        for _ in range(200):
            time.sleep(0.002)
            store.close()
        stop.set()
        for reader in readers:
            reader.result()
        assert client.info("clients")["connected_clients"] <= before


async def test_closing_takes_no_connection_from_tasks_that_read(redis_url: str) -> None:
    store = RedisOnlineStore(f"{redis_url}?max_connections=4")
    _fill(store, KEYS)
    with redis.Redis.from_url(redis_url) as client:
        for _ in range(20):
            reads = [
                asyncio.create_task(store.read_async(requests=[SpaceKeys(SPACE, [key])])) for key in KEYS[:40]
            ]
            await asyncio.sleep(0.001)
            store.close()
            assert [rows[0] for rows in await asyncio.gather(*reads)] == _rows(KEYS[:40])
        store.close()
        await asyncio.sleep(0.1)
        assert client.info("clients")["connected_clients"] == 1


async def test_a_pool_that_is_used_up_says_so(redis_url: str) -> None:
    store = RedisOnlineStore(f"{redis_url}?max_connections=1&timeout=0.05")
    hold = resp.command(b"BLPOP", b"empty", b"0.5")
    with ThreadPoolExecutor(1) as thread:
        held = thread.submit(store._connections.exchange, hold, 1)
        await asyncio.sleep(0.1)
        with pytest.raises(OnlineStoreUnavailableError, match="All connections of this process"):
            read(store, KEYS)
        held.result()
    waiting = asyncio.create_task(store._async_connections.exchange(hold, 1))
    await asyncio.sleep(0.1)
    with pytest.raises(OnlineStoreUnavailableError, match=r"max_connections=…"):
        await store.read_async(requests=[SpaceKeys(SPACE, KEYS)])
    await waiting
    store.close()


def test_a_server_without_memory_says_so(redis_to_break: RedisServer) -> None:
    store = RedisOnlineStore(redis_to_break.url)
    _fill(store, KEYS)
    with redis.Redis.from_url(redis_to_break.url) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(OnlineStoreUnavailableError, match="no memory left for more rows"):
            _fill(store, KEYS)
        assert read(store, KEYS) == _rows(KEYS)
        client.config_set("maxmemory", 0)
        client.replicaof("127.0.0.1", 1)
        with pytest.raises(OnlineStoreUnavailableError, match=r"cannot do this for now: .*read only replica"):
            _fill(store, KEYS)
    store.close()


def test_where_rows_are(redis_url: str) -> None:
    store = RedisOnlineStore(redis_url)
    write(store, {b"\0\0\0\1N": pushed(1)}, PushedWrite(), keep_for=timedelta(hours=1))
    with redis.Redis.from_url(redis_url) as client:
        key, index = b"fs1:flights:plane_load@3:17:{e\0\0\0\1N}", b"fs1:flights:plane_load@3:17:pushed"
        assert set(client.keys()) == {key, index}
        assert client.get(key) == pushed(1)
        assert client.smembers(index) == {b"\0\0\0\1N"}
        assert 3_590_000 < client.pttl(key) <= 3_600_000
    store.retire(space=SPACE, keep_for=timedelta(milliseconds=1))
    time.sleep(0.05)
    with redis.Redis.from_url(redis_url) as client:
        assert client.keys() == []
    store.close()


class TestUrls:
    def test_secrets_do_not_show(self, redis_to_break: RedisServer) -> None:
        with redis.Redis.from_url(redis_to_break.url) as client:
            client.config_set("requirepass", "right")
        for password, error in (("s3cret", OnlineStoreError), ("", OnlineStoreError)):
            store = RedisOnlineStore(f"redis://:{password}@127.0.0.1:{redis_to_break.port}/0")
            assert "s3cret" not in repr(store)
            with pytest.raises(error) as caught:
                read(store, [b"a"])
            assert not caught.value.retryable
            assert "s3cret" not in "".join(traceback.format_exception(caught.value))
            store.close()
        store = RedisOnlineStore(f"redis://:right@127.0.0.1:{redis_to_break.port}/0")
        assert read(store, [b"a"]) == [None]
        store.close()

    @pytest.mark.parametrize(
        "url",
        [
            "redis://:s3cret@host:port/0",
            "redis://:s3cret@host:99999999/0",
            "redis://:s3cret@host/0?no_such_option=1",
            "redis://:s3cret@host/0?socket_timeout=s3cret",
            "redis://:s3c/ret@host:6379/0",
            "http://:s3cret@host/",
            "unix://s3cret",
        ],
    )
    def test_a_wrong_url_is_an_error_without_the_url(self, url: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            RedisOnlineStore.from_url(url)
        text = "".join(traceback.format_exception(caught.value))
        shown = text.split("ConfigurationError: ")[-1]
        assert "s3c" not in shown
        assert caught.value.__cause__ is None

    def test_options_that_would_change_answers_are_not_taken_over(self, redis_url: str) -> None:
        store = RedisOnlineStore(f"{redis_url}?decode_responses=true&protocol=3")
        _fill(store, KEYS)
        assert read(store, KEYS) == _rows(KEYS)
        store.close()

    def test_tls_is_another_class_of_connection(self) -> None:
        assert (
            repr(RedisOnlineStore("rediss://user:pw@host:7000/2")) == "RedisOnlineStore(rediss://host:7000/2)"
        )


def test_what_the_server_refuses_for_good_is_not_retryable(redis_url: str) -> None:
    store = RedisOnlineStore(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.rpush(SPACE + b"pushed", "a list")
    with pytest.raises(OnlineStoreError, match="WRONGTYPE") as caught:
        _fill(store, KEYS)
    assert not caught.value.retryable
    assert read(store, KEYS) == [None] * len(KEYS)
    store.close()


# The answer to the second command comes when the error of the first has been read for long.
ERROR_AND_LATE_ANSWER = resp.command(b"NO-SUCH-COMMAND") + resp.command(b"BLPOP", b"empty", b"0.2")


def test_an_answer_after_an_error_never_goes_to_another_request(redis_url: str) -> None:
    connections = Connections(parse(f"{redis_url}?max_connections=1").threads)
    with pytest.raises(redis.ResponseError, match="unknown command"):
        connections.exchange(ERROR_AND_LATE_ANSWER, 2)
    assert connections.exchange(resp.command(b"ECHO", b"mine"), 1) == [b"mine"]
    connections.close()


async def test_an_answer_after_an_error_never_goes_to_another_asynchronous_request(redis_url: str) -> None:
    connections = AsyncConnections(parse(f"{redis_url}?max_connections=1").loops)
    with pytest.raises(redis.ResponseError, match="unknown command"):
        await connections.exchange(ERROR_AND_LATE_ANSWER, 2)
    assert await connections.exchange(resp.command(b"ECHO", b"mine"), 1) == [b"mine"]
    connections.close()


def test_the_servers_echo_of_a_row_is_not_in_the_message(redis_url: str) -> None:
    connections = Connections(parse(redis_url).threads)
    with pytest.raises(OnlineStoreError) as caught, translated("redis://host:6379/0"):
        connections.exchange(resp.command(b"NO-SUCH-COMMAND", b"customer@example.org"), 1)
    assert "unknown command" in str(caught.value)
    assert "customer" not in str(caught.value)
    connections.close()


def test_scripts_that_the_server_has_forgotten_are_loaded_again(redis_url: str) -> None:
    store = RedisOnlineStore(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        for event in range(3):
            client.script_flush()
            write(store, {b"a": pushed(event)}, PushedWrite())
            assert read(store, [b"a"]) == [pushed(event)]
    store.close()


def test_a_row_that_is_there_keeps_no_other_from_being_written(redis_url: str) -> None:
    store = RedisOnlineStore(redis_url, keys_per_command=4)
    newer = pushed(900, run=5)
    write(store, {b"7": newer}, PushedWrite())
    rows = {b"%d" % number: materialized(500, payload=b"%d" % number) for number in range(10)}
    write(store, rows, MaterializedWrite(run=5, end=800))
    assert read(store, list(rows)) == list((rows | {b"7": newer}).values())
    store.close()


def test_rows_of_a_retired_space_do_not_all_go_at_once(redis_url: str) -> None:
    store = RedisOnlineStore(redis_url)
    write(store, {b"%d" % number: materialized(1) for number in range(2_500)})
    store.retire(space=SPACE, keep_for=timedelta(minutes=1))
    with redis.Redis.from_url(redis_url) as client, client.pipeline() as pipeline:
        for key in client.scan_iter(count=1_000):
            pipeline.pttl(key)
        left = pipeline.execute()
    assert len(left) == 2_500
    assert max(left) - min(left) >= 20
    assert max(left) <= 62_000
    store.close()
