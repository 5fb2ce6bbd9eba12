"""The archive of an image: what is put comes back as it was, and what is damaged is never restored from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.archive.folder import RunFolder
from roleshift.archive.store import StoreAddress
from roleshift.engine.outcome import Advance, Fail, Outcome, Undo, Wait
from roleshift.errors import Reason, StoreError
from support.archives import archived, files_of, in_folder, rewrite
from support.migrations import SPEC
from support.run_phases import NAME, NAMESPACE, PhaseRun, phases_on
from support.s3 import Bucket, s3_server

TABLE = "user_profiles"


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with s3_server() as running:
        yield running


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreAddress:
    """Each kind of store that can be had here."""
    if request.param == "file":
        return in_folder(tmp_path)
    found: Bucket = request.getfixturevalue("bucket")
    return found.address(request.node.name)


async def done(run: PhaseRun, store: StoreAddress) -> None:
    run.store = store
    await run.until(Phase.DONE)
    assert run.run.archive is not None
    assert run.run.archive.covers_write


def lose_the_image(database: Database, run: PhaseRun) -> None:
    database.execute(f"DROP TABLE roleshift.{run.image_name}")


async def comes_back(run: PhaseRun, database: Database, before: str) -> None:
    assert isinstance(await run.roll_back(), Advance)
    assert run.run.rollback is not None
    assert run.run.rollback.result is RollbackResult.COMPLETE
    assert database.row_set_hash(TABLE) == before


async def is_refused(run: PhaseRun, *parts: str) -> None:
    outcome = await run.roll_back()
    assert isinstance(outcome, Fail), outcome
    assert outcome.message.startswith("BackupDamaged: ")
    for part in parts:
        assert part in outcome.message


async def test_without_its_image_a_run_comes_back_from_its_archive(
    profiles: Database, store: StoreAddress
) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, archived(store)) as run:
        await done(run, store)
        lose_the_image(profiles, run)
        await comes_back(run, profiles, before)


async def test_an_altered_image_is_kept_aside_and_made_anew(profiles: Database, store: StoreAddress) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, archived(store)) as run:
        await done(run, store)
        profiles.execute(f"UPDATE roleshift.{run.image_name} SET role = 'admin' WHERE key_1 = 4")
        await comes_back(run, profiles, before)
        broken = run.image_name.replace("_backup_", "_broken_")
        assert profiles.query(f"SELECT role::text FROM roleshift.{broken} WHERE key_1 = 4") == [("admin",)]


async def test_what_changed_between_image_and_write_is_in_the_delta(
    profiles: Database, store: StoreAddress
) -> None:
    async with phases_on(profiles, archived(store)) as run:
        run.store = store
        await run.until(Phase.MIGRATING)
        profiles.execute("UPDATE user_profiles SET role = 'manager' WHERE id = 4")
        profiles.execute("DELETE FROM user_profiles WHERE id = 8")
        profiles.execute("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'senior_dev')")
        before = profiles.row_set_hash(TABLE)
        await run.until(Phase.DONE)
        lose_the_image(profiles, run)
        await comes_back(run, profiles, before)
    left = "SELECT count(*) FROM pg_tables WHERE schemaname = 'roleshift' AND tablename ~ '_(remove|insert)_'"
    assert profiles.query(left) == [(0,)]


async def test_a_file_is_a_copy_that_psql_reads(profiles: Database, tmp_path: Path) -> None:
    store = in_folder(tmp_path)
    async with phases_on(profiles, archived(store)) as run:
        await done(run, store)
    files = files_of(tmp_path)
    assert set(files) == {"manifest.json", "image-00001.copy.gz"}
    assert {path.parent.parent.name for path in files.values()} == {"seniority"}


DAMAGE: dict[str, tuple[Any, str]] = {
    "a changed byte": (
        lambda files: files["image-00001.copy.gz"].write_bytes(
            files["image-00001.copy.gz"].read_bytes()[:-9]
            + b"x"
            + files["image-00001.copy.gz"].read_bytes()[-8:]
        ),
        "image-00001.copy.gz was altered",
    ),
    "another role in a row": (
        lambda files: rewrite(files["image-00001.copy.gz"], b"junior_dev", b"senior_dev"),
        "image-00001.copy.gz was altered",
    ),
    "a missing part": (lambda files: files["image-00001.copy.gz"].unlink(), "image-00001.copy.gz is missing"),
    "no manifest": (lambda files: files["manifest.json"].unlink(), "manifest.json is missing"),
    "a changed manifest": (
        lambda files: files["manifest.json"].write_text(
            files["manifest.json"].read_text().replace('"rows": 40', '"rows": 39')
        ),
        "manifest.json was altered since it was written",
    ),
    "no manifest at all": (lambda files: files["manifest.json"].write_text("{}"), "can't be read"),
}


@pytest.mark.parametrize("what", DAMAGE)
async def test_a_damaged_archive_is_refused_and_says_why(
    profiles: Database, tmp_path: Path, what: str
) -> None:
    store, (harm, message) = in_folder(tmp_path), DAMAGE[what]
    async with phases_on(profiles, archived(store)) as run:
        await done(run, store)
        after = profiles.row_set_hash(TABLE)
        lose_the_image(profiles, run)
        harm(files_of(tmp_path))
        await is_refused(run, f"the image roleshift.{run.image_name} is gone", message, str(tmp_path))
        assert run.run.active
    assert profiles.row_set_hash(TABLE) == after


async def test_another_runs_manifest_is_refused_where_it_is_read(profiles: Database, tmp_path: Path) -> None:
    store = in_folder(tmp_path)
    async with phases_on(profiles, archived(store)) as run:
        await done(run, store)
        lose_the_image(profiles, run)
        own = files_of(tmp_path)["manifest.json"]
        profiles.execute("UPDATE user_profiles SET previous_role = NULL")
        other = await _of_another_run(profiles, tmp_path / "other")
        own.write_bytes(other)
        await is_refused(run, "manifest.json is of another run")


async def _of_another_run(database: Database, folder: Path) -> bytes:
    database.execute(
        "CREATE TABLE others (id int PRIMARY KEY, role text); INSERT INTO others VALUES (1, 'a')"
    )
    store = in_folder(folder)
    target = {"table": "others", "columns": {"previousRole": "", "seniority": "", "migratedAt": ""}}
    base = {"connection": SPEC["connection"], "mappings": [{"from": "a", "to": "b"}], "target": target}
    spec = archived(store, base, unmappedRoles="Keep", checks={"minimumScore": 0})
    async with phases_on(database, spec, name="other") as run:
        run.store = store
        await run.until(Phase.MIGRATING)
    return files_of(folder)["manifest.json"].read_bytes()


async def test_an_archive_that_misses_the_changes_of_the_write_is_refused(
    profiles: Database, tmp_path: Path
) -> None:
    store = in_folder(tmp_path)
    async with phases_on(profiles, archived(store)) as run:
        run.store = store
        await run.until(Phase.VALIDATING)
        lose_the_image(profiles, run)
        await is_refused(run, "before the changes of the write were added")


async def test_a_store_that_fails_after_the_write_is_waited_for(profiles: Database, tmp_path: Path) -> None:
    store = in_folder(tmp_path)
    async with phases_on(profiles, archived(store)) as run:
        run.store = store
        await run.until(Phase.VALIDATING)
        run.store = StoreAddress("s3://gone/x", {"aws_endpoint": "http://127.0.0.1:9", "aws_region": "x"})
        outcome = await run.validate()
        assert isinstance(outcome, Wait), outcome
        assert run.run.phase is Phase.VALIDATING
        run.store = store
        await done(run, store)


async def test_a_run_that_is_cancelled_before_its_write_leaves_nothing_in_the_store(
    profiles: Database, store: StoreAddress
) -> None:
    async with phases_on(profiles, archived(store)) as run:
        run.store = store
        await run.until(Phase.MIGRATING)
        folder = RunFolder(store, NAMESPACE, NAME, run.run.run_id)
        assert (await folder.manifest()).owner.run_id == run.run.run_id
        assert isinstance(await run.cancel(), Undo)
        with pytest.raises(StoreError, match=r"manifest\.json is missing"):
            await folder.manifest()
        assert await folder.names() == []
        assert profiles.query("SELECT count(*) FROM roleshift.migration_backup") == [(0,)]


STORES = {
    "nobody answers": ({"aws_endpoint": "http://127.0.0.1:9"}, "s3://backups/x", Reason.STORE_UNREACHABLE),
    "no such bucket": ({}, "s3://nowhere/x", Reason.STORE_NOT_FOUND),
}


@pytest.mark.parametrize("what", STORES)
async def test_a_store_that_can_not_be_used_is_waited_for_before_anything_is_written(
    profiles: Database, bucket: Bucket, what: str
) -> None:
    changes, url, reason = STORES[what]
    store = StoreAddress(url, {**bucket.config, **changes})
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, archived(store)) as run:
        run.store = store
        await run.until(Phase.BACKING_UP)
        outcome: Outcome = await run.back_up()
        assert isinstance(outcome, Wait), outcome
        assert outcome.reason is reason
        assert "canary" not in outcome.message
        assert profiles.row_set_hash(TABLE) == before
        run.store = bucket.address(what.replace(" ", "-"))
        await done(run, run.store)


async def test_a_file_outside_the_allowed_folders_is_refused(profiles: Database, tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "way-out").symlink_to(tmp_path)
    for path in ("elsewhere", "allowed/../elsewhere", "allowed/way-out/elsewhere"):
        store = StoreAddress(f"file://{tmp_path}/{path}", {}, (tmp_path / "allowed",))
        async with phases_on(profiles, archived(store), name=path.replace("/", "-").replace(".", "")) as run:
            run.store = store
            await run.until(Phase.BACKING_UP)
            outcome = await run.back_up()
            assert isinstance(outcome, Fail), outcome
            assert outcome.reason is Reason.INVALID_ARCHIVE
            assert "--archive-directory" in outcome.message
    assert not (tmp_path / "elsewhere").exists()
