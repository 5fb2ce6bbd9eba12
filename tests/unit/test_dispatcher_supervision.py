"""The watch is started again with growing pauses, and ends when it is told to."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any

import pytest

from roleshift.cluster.client import USER_AGENT
from roleshift.cluster.transport import ClusterCredentials
from roleshift.controller.pauses import growing
from roleshift.controller.settings import EndlessPauses, login, watcher_settings
from roleshift.controller.supervisor import supervised

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


def test_pauses_grow_to_their_limit() -> None:
    assert list(islice(growing(1, 30), 7)) == [1, 2, 4, 8, 16, 30, 30]


def test_endless_pauses_begin_anew_for_each_request_and_have_no_length() -> None:
    pauses = EndlessPauses()
    assert list(islice(pauses, 3)) == [1, 2, 4]
    assert list(islice(pauses, 3)) == [1, 2, 4]
    with pytest.raises(TypeError):
        len(pauses)  # type: ignore[arg-type]


def test_a_watch_that_keeps_failing_is_started_after_growing_pauses(run_virtual: RunVirtual) -> None:
    starts: list[float] = []

    async def scenario() -> None:
        stop = asyncio.Event()

        async def failing() -> None:
            starts.append(round(asyncio.get_running_loop().time(), 1))
            if len(starts) == 8:
                stop.set()
            raise ConnectionError("the stream broke")

        await supervised("watch", failing, stop)

    run_virtual(scenario())
    assert starts == [0, 1, 3, 7, 15, 31, 61, 91]


def test_a_run_that_held_makes_the_next_pause_a_short_one(run_virtual: RunVirtual) -> None:
    starts: list[float] = []

    async def scenario() -> None:
        stop = asyncio.Event()

        async def failing() -> None:
            starts.append(round(asyncio.get_running_loop().time(), 1))
            if len(starts) == 4:
                await asyncio.sleep(100)
            if len(starts) == 6:
                stop.set()
            raise ConnectionError("the stream broke")

        await supervised("watch", failing, stop)

    run_virtual(scenario())
    assert starts == [0, 1, 3, 7, 108, 110]


def test_a_stop_during_a_pause_ends_it_at_once(run_virtual: RunVirtual) -> None:
    async def scenario() -> float:
        stop = asyncio.Event()

        async def failing() -> None:
            raise ConnectionError("the stream broke")

        asyncio.get_running_loop().call_later(0.5, stop.set)
        await supervised("watch", failing, stop)
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == pytest.approx(0.5)


def test_a_run_that_does_not_end_when_told_is_cancelled(run_virtual: RunVirtual) -> None:
    async def scenario() -> float:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(2, stop.set)
        await supervised("watch", lambda: asyncio.sleep(1000), stop)
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == pytest.approx(7)


def test_a_run_that_ends_when_told_is_left_alone(run_virtual: RunVirtual) -> None:
    ended: list[float] = []

    async def scenario() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(2, stop.set)

        async def obedient() -> None:
            await stop.wait()
            await asyncio.sleep(1)
            ended.append(asyncio.get_running_loop().time())

        await supervised("watch", obedient, stop)

    run_virtual(scenario())
    assert ended == [pytest.approx(3)]


def test_cancelling_the_supervisor_cancels_the_watch(run_virtual: RunVirtual) -> None:
    ended: list[str] = []

    async def scenario() -> None:
        async def watching() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("watch")

        task = asyncio.create_task(supervised("watch", watching, asyncio.Event()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})

    run_virtual(scenario())
    assert ended == ["watch"]


def test_kopf_is_told_to_post_write_and_kill_nothing() -> None:
    settings = watcher_settings()
    assert not settings.posting.enabled
    assert settings.peering.standalone
    assert settings.scanning.disabled
    assert settings.process.ultimate_exiting_timeout is None
    assert settings.persistence.diffbase_storage.fetch(body={}) is None  # type: ignore[arg-type]
    assert settings.persistence.progress_storage.fetch(key="k", body={}) is None  # type: ignore[arg-type]


def test_kopf_logs_in_as_the_same_user_under_roleshifts_name_and_never_shows_the_token() -> None:
    credentials = ClusterCredentials(
        server="https://api",
        authorization="bearer kanari-token",
        ca_file="/ca.crt",
        verify=True,
        certificate_file=None,
        key_file=None,
        proxy_url=None,
    )
    info = login(credentials)
    assert info.as_http_headers() == {"Authorization": "bearer kanari-token", "User-Agent": USER_AGENT}
    assert info.ca_path == "/ca.crt"
    assert not info.insecure
    assert "kanari" not in repr(info)
    assert "kanari" not in repr(credentials)
