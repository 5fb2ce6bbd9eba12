"""A connection that leads to another database: refused once a run has written, another run before that."""

from collections.abc import Iterator

import pytest

from localenv.api import ApiError
from localenv.database import Database
from support.copies import assert_stalled, copied_as_template, lead_to
from support.migrations import condition_of
from support.stage import Stage
from support.tables import create_user_profiles

MANUAL = {"policy": "Manual"}


@pytest.fixture
def empty(stage: Stage) -> Iterator[Database]:
    """Another database with the same table, and without a ledger."""
    other = Database.create(stage.database.server)
    create_user_profiles(other, 1000)
    yield other
    other.drop()


def test_a_connection_that_leads_to_another_database_in_mid_run_is_refused_and_can_be_put_back(
    stage: Stage, empty: Database
) -> None:
    with stage.held_in("BackingUp"):
        stage.migration.patch({"suspend": True})
    stage.migration.wait_for_reason("Suspended")
    before = empty.row_set_hash("user_profiles")
    lead_to(stage.migration, empty)
    stage.migration.patch({"suspend": False})
    stage.migration.wait_for_reason("LedgerLost")
    assert (
        "does spec.connection lead to another one" in assert_stalled(stage.migration, "LedgerLost")["message"]
    )
    with pytest.raises(ApiError, match=r"spec\.unmappedRoles can't be changed"):
        stage.migration.patch({"unmappedRoles": "Keep"})
    assert empty.row_set_hash("user_profiles") == before
    assert empty.query("SELECT to_regnamespace('roleshift')") == [(None,)]
    stage.oracle.assert_before()
    lead_to(stage.migration, stage.database)
    stage.migration.wait_for_phase("Done")
    stage.assert_done()


def test_before_the_first_write_another_database_is_another_run_that_is_approved_anew(
    stage: Stage, empty: Database
) -> None:
    stage.apply(approval=MANUAL)
    plan = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    stage.migration.patch({"suspend": True})
    stage.migration.patch({"approval": {"planHash": plan}})
    stage.migration.wait_for(lambda s: s["observedGeneration"] == 3, "the approval is seen")
    lead_to(stage.migration, empty)
    stage.migration.patch({"suspend": False})
    status = stage.migration.wait_for(
        lambda s: "approved for an attempt before" in condition_of(s, "Ready")["message"], "it is asked again"
    )
    assert status["plan"]["hash"] == plan
    stage.oracle.assert_before()


@pytest.mark.parametrize("where", ["foreign", "lost"])
def test_an_object_whose_run_is_not_here_can_be_deleted(stage: Stage, empty: Database, where: str) -> None:
    with stage.held_in("BackingUp"):
        stage.migration.patch({"suspend": True})
    stage.migration.wait_for_reason("Suspended")
    elsewhere = empty if where == "lost" else copied_as_template(stage.database)
    try:
        lead_to(stage.migration, elsewhere)
        stage.migration.wait_for_reason("LedgerLost" if where == "lost" else "ForeignRun")
        run_id = stage.migration.status["runID"]
        stage.migration.kubectl("delete", "rolemig", stage.migration.name, "--timeout=10s")
    finally:
        if elsewhere is not empty:
            elsewhere.drop()
    told = stage.migration.kubectl("get", "events", "-o", "jsonpath={.items[*].message}")
    assert f"ledger row {run_id}) could not be ended" in told
    assert stage.ledger.run["active"], "it is where it was, for the same manifest with the old connection"
