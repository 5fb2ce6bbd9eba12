"""What people see of the safety checks: status, events, metrics, kubectl describe; waivers, and trouble."""

import json
import re
import time
from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from support.cases import Case
from support.ledger_rows import LedgerRows
from support.migrations import condition_of
from support.others import holding, prepared, wait_until_older_than
from support.scrape import samples, total
from support.troubled_proxy import TroubledProxy

IMPATIENT = {"lockTimeoutSeconds": 1}
LIMITS = {"maxDatabaseBytes": 10**12}
JUDGED = {"order": ["developer", "junior_dev", "senior_dev", "lead", "manager", "admin"]}
CHANGE = "UPDATE user_profiles SET note = note WHERE id = 1"
SLOW_SECONDS = 0.05
LATER = "2099-12-31T00:00:00Z"


def events(case: Case) -> list[dict[str, Any]]:
    """The object's events, oldest first."""
    items = json.loads(case.migration.kubectl("get", "events", "-o", "json"))["items"]
    return sorted(items, key=lambda item: str(item["eventTime"]))


def told(case: Case, reason: str) -> list[tuple[str, str]]:
    """Type and message of the events with that reason."""
    return [(one["type"], one["message"]) for one in events(case) if one["reason"] == reason]


def result_of(status: dict[str, Any], name: str) -> dict[str, Any]:
    """What one check came to, as the status has it."""
    found: dict[str, Any] = next(one for one in status["safety"]["results"] if one["name"] == name)
    return found


def looks(operator: OperatorProcess) -> float:
    """How often a worker has looked and gone on waiting."""
    return total(operator, "roleshift_reconcile_total", outcome="Waiting")


class TestGate:
    def test_it_closes_with_one_event_and_opens_with_one(self, case: Case, operator: OperatorProcess) -> None:
        me = {"namespace": case.migration.namespace, "name": case.migration.name}
        with holding(case.database.connect(), CHANGE):
            wait_until_older_than(case.database, 1.0)
            before = looks(operator)
            case.apply(strategy=IMPATIENT)
            case.assert_waits("ChecksWaiting", "waits, looks again at ", " UTC: Locks: ", "or wait")
            wait_until(lambda: looks(operator) >= before + 3, 20, "it has looked several times")
            status = case.migration.wait_for_reason("ChecksWaiting")
            assert len(told(case, "ChecksWaiting")) == 1
            ((kind, message),) = told(case, "ChecksWaiting")
            assert kind == "Warning"
            assert "Locks: 1 session holds a lock on public.user_profiles" in message
            prechecks = condition_of(status, "PrechecksPassed")
            assert (prechecks["status"], prechecks["reason"]) == ("False", "ChecksWaiting")
            assert result_of(status, "Locks")["result"] == "Failed"
            assert status["safety"]["failed"] == 1
            assert total(operator, "roleshift_check_result", check="Locks", result="Failed", **me) == 1
            assert total(operator, "roleshift_safety_score", **me) == status["safety"]["score"]
            described = case.migration.kubectl("describe", "rolemig", case.migration.name)
            for text in (
                "Safety:",
                "Locks",
                "1 session holds a lock",
            ):
                assert text in described, described
            assert re.search(rf"Score: +{status['safety']['score']}\n", described)
            case.assert_table_unchanged()
        status = case.assert_done()
        assert condition_of(status, "PrechecksPassed")["status"] == "True"
        wait_until(lambda: len(told(case, "ChecksPassed")) == 1, 20, "the open gate is told")
        ((kind, message),) = told(case, "ChecksPassed")
        assert (kind, message[:19]) == ("Normal", "the gate is open: s")
        assert not samples(operator, "roleshift_check_result", check="Locks", result="Failed", **me)
        assert total(operator, "roleshift_check_result", check="Locks", result="Passed", **me) == 1

    def test_one_that_was_never_closed_is_no_event(self, case: Case) -> None:
        case.apply()
        case.assert_done()
        assert told(case, "ChecksPassed") == []

    def test_the_status_counts_and_scores_every_check_that_was_made(self, case: Case) -> None:
        case.apply(privileges=JUDGED, checks={"limits": LIMITS})
        safety = case.assert_done()["safety"]
        results = [one["result"] for one in safety["results"]]
        counted = {
            "Passed": "passed",
            "Warning": "warnings",
            "Failed": "failed",
            "Unknown": "unknown",
            "Waived": "waived",
        }
        for result, field in counted.items():
            assert safety.get(field, 0) == results.count(result), field
        assert sum(safety.get(field, 0) for field in counted.values()) == len(results)
        assert {one["result"] for one in safety["results"] if one["severity"] == "Critical"} == {"Passed"}

    def test_a_score_that_nothing_but_a_person_can_raise_fails_at_once(self, case: Case) -> None:
        case.apply(checks={"minimumScore": 100})
        case.assert_refused(
            "ScoreTooLow", "needs a person: safety score ", "spec.checks.minimumScore 100", "BackupSpace"
        )
        assert len(told(case, "ScoreTooLow")) == 1

    def test_a_score_that_heals_is_waited_for(self, case: Case) -> None:
        checks = {
            "minimumScore": 95,
            "limits": {**LIMITS, "maxActiveUsers": 0, "maxLongTransactionSeconds": 1},
        }
        with holding(case.database.connect(), "SELECT count(*) FROM user_profiles"):
            wait_until_older_than(case.database, 1.0)
            case.apply(privileges=JUDGED, checks=checks)
            case.assert_waits(
                "ScoreTooLow", "may heal: ActiveUsers Failed, LongTransactions Failed", "looks again at"
            )
        case.assert_done()

    def test_with_one_that_needs_a_person_beside_it_the_score_fails_at_once(self, case: Case) -> None:
        checks = {
            "minimumScore": 97,
            "limits": {**LIMITS, "maxActiveUsers": 0, "maxLongTransactionSeconds": 1},
        }
        with prepared(case.database, "CREATE TABLE other (id int)"):
            with holding(case.database.connect(), "SELECT count(*) FROM user_profiles"):
                age = "SELECT count(*) FROM pg_prepared_xacts WHERE clock_timestamp() - prepared > '1 s'"
                wait_until(lambda: case.database.query(age)[0][0], 10, "it is old")
                case.apply(privileges=JUDGED, checks=checks)
                case.migration.wait_for_end(20)
            status = case.migration.status
        ready = condition_of(status, "Ready")
        assert (status["phase"], ready["reason"]) == ("Failed", "ScoreTooLow")
        assert "may heal: ActiveUsers Failed; needs a person: " in ready["message"]
        assert "LongTransactions Failed" in ready["message"]


