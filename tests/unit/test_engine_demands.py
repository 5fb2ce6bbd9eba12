"""keepAtLeast: over all rows, and over the rows of a scope."""

import pytest

from roleshift.api.mappings import KeepAtLeast
from roleshift.api.mappings import Mapping as Moved
from roleshift.engine.facts.table import ElementFacts, RoleFacts
from roleshift.engine.mapping import Demand, demands, prove_mapping

KEEP = [KeepAtLeast.model_validate({"role": "admin", "count": 2})]


@pytest.mark.parametrize(
    ("before", "count"), [(None, 2), ({}, 0), ({"admin": 1}, 1), ({"admin": 2}, 2), ({"admin": 9}, 2)]
)
def test_of_a_scope_no_more_is_demanded_than_were_there(before: dict[str, int] | None, count: int) -> None:
    assert demands(KEEP, before) == (Demand("admin", count),)


def moved(old: str, new: str) -> Moved:
    return Moved.model_validate({"from": old, "to": new})


def test_what_an_earlier_run_moved_stays() -> None:
    proof = prove_mapping(
        [moved("a", "b"), moved("b", "c")], RoleFacts({"a": 3, "b": 5}, 0, earlier={"b": 2})
    )
    assert [(cell.from_role, cell.to_role, cell.rows) for cell in proof.cells] == [
        ("a", "b", 3),
        ("b", "c", 3),
    ]
    assert proof.arrived == {"b": 2}
    assert proof.after == {"b": 5, "c": 3}
    assert proof.before == {"a": 3, "b": 5}


def test_merged_rows_are_missing_afterwards() -> None:
    proof = prove_mapping([moved("a", "c"), moved("b", "c")], RoleFacts({"a": 3, "b": 3}, 0), {"c": 2})
    assert proof.after == {"c": 4}
    assert proof.rows == 6


def test_of_arrays_rows_change_and_elements_are_counted() -> None:
    facts = RoleFacts({"a": 3, "b": 3}, 0, lost={"c": 2}, elements=ElementFacts(5, 4, 0))
    proof = prove_mapping([moved("a", "c"), moved("b", "c")], facts)
    assert (proof.rows, proof.after, facts.total) == (4, {"c": 4}, 5)
