"""Whether a value fits a structural schema: what the API server would say, as far as crds/ needs it."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import yaml

from localenv.repository import CRDS

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
}


def status_schema() -> dict[str, Any]:
    """The schema of a RoleMigration's status."""
    (file,) = CRDS.glob("*_rolemigrations.yaml")
    (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    return schema


def violations(value: Any, schema: dict[str, Any], path: str = "status") -> Iterator[str]:
    """One sentence for each part that does not fit."""
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or isinstance(value, bool) is not (kind == "boolean")):
        yield f"{path} is no {kind}: {value!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path} is none of {schema['enum']}: {value!r}"
    if isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, dict):
        yield from _object(value, schema, path)
    elif isinstance(value, list):
        yield from _list(value, schema, path)
    elif isinstance(value, int | float):
        yield from _number(value, schema, path)


def _text(value: str, schema: dict[str, Any], path: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{path} has {len(value)} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path} does not match {schema['pattern']}: {value!r}"
    if schema.get("format") == "date-time":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            yield f"{path} is no time: {value!r}"


def _number(value: float, schema: dict[str, Any], path: str) -> Iterator[str]:
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path} is out of bounds: {value}"
    if schema.get("format") == "int64" and abs(value) >= 2**63:
        yield f"{path} is too large: {value}"


def _object(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name} is missing"
    known = schema.get("properties", {})
    for name, part in value.items():
        if name in known:
            yield from violations(part, known[name], f"{path}.{name}")
        else:
            yield f"{path}.{name} is unknown"


def _list(value: list[Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path} has {len(value)} entries"
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys:
        found = [tuple(entry.get(key) for key in keys) for entry in value]
        if len(found) != len(set(found)):
            yield f"{path} has an entry twice"
    for position, entry in enumerate(value):
        yield from violations(entry, schema["items"], f"{path}[{position}]")
