"""A run with an archive on the real API server, and its rollback from the archive alone."""

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.namespaces import delete_leases
from localenv.operator import OPERATOR_NAMESPACE, OperatorProcess
from localenv.wait import wait_until
from support.archives import files_of
from support.cases import Case
from support.cli_shell import Shell
from support.gate import Gate
from support.ledger_rows import LedgerRows
from support.migrations import Migration, condition_of
from support.s3 import Bucket, s3_server
from support.stage import restart
from support.store_proxy import store_proxy

SECRET = "backup-store"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with s3_server() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, operator_kubeconfig: Path, folder: Path
) -> Iterator[OperatorProcess]:
    """One that may write below a folder."""
    arguments = ("--archive-directory", str(folder))
    with OperatorProcess(operator_kubeconfig, arguments=arguments) as running:
        yield running
    delete_leases(control_plane.api, OPERATOR_NAMESPACE)


@pytest.fixture
def case(control_plane: ControlPlane, namespace: str, database: Database, operator: OperatorProcess) -> Case:
    return Case.of_40_users(operator, Migration(control_plane, namespace), database)


def create_secret(case: Case, entries: dict[str, str]) -> None:
    """The Secret with the store's credentials."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in entries.items()}
    metadata = {"name": SECRET, "namespace": case.migration.namespace}
    case.migration.apply_manifest({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


def to_s3(prefix: str) -> dict[str, Any]:
    archive = {"url": f"s3://backups/{prefix}", "secretRef": {"name": SECRET}}
    return {"backup": {"methods": ["Table", "Archive"], "archive": archive}}


def drop_images(database: Database) -> None:
    for (name,) in database.query("SELECT name FROM roleshift.migration_backup WHERE method = 'Table'"):
        database.execute(f"DROP TABLE roleshift.{name}")


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_the_old_roles_come_back_from_the_archive_alone(
    case: Case, bucket: Bucket, folder: Path, kind: str
) -> None:
    database = case.database
    before = database.row_set_hash("user_profiles")
    create_secret(case, bucket.config)
    below = folder / case.migration.namespace
    file = {"backup": {"methods": ["Table", "Archive"], "archive": {"url": f"file://{below}"}}}
    case.apply(**(to_s3(case.migration.namespace) if kind == "s3" else file))
    status = case.migration.wait_for_end()
    assert status["phase"] == "Done", status
    assert status["backup"]["methods"] == ["Table", "Archive"]
    assert "read back and compared, complete" in condition_of(status, "BackupReady")["message"]
    if kind == "file":
        assert "manifest.json" in files_of(below)
    drop_images(database)
    case.migration.roll_back()
    status = case.migration.wait_for_phase("RolledBack", "Failed")
    assert status["phase"] == "RolledBack", status
    assert database.row_set_hash("user_profiles") == before


def listed(case: Case, *flags: str) -> list[dict[str, Any]]:
    """What `roleshift backups` prints."""
    shell = Shell(
        case.migration.control_plane.api, case.migration.control_plane.kubeconfig, case.migration.namespace
    )
    done = shell.run("backups", "--output=json", *flags)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_backups_are_listed_from_objects_and_from_the_store_and_go_with_the_object(
    case: Case, folder: Path
) -> None:
    below = folder / case.migration.namespace
    archive = {"url": f"file://{below}"}
    backup = {"methods": ["Table", "Archive"], "archive": archive}
    case.apply(backup=backup, deletionPolicy="DeleteBackups")
    status = case.migration.wait_for_end()
    (told,) = listed(case)
    assert (told["name"], told["rows"], told["methods"]) == (case.migration.name, 40, ["Table", "Archive"])
    assert told["checksum"] == status["backup"]["checksum"]
    (found,) = listed(case, f"--store=file://{below}")
    assert (found["runID"], found["rows"], found["state"]) == (status["runID"], 40, "complete")
    case.migration.delete()
    wait_until(lambda: listed(case, f"--store=file://{below}") == [], 20, "the archive is gone")
    assert files_of(below) == {}


def test_a_store_that_is_not_there_is_no_empty_one(case: Case, tmp_path: Path) -> None:
    plane = case.migration.control_plane
    shell = Shell(plane.api, plane.kubeconfig, case.migration.namespace)
    done = shell.run("backups", f"--store=file://{tmp_path}/nowhere")
    assert done.returncode == 1
    assert "there is no bucket, container or folder" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_wrong_credentials_close_the_gate_and_right_ones_open_it(case: Case, bucket: Bucket) -> None:
    create_secret(case, bucket.config | {"aws_endpoint": "http://127.0.0.1:9"})
    case.apply(**to_s3("healed"))
    status = case.migration.wait_for_reason("StoreUnreachable")
    assert status["phase"] == "Checking"
    assert "canary-of-the-store" not in str(status)
    create_secret(case, bucket.config)
    assert case.migration.wait_for_end()["phase"] == "Done"


def test_an_entry_that_is_no_setting_is_named_and_its_value_is_not(case: Case) -> None:
    create_secret(case, {"password": "canary-of-the-store"})
    case.apply(**to_s3("unknown"))
    status = case.migration.wait_for_reason("SecretInvalid")
    message = condition_of(status, "Ready")["message"]
    assert f'Secret "{SECRET}": password are no settings' in message
    assert "canary-of-the-store" not in str(status)


def test_a_folder_that_the_operator_may_not_write_is_refused(case: Case, tmp_path: Path) -> None:
    archive = {"url": f"file://{tmp_path}/elsewhere"}
    case.apply(backup={"methods": ["Table", "Archive"], "archive": archive})
    status = case.migration.wait_for_reason("InvalidArchive")
    assert "--archive-directory" in condition_of(status, "Ready")["message"]
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_an_archive_goes_with_its_image_when_their_time_is_over(
    case: Case, bucket: Bucket, folder: Path, kind: str
) -> None:
    create_secret(case, bucket.config)
    below = folder / case.migration.namespace
    archive = {"url": f"file://{below}"}
    changes: dict[str, Any] = {"backup": {"methods": ["Table", "Archive"], "archive": archive}}
    if kind == "s3":
        changes = to_s3(case.migration.namespace)
    changes["backup"]["retentionSeconds"] = 2
    case.apply(**changes)
    case.migration.wait_for_end()
    status = case.migration.wait_for(lambda now: now["backup"]["methods"] == [], "both are gone")
    assert condition_of(status, "BackupReady")["reason"] == "Expired"
    left = files_of(below) if kind == "file" else bucket.names(case.migration.namespace)
    assert not left


@pytest.mark.parametrize("policy", ["Automatic", "Recommend", "Never"])
def test_a_store_that_fails_after_the_write_brings_nothing_back_and_is_waited_for(
    case: Case, bucket: Bucket, policy: str
) -> None:
    create_secret(case, bucket.config)
    LedgerRows(case.database).install()
    gate = Gate(case.database)
    with gate.closed_on_the_way_to("Validating"):
        case.apply(**to_s3(case.migration.namespace), rollback={"policy": policy})
        gate.wait_for_visitor()
        create_secret(case, bucket.config | {"aws_endpoint": "http://127.0.0.1:9"})
    status = case.migration.wait_for_reason("StoreUnreachable")
    assert status["phase"] == "Validating"
    assert case.database.query("SELECT count(*) FROM user_profiles WHERE role = 'junior_dev'") == [(0,)]
    create_secret(case, bucket.config)
    assert case.migration.wait_for_end()["phase"] == "Done"


@pytest.mark.parametrize(
    ("part", "time"),
    [("image-00001", 1), ("manifest.json", 1), ("manifest.json", 2)],
    ids=["at the first part", "at the manifest", "after the write"],
)
def test_an_operator_that_is_killed_while_it_archives_begins_anew_and_finishes(
    case: Case, bucket: Bucket, operator: OperatorProcess, part: str, time: int
) -> None:
    database, reached, puts = case.database, threading.Event(), list[str]()
    before = database.row_set_hash("user_profiles")

    def held(path: str) -> None:
        puts.append(path)
        if sum(part in one for one in puts) == time and not reached.is_set():
            reached.set()
            killed.wait(20)

    killed = threading.Event()
    with store_proxy(bucket.endpoint) as (proxy, endpoint):
        proxy.on_put = held
        create_secret(case, bucket.config | {"aws_endpoint": endpoint})
        case.apply(**to_s3(case.migration.namespace))
        assert reached.wait(20)
        operator.kill9()
        killed.set()
        restart(operator)
        assert case.migration.wait_for_end()["phase"] == "Done"
        drop_images(database)
        case.migration.roll_back()
        assert case.migration.wait_for_phase("RolledBack", "Failed")["phase"] == "RolledBack"
    assert database.row_set_hash("user_profiles") == before
