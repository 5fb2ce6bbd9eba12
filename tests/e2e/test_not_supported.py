"""What a manifest may say and this version does not do is refused by name, before anything is written."""

from typing import Any

import pytest

from roleshift.api.policy import Limits
from roleshift.engine import support
from support.cases import Case

NOT_SUPPORTED: dict[str, dict[str, Any]] = {
    "connection.clusterRef": {"connection": {"secretRef": None, "clusterRef": {"name": "people"}}},
    "strategy.type": {"strategy": {"type": "Batched"}},
    "observation": {"observation": {"durationSeconds": 1}},
    "window": {"window": {"schedule": "0 2 * * 6", "durationSeconds": 3600}},
    "maintenance": {"maintenance": {"workloads": [{"kind": "Deployment", "name": "people-api"}]}},
}


class TestNotSupported:
    def test_every_field_that_is_refused_has_a_case(self) -> None:
        assert {*NOT_SUPPORTED} == {one.field for one in support._MISSING}

    def test_every_limit_is_judged(self) -> None:
        assert set(Limits.model_fields) == support.SUPPORTED_LIMITS

    @pytest.mark.parametrize(("field", "changes"), NOT_SUPPORTED.items(), ids=NOT_SUPPORTED)
    def test_the_field_is_named(self, case: Case, field: str, changes: dict[str, Any]) -> None:
        case.apply(**changes)
        case.assert_refused("NotSupported", f"spec.{field} asks for something", ": ")
