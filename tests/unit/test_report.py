"""The report of a run: everything that its status knows, for people and as one document."""

import json
from typing import Any

import pytest

from roleshift.api import Phase
from roleshift.cli.report_text import as_text
from roleshift.cli.subject import subject_of
from roleshift.cli.symbols import ASCII, UNICODE, Symbols
from roleshift.engine.report import report_document
from support.cli_states import BROKEN, CHECKED, IMAGE, RUN, migration

PLAN = {
    "hash": "sha256:0123456789abcdef",
    "rows": 100_000,
    "matrix": [
        {"from": "admin", "to": "admin", "seniority": "lead", "rows": 1},
        {"from": "junior_dev", "to": "developer", "rows": 99_999},
    ],
    "collisions": 0,
    "escalations": ["not judged: spec.privileges.order is not set"],
    "reversible": True,
    "lock": "SHARE ROW EXCLUSIVE on public.user_profiles for about 2 s",
    "estimatedSeconds": 2,
    "estimatedWALBytes": 2_000_000,
    "estimatedImageBytes": 5_000_000,
}
MEASURED = {
    **PLAN,
    "measuredSeconds": 1.234,
    "measuredWriteSeconds": 0.9,
    "measuredWALBytes": 1_500_000,
    "measuredWALOf": "Backend",
}


def told(body: dict[str, Any], symbols: Symbols = UNICODE, width: int = 100) -> str:
    return as_text(subject_of(body), symbols, width)


def document(body: dict[str, Any]) -> dict[str, Any]:
    subject = subject_of(body)
    made = report_document(subject.namespace, subject.name, subject.table, subject.status)
    again: dict[str, Any] = json.loads(json.dumps(made))
    return again


def part(text: str, title: str) -> list[str]:
    """The lines of one part, without indents."""
    (found,) = [one for one in text.split("\n\n") if one.startswith(f"{title}\n")]
    return [line.strip() for line in found.splitlines()[1:]]


def words(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines]


def test_a_finished_run_is_told_from_its_plan_to_its_verification() -> None:
    message = "100000 rows migrated"
    text = told(
        migration(Phase.DONE, ready="True", reason="MigrationCompleted", message=message, plan=MEASURED)
    )
    assert text.splitlines()[:4] == [
        "people/seniority-2026 on user_profiles",
        "Done, MigrationCompleted: 100000 rows migrated",
        f"Run {RUN}",
        "2026-11-23 14:44:50 to 14:44:56 UTC, 6 s",
    ]
    assert part(text, "Plan") == [
        "sha256:0123456789abcdef: 100,000 rows",
        "admin      → admin      lead       1 row",
        "junior_dev → developer        99,999 rows",
        "escalations: not judged: spec.privileges.order is not set",
        "collisions: none",
        "reversible by the mapping alone",
        "SHARE ROW EXCLUSIVE on public.user_profiles for about 2 s",
    ]
    assert words(part(text, "Timeline"))[:4] == [
        "14:44:50 Checking 1 s Succeeded",
        "score 100; 100000 rows will change",
        "14:44:51 BackingUp 1 s Succeeded",
        f"100000 rows in roleshift.{IMAGE}",
    ]
    assert words(part(text, "Estimates, and what they came to")) == [
        "estimated came to",
        "Table locked 2.0 s 1.2 s of these 0.9 for the UPDATE",
        "WAL, image and write 1.9 MiB 1.4 MiB",
        "Image 4.8 MiB 5.2 MiB",
    ]
    assert words(part(text, "Safety checks")) == ["score 100 of 100", "✓ ServerVersion", "✓ Locks"]
    assert part(text, "Backup") == [
        IMAGE,
        "100,000 rows, compared with the table, kept until 2026-12-23",
    ]
    assert words(part(text, "Verification"))[0] == "✓ Completeness all 100000 rows were migrated"
    assert "Rollback" not in text