class TestWaivers:
    def test_a_waived_check_stands_in_the_status_and_the_run_is_done(
        self, case: Case, operator: OperatorProcess
    ) -> None:
        case.apply(
            checks={"waivers": [{"check": "BackupSpace", "reason": "there is room", "expires": LATER}]}
        )
        status = case.assert_done()
        said = result_of(status, "BackupSpace")
        assert said["result"] == "Waived"
        assert said["message"].startswith(
            "waived until 2099-12-31 00:00:00 UTC: there is room; was Warning: "
        )
        assert status["safety"]["waived"] == 1
        me = {"namespace": case.migration.namespace, "name": case.migration.name}
        assert total(operator, "roleshift_check_result", check="BackupSpace", result="Waived", **me) == 1

    def test_one_that_has_expired_says_so_and_the_result_stands(self, case: Case) -> None:
        old = {"check": "BackupSpace", "reason": "there was room", "expires": "2020-01-01T00:00:00Z"}
        case.apply(checks={"waivers": [old]})
        said = result_of(case.assert_done(), "BackupSpace")
        assert said["result"] == "Warning"
        assert said["message"].startswith(
            "the waiver (there was room) expired at 2020-01-01 00:00:00 UTC; Warning: "
        )

    def test_a_waiver_that_is_added_lets_a_waiting_run_go_on(self, case: Case) -> None:
        with prepared(case.database, CHANGE):
            age = "SELECT count(*) FROM pg_prepared_xacts WHERE clock_timestamp() - prepared > '1 s'"
            wait_until(lambda: case.database.query(age)[0][0], 10, "it is old")
            case.apply(strategy=IMPATIENT, privileges=JUDGED, checks={"limits": LIMITS})
            case.assert_waits("ChecksWaiting", "prepared transaction left behind")
            waiver = {"check": "Locks", "reason": "it goes in a moment", "expires": LATER}
            case.migration.patch({"checks": {"waivers": [waiver]}})
            status = case.migration.wait_for_phase("Migrating")
            assert result_of(status, "Locks")["result"] == "Waived"
        case.assert_done()


class TestTrouble:
    def test_a_slow_database_is_waited_for(self, case: Case) -> None:
        with TroubledProxy(case.database) as proxy:
            proxy.delay_seconds = SLOW_SECONDS
            started = time.monotonic()
            case.apply(proxy.uri)
            status = case.migration.wait_for_end(60)
            assert status["phase"] == "Done", status
            assert time.monotonic() - started > 20 * SLOW_SECONDS
            proxy.delay_seconds = 0.0

    @pytest.mark.parametrize("word", [b"pg_stat_progress_create_index", b"pg_control_system", b"SHARE ROW"])
    def test_a_connection_that_breaks_in_the_middle_of_the_probes_is_made_again(
        self, case: Case, word: bytes
    ) -> None:
        with TroubledProxy(case.database) as proxy:
            proxy.cut_at(word, times=2)
            case.apply(proxy.uri)
            proxy.wait_until_cut(1)
            proxy.wait_until_cut(2)
            case.assert_done()
        assert LedgerRows(case.database).run["attempt"] == 1
        assert case.database.query("SELECT count(*) FROM roleshift.migration_run") == [(1,)]

    def test_while_it_breaks_again_and_again_nothing_is_written_and_the_run_waits(self, case: Case) -> None:
        with TroubledProxy(case.database) as proxy:
            proxy.cut_at(b"pg_stat_progress_create_index", times=1000)
            case.apply(proxy.uri)
            proxy.wait_until_cut(2)
            case.assert_waits("ConnectionLost")
            proxy.cut_at(b"", times=0)
            case.assert_done()

    @pytest.mark.parametrize(
        ("view", "names"),
        [
            ("pg_prepared_xacts", {"LongTransactions", "Locks"}),
            ("pg_stat_progress_copy", {"BackgroundJobs"}),
            ("pg_stat_database", {"Locks"}),
        ],
    )
    def test_a_denied_view_is_unknown_for_those_who_read_it(
        self, case: Case, view: str, names: set[str]
    ) -> None:
        with case.database.admin() as admin:
            admin.execute(f"REVOKE SELECT ON pg_catalog.{view} FROM PUBLIC")
        case.apply(privileges=JUDGED, checks={"limits": LIMITS, "minimumScore": 0})
        status = case.migration.wait_for(lambda s: "safety" in s, "the checks were made")
        found = {one["name"] for one in status["safety"]["results"] if one["result"] == "Unknown"}
        assert names <= found
        for name in names:
            assert "permission denied for view" in result_of(status, name)["message"]
        assert found - names <= {"RecentBackup", "Memory", "CPU", "DiskIO"}
        with case.database.admin() as admin:
            admin.execute(f"GRANT SELECT ON pg_catalog.{view} TO PUBLIC")
        case.assert_done()
