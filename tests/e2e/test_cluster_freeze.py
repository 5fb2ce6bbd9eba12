"""A status that is written only while the spec is the one that was looked at: it freezes a manifest."""

import asyncio
from typing import Any

import pytest

from localenv.controlplane import ControlPlane
from roleshift.cluster.client import ConflictError, InvalidError, KubernetesClient
from roleshift.cluster.migrations import object_path
from roleshift.cluster.status_writer import ObjectGoneError, StatusPatch
from roleshift.engine.identity import ObjectRef

BACKING_UP = {"phase": "BackingUp", "observedGeneration": 1}


async def changed(control_plane: ControlPlane, ref: ObjectRef, spec: dict[str, Any]) -> None:
    path, kind = object_path(ref.key), "application/merge-patch+json"
    await asyncio.to_thread(control_plane.api.request, "PATCH", path, {"spec": spec}, kind)


def status_of(control_plane: ControlPlane, ref: ObjectRef) -> dict[str, Any]:
    found: dict[str, Any] = control_plane.api.request("GET", object_path(ref.key)).get("status", {})
    return found


async def test_the_status_stands_while_the_spec_has_not_changed(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    await StatusPatch(client).of_generation(ref.key, ref.uid, 1, BACKING_UP)
    assert status_of(control_plane, ref)["phase"] == "BackingUp"


async def test_nothing_is_written_once_the_spec_has_changed(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    before = status_of(control_plane, ref)
    await changed(control_plane, ref, {"unmappedRoles": "Keep"})
    with pytest.raises(ConflictError, match="has changed"):
        await StatusPatch(client).of_generation(ref.key, ref.uid, 1, BACKING_UP)
    assert status_of(control_plane, ref) == before


async def test_an_object_of_the_same_name_is_not_mistaken_for_it(
    client: KubernetesClient, ref: ObjectRef
) -> None:
    with pytest.raises(ObjectGoneError):
        await StatusPatch(client).of_generation(ref.key, "another-uid", 1, BACKING_UP)


async def test_a_status_that_the_schema_refuses_is_no_changed_spec(
    client: KubernetesClient, ref: ObjectRef
) -> None:
    with pytest.raises(InvalidError):
        await StatusPatch(client).of_generation(ref.key, ref.uid, 1, {"phase": "Sleeping"})


async def test_labels_and_annotations_are_no_change_of_the_spec(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    body = {"metadata": {"annotations": {"touched": "yes"}}}
    path, kind = object_path(ref.key), "application/merge-patch+json"
    await asyncio.to_thread(control_plane.api.request, "PATCH", path, body, kind)
    await StatusPatch(client).of_generation(ref.key, ref.uid, 1, BACKING_UP)
    assert status_of(control_plane, ref)["phase"] == "BackingUp"