def test_the_document_has_the_same_under_the_names_of_the_status() -> None:
    body = migration(Phase.DONE, ready="True", reason="MigrationCompleted", plan=MEASURED)
    made = document(body)
    assert (made["namespace"], made["name"], made["table"]) == ("people", "seniority-2026", "user_profiles")
    assert made["summary"] == {
        "phase": "Done",
        "ready": "True",
        "reason": "MigrationCompleted",
        "message": "",
        "runID": RUN,
        "startTime": "2026-11-23T14:44:50Z",
        "completionTime": "2026-11-23T14:44:56Z",
        "seconds": 6.0,
        "attempts": 0,
    }
    assert made["plan"] == MEASURED | {"statements": []}
    assert made["timeline"] == body["status"]["steps"]
    assert made["estimates"] == [
        {
            "what": "lock",
            "unit": "seconds",
            "estimated": 2,
            "measured": 1.234,
            "note": "of these 0.9 for the UPDATE",
        },
        {"what": "wal", "unit": "bytes", "estimated": 2_000_000, "measured": 1_500_000},
        {"what": "image", "unit": "bytes", "estimated": 5_000_000, "measured": 5_500_000},
    ]
    assert [check["name"] for check in made["safety"]["results"]] == ["ServerVersion", "Locks"]
    assert made["backup"]["name"] == IMAGE
    assert made["rollback"] is None


def test_wal_that_others_had_a_part_in_says_so() -> None:
    body = migration(Phase.DONE, plan=MEASURED | {"measuredWALOf": "Server"})
    assert "what others wrote meanwhile included" in told(body)
    assert document(body)["estimates"][1]["note"] == "what others wrote meanwhile included"


def test_what_was_not_estimated_is_not_known_and_what_was_not_measured_is_left_out() -> None:
    blind = {key: value for key, value in MEASURED.items() if "stimated" not in key}
    assert "not known" in told(migration(Phase.DONE, plan=blind))
    assert "estimated" not in document(migration(Phase.DONE, plan=blind))["estimates"][0]
    planned = migration(Phase.CHECKING, plan=PLAN)
    assert document(planned)["estimates"] == []
    assert "Estimates" not in told(planned)


def test_a_rollback_says_who_asked_why_and_what_was_left() -> None:
    rollback = {
        "requestedBy": "ada@example.org",
        "reason": "wrong team",
        "result": "Partial",
        "rowsRestored": 99_998,
        "conflicts": 2,
        "remaining": 2,
        "examples": ["[1]", "[2]"],
    }
    body = migration(Phase.ROLLED_BACK, reason="RolledBackWithConflicts", rollback=rollback)
    assert part(told(body), "Rollback") == [
        "result Partial, asked for by ada@example.org, 99,998 rows restored, 2 conflicts, 2 rows left",
        "why: wrong team",
        "conflicts, for example: [1], [2]",
    ]
    assert document(body)["rollback"] == rollback


def test_a_check_that_fell_stands_with_what_to_do() -> None:
    safety = {
        "score": 60,
        "failed": 1,
        "results": [
            {
                "name": "Locks",
                "category": "Application",
                "result": "Failed",
                "severity": "Critical",
                "message": "held by 4711:\nend it",
            }
        ],
    }
    body = migration(Phase.FAILED, reason="ChecksFailed", message="needs a person", safety=safety)
    text = told(body)
    assert "Failed, ChecksFailed: needs a person" in text
    assert words(part(text, "Safety checks")) == ["score 60 of 100", "✗ Locks held by 4711:", "end it"]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("symbols", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_a_run_in_any_phase_has_a_report_of_readable_width(phase: Phase, symbols: Symbols) -> None:
    text = told(migration(phase), symbols, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert str(phase) in text
    assert document(migration(phase))["summary"]["phase"] == phase


def test_a_run_that_nobody_has_looked_at_says_so() -> None:
    body = migration(Phase.PENDING)
    body["status"] = {}
    assert "The operator has not looked at this yet" in told(body)
    assert document(body)["summary"]["phase"] == "Pending"


def test_what_the_database_says_can_not_move_the_cursor() -> None:
    steps = [{**CHECKED, "message": "role \x1b[31mred\x07"}, BROKEN]
    assert "\x1b" not in told(migration(Phase.DONE, steps=steps))
