"""Stores that refuse, dawdle, or are full: a run waits before its write, and goes on when that is mended."""

from collections.abc import Iterator

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.archive.store import Store, StoreAddress
from roleshift.engine.outcome import Wait
from roleshift.errors import Reason, StoreError
from support.archives import archived
from support.run_phases import phases_on
from support.s3 import Bucket, checking_s3_server, s3_server
from support.store_proxy import StoreProxy, store_proxy

TABLE = "user_profiles"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with s3_server() as running:
        yield running


@pytest.fixture
def behind(bucket: Bucket) -> Iterator[tuple[StoreProxy, StoreAddress]]:
    """A proxy before the server, and an address that leads to it."""
    with store_proxy(bucket.endpoint) as (proxy, endpoint):
        yield proxy, StoreAddress("s3://backups/behind", {**bucket.config, "aws_endpoint": endpoint})


async def test_a_server_that_checks_refuses_wrong_credentials_and_takes_right_ones() -> None:
    with checking_s3_server() as checking:
        await Store(checking.address("right")).put("one", b"1")
        wrong = StoreAddress(
            "s3://backups/wrong", {**checking.config, "aws_secret_access_key": "canary-of-another"}
        )
        unknown = StoreAddress("s3://backups/wrong", {**checking.config, "aws_access_key_id": "nobody"})
        for address in (wrong, unknown):
            with pytest.raises(StoreError) as refused:
                await Store(address).put("one", b"1")
            assert refused.value.reason is Reason.STORE_ACCESS_DENIED
            assert refused.value.retryable
            assert "canary" not in str(refused.value)


async def test_a_full_store_closes_the_way_to_the_write_until_there_is_room(
    profiles: Database, behind: tuple[StoreProxy, StoreAddress]
) -> None:
    proxy, address = behind
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, archived(address)) as run:
        run.store = address
        await run.until(Phase.BACKING_UP)
        proxy.full_above = 100
        outcome = await run.back_up()
        assert isinstance(outcome, Wait), outcome
        assert outcome.reason is Reason.STORE_FULL
        assert profiles.row_set_hash(TABLE) == before
        proxy.full_above = None
        await run.until(Phase.DONE)
        assert run.run.archive is not None
        assert run.run.archive.covers_write


async def test_no_transaction_is_open_while_a_store_dawdles(
    profiles: Database, behind: tuple[StoreProxy, StoreAddress]
) -> None:
    proxy, address = behind
    async with phases_on(profiles, archived(address)) as run:
        run.store = address
        await run.until(Phase.BACKING_UP)
        proxy.delay_seconds = 0.3
        seen: list[int] = []
        proxy.on_put = lambda _: seen.append(open_transactions(profiles))
        await run.until(Phase.DONE)
    assert len(seen) >= len(("image", "manifest", "manifest with the write"))
    assert set(seen) == {0}


def open_transactions(database: Database) -> int:
    """Transactions of the run's sessions at this moment."""
    ((number,),) = database.query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
        " AND application_name LIKE 'roleshift/%'"
    )
    return int(number)
