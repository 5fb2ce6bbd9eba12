"""The generated files are those of the models, and the schema keeps the house's rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from roleshift.api.crd import crd, crd_yaml
from roleshift.api.reference import reference

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "nullable", "const"}


def version() -> dict[str, Any]:
    (only,) = crd()["spec"]["versions"]
    assert isinstance(only, dict)
    return only


def root() -> dict[str, Any]:
    schema = version()["schema"]["openAPIV3Schema"]
    assert isinstance(schema, dict)
    return schema


def schemas(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from schemas(part, f"{path}.{name}")
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from schemas(schema["additionalProperties"], f"{path}[*]")


SPEC = list(schemas(root()["properties"]["spec"], "spec"))
EVERY = [*SPEC, *schemas(root()["properties"]["status"], "status")]


@pytest.mark.parametrize(
    ("path", "made"),
    [("crds/roleshift.dev_rolemigrations.yaml", crd_yaml), ("docs/reference/api.md", reference)],
    ids=["the CRD", "the reference page"],
)
def test_the_file_is_that_of_the_models(path: str, made: Any) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == made(), f"{path} is stale: run `make crds`"


def test_the_file_is_the_definition() -> None:
    assert yaml.safe_load(crd_yaml()) == crd()


@pytest.mark.parametrize(("path", "schema"), EVERY, ids=[path for path, _ in EVERY])
def test_every_part_is_structural_bounded_and_described(path: str, schema: dict[str, Any]) -> None:
    assert not FORBIDDEN & schema.keys()
    assert "type" in schema
    bounds = {
        "string": ("enum", "maxLength", "format"),
        "array": ("maxItems",),
        "integer": ("minimum",),
        "number": ("minimum",),
    }.get(schema["type"], ())
    assert not bounds or set(bounds) & schema.keys(), path
    if not path.endswith("]"):
        assert schema["description"]


@pytest.mark.parametrize(("path", "schema"), SPEC, ids=[path for path, _ in SPEC])
def test_the_spec_has_no_defaults_and_its_numbers_have_two_bounds(path: str, schema: dict[str, Any]) -> None:
    assert "default" not in schema
    if schema["type"] in {"integer", "number"}:
        assert {"minimum", "maximum"} <= schema.keys(), path


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("spec.mappings", ["from"]),
        ("spec.privileges.keepAtLeast", ["role"]),
        ("spec.checks.waivers", ["check"]),
        ("spec.validation.assertions", ["name"]),
        ("spec.observation.metrics", ["name"]),
        ("spec.maintenance.workloads", ["kind", "name"]),
        ("status.conditions", ["type"]),
        ("status.safety.results", ["name"]),
        ("status.steps", ["name"]),
    ],
)
def test_lists_that_are_keyed_are_maps(path: str, keys: list[str]) -> None:
    schema = dict(EVERY)[path]
    assert schema["x-kubernetes-list-type"] == "map"
    assert schema["x-kubernetes-list-map-keys"] == keys


def test_every_list_says_how_it_is_merged() -> None:
    for path, schema in EVERY:
        assert schema["type"] != "array" or "x-kubernetes-list-type" in schema, path


def test_there_are_at_most_256_mappings() -> None:
    assert dict(SPEC)["spec.mappings"]["maxItems"] == 256


def test_a_default_stands_in_the_description() -> None:
    described = dict(SPEC)["spec.strategy.lockTimeoutSeconds"]["description"]
    assert described.endswith("Default: 5.")


def test_messages_name_the_field_and_say_what_to_do() -> None:
    for rule in root()["x-kubernetes-validations"]:
        assert rule["message"].startswith(("spec.", "metadata."))
        assert rule["message"].endswith((": create a new RoleMigration", ": shorten it"))


def test_the_status_says_pending_from_the_start() -> None:
    assert root()["properties"]["status"]["default"] == {"observedGeneration": -1, "phase": "Pending"}
