"""The status writer: rarely, the latest only, never an older status after a newer one."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roleshift.cluster.client import ApiError, InvalidError, NotFoundError
from roleshift.cluster.status_writer import ObjectGoneError, Status, StatusWriter, Urgency
from roleshift.cluster.token_bucket import TokenBucket
from roleshift.engine.identity import ObjectKey
from roleshift.errors import ClusterError

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]

KEY = ObjectKey("people", "seniority")
OTHER = ObjectKey("people", "other")
OUTAGE = ApiError(503, "away", retryable=True)


@dataclass
class Api:
    """Records what is sent and when; fails as it is told, one answer for each request."""

    answers: list[ClusterError | None] = field(default_factory=list)
    seconds: float = 0.0
    sent: list[tuple[float, ObjectKey, str, Status]] = field(default_factory=list)
    stored: dict[ObjectKey, Status] = field(default_factory=dict)
    busy: set[ObjectKey] = field(default_factory=set)

    async def __call__(self, key: ObjectKey, uid: str, status: Status) -> None:
        assert key not in self.busy, "two writes of one object at the same time"
        self.busy.add(key)
        self.sent.append((round(asyncio.get_running_loop().time(), 3), key, uid, status))
        answer = self.answers.pop(0) if self.answers else None
        await asyncio.sleep(self.seconds)
        self.busy.remove(key)
        if answer is not None:
            raise answer
        self.stored[key] = status

    @property
    def numbers(self) -> list[int]:
        return [status["n"] for _, _, _, status in self.sent]

    @property
    def times(self) -> list[float]:
        return [time for time, _, _, _ in self.sent]


def test_the_first_status_goes_out_at_once(run_virtual: RunVirtual) -> None:
    api = Api()

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.publish(KEY, "u", {"n": 1})
        await writer.flush(KEY)

    run_virtual(scenario())
    assert api.sent == [(0.0, KEY, "u", {"n": 1})]


def test_of_many_only_the_latest_is_written_two_seconds_later(run_virtual: RunVirtual) -> None:
    api = Api()

    async def scenario() -> None:
        writer = StatusWriter(api)
        for number in range(30):
            writer.publish(KEY, "u", {"n": number})
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert api.numbers == [0, 20, 29]
    assert api.times == [0.0, 2.0, 4.0]


def test_a_phase_change_goes_out_at_once(run_virtual: RunVirtual) -> None:
    api = Api()

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.publish(KEY, "u", {"n": 1})
        await asyncio.sleep(0.5)
        writer.publish(KEY, "u", {"n": 2})
        await asyncio.sleep(0.5)
        writer.publish(KEY, "u", {"n": 3}, Urgency.NOW)
        await asyncio.sleep(0)
        await asyncio.sleep(10)

    run_virtual(scenario())
    assert api.numbers == [1, 3]
    assert api.times == [0.0, 1.0]


def test_identical_content_is_never_sent_twice(run_virtual: RunVirtual) -> None:
    api = Api()

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.publish(KEY, "u", {"n": 1, "a": {"b": 1, "c": 2}})
        await asyncio.sleep(5)
        writer.publish(KEY, "u", {"a": {"c": 2, "b": 1}, "n": 1}, Urgency.NOW)
        await asyncio.sleep(5)
        writer.publish(KEY, "u", {"n": 2})
        writer.publish(KEY, "u", {"n": 1, "a": {"b": 1, "c": 2}})
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert api.numbers == [1]


def test_a_status_that_the_object_has_already_is_not_sent(run_virtual: RunVirtual) -> None:
    api = Api()

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.prime(KEY, "u", {"n": 1})
        writer.publish(KEY, "u", {"n": 1}, Urgency.NOW)
        await asyncio.sleep(5)

    run_virtual(scenario())
    assert api.sent == []


def test_an_outage_is_retried_with_pauses_and_the_newest_wins(run_virtual: RunVirtual) -> None:
    api = Api(answers=[OUTAGE, OUTAGE, OUTAGE])

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.publish(KEY, "u", {"n": 1})
        await asyncio.sleep(1)
        writer.publish(KEY, "u", {"n": 2}, Urgency.NOW)
        await writer.flush(KEY)

    run_virtual(scenario())
    assert api.numbers == [1, 1, 2, 2]
    assert api.times == [0.0, 0.5, 1.5, 3.5]
    assert api.stored[KEY] == {"n": 2}


def test_after_a_long_outage_the_newest_status_is_written_within_seconds(run_virtual: RunVirtual) -> None:
    api = Api(answers=[OUTAGE] * 100)

    async def scenario() -> float:
        writer = StatusWriter(api)
        writer.publish(KEY, "u", {"n": 1}, Urgency.NOW)
        await asyncio.sleep(123)
        api.answers.clear()
        await writer.flush(KEY)
        return asyncio.get_running_loop().time() - 123

    assert run_virtual(scenario()) <= 5


def test_the_wait_that_the_server_asks_for_is_kept(run_virtual: RunVirtual) -> None:
    api = Api(answers=[ApiError(429, "slower", retryable=True, retry_after=7)])

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.publish(KEY, "u", {"n": 1}, Urgency.NOW)
        await writer.flush(KEY)

    run_virtual(scenario())
    assert api.times == [0.0, 7.0]


def test_a_status_that_is_refused_is_given_up_and_counted_and_the_next_one_is_written(
    run_virtual: RunVirtual,
) -> None:
    api = Api(answers=[InvalidError(422, "progress.percent: too large", retryable=False)])
    failures: list[ClusterError] = []

    async def scenario() -> None:
        writer = StatusWriter(api, on_failed=failures.append)
        writer.publish(KEY, "u", {"n": 1})
        await writer.flush(KEY)
        writer.publish(KEY, "u", {"n": 2})
        await writer.flush(KEY)

    run_virtual(scenario())
    assert api.numbers == [1, 2]
    assert len(failures) == 1


def test_nothing_more_is_sent_for_an_object_that_is_gone_until_there_is_another_one(
    run_virtual: RunVirtual,
) -> None:
    api = Api(answers=[ObjectGoneError(NotFoundError(404, "gone", retryable=False))])

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.publish(KEY, "old", {"n": 1})
        await writer.flush(KEY)
        writer.publish(KEY, "old", {"n": 2}, Urgency.NOW)
        await asyncio.sleep(5)
        writer.publish(KEY, "new", {"n": 1})
        await writer.flush(KEY)

    run_virtual(scenario())
    assert [(uid, status["n"]) for _, _, uid, status in api.sent] == [("old", 1), ("new", 1)]


def test_what_was_published_for_a_predecessor_is_never_written_to_its_successor(
    run_virtual: RunVirtual,
) -> None:
    api = Api(answers=[OUTAGE])

    async def scenario() -> None:
        writer = StatusWriter(api)
        writer.publish(KEY, "old", {"n": 1})
        await asyncio.sleep(0.1)
        writer.publish(KEY, "new", {"n": 2})
        await writer.flush(KEY)

    run_virtual(scenario())
    assert [(uid, status["n"]) for _, _, uid, status in api.sent] == [("old", 1), ("new", 2)]


def test_all_objects_share_one_bucket(run_virtual: RunVirtual) -> None:
    api = Api()
    keys = [ObjectKey("n", str(number)) for number in range(100)]

    async def scenario() -> None:
        writer = StatusWriter(api, bucket=TokenBucket(rate=20, burst=40))
        for key in keys:
            writer.publish(key, "u", {"n": 1}, Urgency.NOW)
        await asyncio.gather(*(writer.flush(key) for key in keys))

    run_virtual(scenario())
    assert len([time for time in api.times if time == 0.0]) == 40
    assert api.times[-1] == pytest.approx(3.0)
    for start in (0.0, 0.5, 1.0, 2.0):
        assert len([time for time in api.times if start < time <= start + 1]) <= 21


def test_closing_writes_what_is_pending_and_takes_nothing_more(run_virtual: RunVirtual) -> None:
    api = Api(seconds=0.2)

    async def scenario() -> None:
        writer = StatusWriter(api)
        for number in range(3):
            writer.publish(KEY, "u", {"n": number})
            writer.publish(OTHER, "v", {"n": number})
            await asyncio.sleep(0.5)
        await writer.close()
        writer.publish(KEY, "u", {"n": 9})
        await asyncio.sleep(9)

    run_virtual(scenario())
    assert api.stored == {KEY: {"n": 2}, OTHER: {"n": 2}}
    assert api.times[-1] < 2


def test_closing_gives_up_in_time_when_the_server_is_away(run_virtual: RunVirtual) -> None:
    api = Api(answers=[OUTAGE] * 50)

    async def scenario() -> float:
        writer = StatusWriter(api)
        writer.publish(KEY, "u", {"n": 1})
        await writer.close(timeout=3)
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == pytest.approx(3.0, abs=0.01)


def test_seconds_of_each_write_are_reported(run_virtual: RunVirtual) -> None:
    api, seconds = Api(seconds=0.25), list[float]()

    async def scenario() -> None:
        writer = StatusWriter(api, on_written=seconds.append)
        writer.publish(KEY, "u", {"n": 1})
        await writer.flush(KEY)

    run_virtual(scenario())
    assert seconds == [pytest.approx(0.25)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([KEY, OTHER]),
        st.integers(0, 3),
        st.sampled_from(Urgency),
        st.sampled_from([0.0, 0.0, 0.1, 0.7, 2.0, 5.0]),
    ),
    max_size=25,
)
ANSWERS = st.lists(st.sampled_from([None, None, OUTAGE]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, answers=ANSWERS, seconds=st.sampled_from([0.0, 0.05, 3.0]))
def test_whatever_happens_the_last_status_stands_and_the_order_is_kept(
    run_virtual: RunVirtual,
    steps: list[tuple[ObjectKey, int, Urgency, float]],
    answers: list[ClusterError | None],
    seconds: float,
) -> None:
    api = Api(answers=list(answers), seconds=seconds)
    published: dict[ObjectKey, list[tuple[int, int]]] = {KEY: [], OTHER: []}

    async def scenario() -> None:
        writer = StatusWriter(api)
        for step, (key, value, urgency, pause) in enumerate(steps):
            published[key].append((step, value))
            writer.publish(key, "u", {"value": value, "step": value}, urgency)
            await asyncio.sleep(pause)
        await asyncio.gather(writer.flush(KEY), writer.flush(OTHER))

    run_virtual(scenario())
    for key, history in published.items():
        if history:
            assert api.stored[key]["value"] == history[-1][1]
        writes = [(time, status["value"]) for time, sent_to, _, status in api.sent if sent_to == key]
        assert is_subsequence([value for _, value in without_repeats(writes)], [v for _, v in history])


def without_repeats(writes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Attempts of the same content in a row, after an outage, count once."""
    return [write for number, write in enumerate(writes) if number == 0 or writes[number - 1][1] != write[1]]


def is_subsequence(part: list[int], whole: list[int]) -> bool:
    rest = iter(whole)
    return all(value in rest for value in part)
