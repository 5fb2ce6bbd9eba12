"""Turns the JSON schema of a model into the structural schema that a CRD takes.

References are inlined, an optional value is its type without null, titles and defaults are dropped;
a default stands in the description, since the API server must store what the author wrote and no more.
"""

import json
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]

DROPPED = frozenset({"title", "default", "$defs", "const", "additionalProperties"})


def structural_schema(model: type[BaseModel]) -> Json:
    """The schema of a model for openAPIV3Schema, by YAML names."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Json, definitions: Json) -> Json:
    schema = _resolved(schema, definitions)
    result = {key: value for key, value in schema.items() if key not in DROPPED}
    if "properties" in schema:
        result["properties"] = {
            name: _structural(part, definitions) for name, part in schema["properties"].items()
        }
    if "items" in schema:
        result["items"] = _structural(schema["items"], definitions)
    if isinstance(values := schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(values, definitions)
    if schema.get("type") == "integer":
        result["format"] = "int64"
    return _with_default_described(result, schema)


def _resolved(schema: Json, definitions: Json) -> Json:
    """Follows $ref and Optional; what stands beside them wins."""
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf")}
    if "$ref" in schema:
        return {**_resolved(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions), **beside}
    if "anyOf" in schema:
        (only,) = (option for option in schema["anyOf"] if option.get("type") != "null")
        return {**_resolved(only, definitions), **beside}
    return schema


def _with_default_described(result: Json, schema: Json) -> Json:
    default = schema.get("default")
    if default in (None, [], {}) or isinstance(default, dict) or "description" not in result:
        return result
    described = default if isinstance(default, str) and default else json.dumps(default)
    return {**result, "description": f"{result['description']} Default: {described}."}
