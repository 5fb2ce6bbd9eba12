"""What counts as news, and what a comparison with a list finds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.controller.inventory import EventKind, Inventory, WatchEvent, vanished
from roleshift.controller.watcher import event_of
from roleshift.engine.identity import ObjectKey

KEY = ObjectKey("people", "seniority")


def event(
    uid: str = "a", version: str = "10", created: str = "2026-01-01T00:00:00Z", *, gone: bool = False
) -> WatchEvent:
    metadata = {
        "namespace": "people",
        "name": "seniority",
        "uid": uid,
        "resourceVersion": version,
        "creationTimestamp": created,
    }
    return WatchEvent(EventKind.DELETED if gone else EventKind.ADDED_OR_MODIFIED, {"metadata": metadata})


def test_a_first_sight_and_a_change_are_news() -> None:
    inventory = Inventory()
    assert inventory.accept(event(version="10"))
    assert inventory.accept(event(version="11"))


def test_the_same_object_listed_again_is_no_news() -> None:
    inventory = Inventory()
    inventory.accept(event())
    assert not inventory.accept(event())


def test_a_cluster_restored_from_an_older_backup_is_news() -> None:
    inventory = Inventory()
    inventory.accept(event(version="900"))
    assert inventory.accept(event(version="40"))


def test_a_deletion_is_news_once() -> None:
    inventory = Inventory()
    inventory.accept(event())
    assert inventory.accept(event(gone=True))
    assert not inventory.accept(event(gone=True))
    assert inventory.incarnations() == {}


@pytest.mark.parametrize("order", ["as it happened", "successor first", "late change", "late deletion"])
def test_a_re_created_object_stands_whatever_the_order_of_the_events(order: str) -> None:
    inventory = Inventory()
    successor = event("b", version="12")
    orders = {
        "as it happened": [event("a"), event("a", version="11", gone=True), successor],
        "successor first": [successor, event("a"), event("a", version="11", gone=True)],
        "late change": [event("a"), successor, event("a", version="11"), event("a", version="11", gone=True)],
        "late deletion": [event("a"), successor, event("a", version="11", gone=True)],
    }
    for happened in orders[order]:
        inventory.accept(happened)
    assert inventory.incarnations() == {KEY: "b"}


def test_the_time_of_creation_decides_before_the_version() -> None:
    inventory = Inventory()
    inventory.accept(event("b", version="5", created="2026-01-02T00:00:00Z"))
    assert not inventory.accept(event("a", version="900"))


def test_what_is_known_and_no_longer_listed_is_deleted() -> None:
    other = ObjectKey("people", "other")
    (found,) = vanished({KEY: "a", other: "o"}, {other: "o"})
    assert (found.kind, found.key, found.uid) == (EventKind.DELETED, KEY, "a")


def test_what_was_replaced_under_its_name_is_deleted_and_leaves_the_successor() -> None:
    inventory = Inventory()
    inventory.accept(event("a"))
    before = inventory.incarnations()
    inventory.accept(event("b", version="12"))
    for missing in vanished(before, {KEY: "b"}):
        assert not inventory.accept(missing)
    assert inventory.incarnations() == {KEY: "b"}


def test_what_exists_and_was_never_told_of_is_noticed() -> None:
    inventory = Inventory()
    assert inventory.unseen({KEY: "a"}) == {KEY}
    inventory.accept(event("a"))
    assert inventory.unseen({KEY: "a"}) == set()
    assert inventory.unseen({KEY: "b"}) == {KEY}


NAMES = st.builds(ObjectKey, st.just("people"), st.sampled_from("abcd"))
LISTED = st.dictionaries(NAMES, st.sampled_from("123"))


@given(before=LISTED, listed=LISTED)
def test_a_comparison_leaves_exactly_what_is_listed_or_was_never_known(
    before: dict[ObjectKey, str], listed: dict[ObjectKey, str]
) -> None:
    gone = {(event.key, event.uid) for event in vanished(before, listed)}
    assert gone == set(before.items()) - set(listed.items())


def test_notes_of_field_managers_are_left_out() -> None:
    raw: dict[str, Any] = {
        "metadata": {
            "namespace": "people",
            "name": "seniority",
            "uid": "a",
            "managedFields": [{"manager": "x"}],
        },
        "spec": {},
    }
    seen = event_of(None, raw)
    assert seen.kind is EventKind.ADDED_OR_MODIFIED
    assert "managedFields" not in seen.body["metadata"]
    assert "managedFields" in raw["metadata"]
    assert event_of("DELETED", raw).kind is EventKind.DELETED
