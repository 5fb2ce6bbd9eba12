"""A copy of a database brings the runs of another place along: they are not this one's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localenv.api import ApiError
from localenv.database import Database
from localenv.operator import OperatorProcess
from localenv.repository import ROOT
from roleshift.engine.requests import RETRY
from support.cli_shell import Shell
from support.copies import (
    assert_stalled,
    copied_as_template,
    dumped_and_restored,
    everything_in,
    images_in,
    lead_to,
)
from support.markdown import blocks
from support.migrations import Migration, condition_of, events_of
from support.stage import Stage, restart

MANUAL = {"policy": "Manual"}
RUNS = (
    "SELECT attempt, phase, active, forgotten_at IS NOT NULL, forgotten_by"
    " FROM roleshift.migration_run ORDER BY created_at, attempt"
)


@pytest.fixture
def shell(stage: Stage) -> Shell:
    """A person who runs `roleshift` on the stage's migration."""
    migration = stage.migration
    return Shell(stage.control_plane.api, stage.control_plane.kubeconfig, migration.namespace, migration.name)


@pytest.fixture
def done(stage: Stage) -> Stage:
    """The stage's run, Done."""
    stage.apply()
    stage.assert_done()
    stage.wait_until_released()
    return stage


@pytest.fixture(params=["template", "dump"])
def copy(done: Stage, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A copy of the database of a Done run."""
    if request.param == "template":
        copied = copied_as_template(done.database)
    else:
        copied = dumped_and_restored(done.database, tmp_path)
    yield copied
    copied.drop()


@pytest.fixture
def template(done: Stage) -> Iterator[Database]:
    """A copy of the database of a Done run, in which every OID is the same."""
    copied = copied_as_template(done.database)
    yield copied
    copied.drop()


# Foreign


def test_a_run_that_was_copied_here_is_foreign_and_nothing_is_written(
    done: Stage, copy: Database, operator: OperatorProcess
) -> None:
    run_id = done.migration.status["runID"]
    here, there = everything_in(copy), everything_in(done.database)
    lead_to(done.migration, copy)
    done.migration.wait_for_reason("ForeignRun")
    said = assert_stalled(done.migration, "ForeignRun")["message"]
    assert f"row {run_id}, Done) was made in another database" in said
    assert f"roleshift forget {done.migration.name} -n {done.migration.namespace}" in said
    restart(operator)
    done.migration.patch({"desiredState": "RolledBack", "suspend": True}, {RETRY: "2126-11-23T10:00:00Z"})
    done.migration.patch({"desiredState": "Migrated", "suspend": False})
    done.migration.wait_for(lambda s: s["observedGeneration"] == 4, "the changes are seen")
    assert_stalled(done.migration, "ForeignRun")
    assert (everything_in(copy), everything_in(done.database)) == (here, there)
    assert ("Warning", "ForeignRun") in events_of(done.migration)
    assert "finalizers" not in done.migration.read()["metadata"]


def test_what_has_written_elsewhere_can_not_become_another_run_here(done: Stage, template: Database) -> None:
    lead_to(done.migration, template)
    done.migration.wait_for_reason("ForeignRun")
    with pytest.raises(ApiError, match=r"spec\.unmappedRoles can't be changed"):
        done.migration.patch({"unmappedRoles": "Keep"})


def test_the_connection_can_be_put_back(done: Stage, copy: Database) -> None:
    lead_to(done.migration, copy)
    done.migration.wait_for_reason("ForeignRun")
    lead_to(done.migration, done.database)
    status = done.migration.wait_for_reason("MigrationCompleted")
    assert condition_of(status, "Ready")["status"] == "True"
    assert not condition_of(status, "Stalled")
    done.migration.roll_back()
    done.assert_rolled_back(updates=2)


def test_an_object_that_is_created_for_a_copy_is_foreign_as_well(done: Stage, template: Database) -> None:
    done.migration.kubectl("delete", "rolemig", done.migration.name, "--timeout=10s")
    done.migration.secret(template.uri)
    before = everything_in(template)
    done.apply()
    done.migration.wait_for_reason("ForeignRun")
    assert_stalled(done.migration, "ForeignRun")
    assert everything_in(template) == before


# Forgotten


def test_a_foreign_run_is_forgotten_when_a_person_says_so_and_begins_anew(
    done: Stage, copy: Database, shell: Shell
) -> None:
    there, (image,) = everything_in(done.database), images_in(copy)
    lead_to(done.migration, copy)
    foreign = done.migration.wait_for_reason("ForeignRun")
    forgotten = shell.run("forget", shell.name)
    assert forgotten.returncode == 0, forgotten.stderr
    status = done.migration.wait_for_reason("MigrationCompleted")
    assert status["runID"] != foreign["runID"]
    assert not condition_of(status, "Stalled")
    assert status["runID"] in forgotten.stdout
    assert copy.query(RUNS) == [(1, "Done", False, True, "admin"), (2, "Done", False, False, "")]
    assert image not in images_in(copy)
    assert images_in(copy) == [(status["backup"]["name"],)]
    assert everything_in(done.database) == there
    told = done.migration.kubectl(
        "get", "events", "-o", "jsonpath={.items[?(@.reason=='Forgotten')].message}"
    )
    assert f"{done.migration.namespace}/{done.migration.name}, the image {image[0]}" in told
    assert "as admin asked" in told


def test_what_was_forgotten_once_is_not_forgotten_again(
    done: Stage, template: Database, shell: Shell, operator: OperatorProcess
) -> None:
    """The annotation stands on; it is not about the next copy, nor about the runs of this database."""
    lead_to(done.migration, template)
    done.migration.wait_for_reason("ForeignRun")
    shell.run("forget", shell.name)
    done.migration.wait_for_reason("MigrationCompleted")
    done.wait_until_released()
    before = everything_in(template)
    restart(operator)
    done.migration.patch(annotations={"reconcile.fluxcd.io/requestedAt": "1"})
    done.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    assert everything_in(template) == before
    next_copy = copied_as_template(template)
    try:
        lead_to(done.migration, next_copy)
        done.migration.wait_for_reason("ForeignRun")
        lead_to(done.migration, done.database)
        done.migration.wait_for_reason("MigrationCompleted")
    finally:
        next_copy.drop()


def test_who_forgets_a_run_approves_its_plan_anew(stage: Stage, shell: Shell) -> None:
    stage.apply(approval=MANUAL)
    plan = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    stage.migration.patch({"approval": {"planHash": plan}})
    stage.assert_done()
    stage.wait_until_released()
    copied = copied_as_template(stage.database)
    try:
        copied.execute("UPDATE roleshift.migration_run SET phase = 'Checking', active = false")
        copied.execute("SET roleshift.run_id = 'x'; UPDATE user_profiles SET role = previous_role")
        lead_to(stage.migration, copied)
        stage.migration.wait_for_reason("ForeignRun")
        shell.run("forget", shell.name)
        status = stage.migration.wait_for_reason("WaitingForApproval")
        assert "approved for an attempt before this one" in condition_of(status, "Ready")["message"]
    finally:
        stage.migration.roll_back()
        stage.migration.wait_for_phase("RolledBack")
        copied.drop()


def test_what_is_not_foreign_has_nothing_to_forget(done: Stage, template: Database, shell: Shell) -> None:
    refused = shell.run("forget", shell.name)
    assert refused.returncode == 1
    assert "is Done: no copied run stands in its way" in refused.stderr
    lead_to(done.migration, template)
    done.migration.wait_for_reason("ForeignRun")
    retried = shell.run("retry", shell.name)
    assert retried.returncode == 1
    assert f"run roleshift forget {shell.name}" in retried.stderr


# What a database administrator says


def says_the_administrator(database: Database, beginning: str) -> None:
    """Run the statement of the guide that begins so."""
    page = ROOT / "docs" / "guide" / "database-administrators.md"
    (statement,) = [one for one in blocks(page, "sql") if one.startswith(beginning)]
    database.execute(statement)


def test_a_database_that_is_still_the_same_keeps_its_runs(done: Stage, template: Database) -> None:
    """As after an upgrade: the run is there, and the identity is another."""
    lead_to(done.migration, template)
    done.migration.wait_for_reason("ForeignRun")
    says_the_administrator(template, "UPDATE roleshift.migration_run SET database_identity =\n")
    done.migration.patch(annotations={"touched": "yes"})
    done.migration.wait_for_reason("MigrationCompleted")
    done.migration.roll_back()
    assert done.migration.wait_for_phase("RolledBack")["rollback"]["result"] == "Complete"


def test_a_copy_that_can_not_be_told_is_marked_as_one(done: Stage) -> None:
    """As a base backup that was restored elsewhere, which has the identity of its origin."""
    says_the_administrator(done.database, "UPDATE roleshift.migration_run SET database_identity = 'a copy")
    done.migration.patch(annotations={"touched": "yes"})
    done.migration.wait_for_reason("ForeignRun")


# In the way of others


@pytest.fixture
def occupied(done: Stage) -> Iterator[Database]:
    """A copy of a database whose run occupies its table: its rollback could not be finished."""
    image = done.migration.status["backup"]["name"]
    done.database.execute(f"UPDATE roleshift.{image} SET role = 'admin' WHERE key_1 = 1")
    done.migration.roll_back()
    done.migration.wait_for_phase("Failed")
    copied = copied_as_template(done.database)
    yield copied
    copied.drop()


@pytest.fixture
def other(done: Stage, occupied: Database) -> Migration:
    """Another object, for the copy; the occupied table is in its way."""
    other = Migration(done.control_plane, done.migration.namespace, "second")
    other.secret(occupied.uri, "copied-db")
    later = [{"from": "lead", "to": "manager"}]
    connection = {"secretRef": {"name": "copied-db", "key": "uri"}}
    other.apply(mappings=later, unmappedRoles="Keep", connection=connection, checks={"minimumScore": 0})
    return other


def test_a_copied_run_that_occupies_a_table_is_in_the_way_until_it_is_forgotten(
    done: Stage, occupied: Database, other: Migration, shell: Shell
) -> None:
    status = other.wait_for(
        lambda s: condition_of(s, "Ready").get("reason") == "AnotherRunActive" and "safety" in s,
        "it says what is in its way",
    )
    said = condition_of(status, "Ready")["message"]
    assert f"{done.migration.namespace}/{done.migration.name} was active on public.user_profiles" in said
    assert f"nobody works on it here; to clear it, run: roleshift forget second -n {other.namespace}" in said
    jobs = next(one for one in status["safety"]["results"] if one["name"] == "BackgroundJobs")
    assert "came here with a copy of another database: roleshift forget clears it" in jobs["message"]
    assert shell.run("forget", "second").returncode == 0
    other.wait_for_phase("Done")
    assert ("Normal", "Forgotten") in events_of(other)
    names = "SELECT name, active, forgotten_by FROM roleshift.migration_run ORDER BY created_at"
    assert occupied.query(names) == [(done.migration.name, False, "admin"), ("second", False, "")]
    active = "SELECT active FROM roleshift.migration_run"
    assert done.database.query(active) == [(True,)], "the run of the other place is its own business"


def test_the_object_of_a_forgotten_run_begins_anew_too(
    done: Stage, occupied: Database, other: Migration, shell: Shell
) -> None:
    other.wait_for_reason("AnotherRunActive")
    shell.run("forget", "second")
    other.wait_for_phase("Done")
    third = Migration(done.control_plane, done.migration.namespace, done.migration.name)
    done.migration.delete()
    done.migration.kubectl("wait", "--for=delete", f"rolemig/{third.name}", "--timeout=10s")
    third.secret(occupied.uri)
    done.apply(unmappedRoles="Fail")
    third.wait_for_phase("Done")
    attempts = "SELECT attempt, phase FROM roleshift.migration_run WHERE name = %s ORDER BY attempt"
    assert occupied.query(attempts, [third.name]) == [(1, "Failed"), (2, "Done")]


def test_a_run_of_another_cluster_that_was_copied_here_is_not_this_ones(
    done: Stage, template: Database
) -> None:
    """The same manifest in a second cluster, on a copy of the first one's database."""
    template.execute("UPDATE roleshift.migration_run SET cluster_uid = 'another cluster'")
    done.migration.kubectl("delete", "rolemig", done.migration.name, "--timeout=10s")
    done.migration.secret(template.uri)
    done.apply()
    done.migration.wait_for_phase("Done")
    assert [row[0:4] for row in template.query(RUNS)] == [
        (1, "Done", False, False),
        (1, "Done", False, False),
    ]
