"""A bug in the operator leaves the object with a reason, not without a word."""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from roleshift.api import RoleMigrationStatus
from roleshift.controller.ports import Ports
from roleshift.controller.worker import MigrationWorker
from roleshift.telemetry.metrics import Metrics

BODY: dict[str, Any] = {
    "apiVersion": "roleshift.dev/v1alpha1",
    "kind": "RoleMigration",
    "metadata": {"name": "m", "namespace": "n", "uid": "u", "generation": 1, "resourceVersion": "1"},
    "spec": {
        "connection": {"secretRef": {"name": "db"}},
        "target": {"table": "users"},
        "mappings": [{"from": "a", "to": "b"}],
    },
}


async def test_the_status_names_the_bug_and_the_error_goes_on_to_whoever_logs_it() -> None:
    published: list[RoleMigrationStatus] = []
    events: list[str] = []
    inbox = Mock(latest=BODY, overtaken=list, deleted=False, unread=False, slots=nullcontext())
    ports = Ports(
        secrets=Mock(read=AsyncMock(side_effect=ZeroDivisionError)),
        pods=Mock(),
        guard=Mock(),
        publish=lambda _key, _uid, status, _urgency: published.append(status),
        freeze=AsyncMock(),
        emit=lambda _ref, _kind, reason, _message: events.append(reason),
        metrics=Metrics(),
        cluster_uid="c",
        holder="h",
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        reports=Mock(),
        run_of=AsyncMock(),
    )
    with pytest.raises(ZeroDivisionError):
        await MigrationWorker(ports, inbox).run()
    (ready, *_) = published[-1].conditions
    assert ready.reason == "InternalError"
    assert "ZeroDivisionError" in ready.message
    assert events == ["InternalError"]
