"""What every model of the API shares: YAML names, strictness, and rules written once for CEL and for Python.

Not the place for a field of the API itself.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

NAMES_THAT_CAMEL_CASE_MISSES = {
    "schema_name": "schema",
    "from_role": "from",
    "to_role": "to",
    "run_id": "runID",
    "estimated_wal_bytes": "estimatedWALBytes",
    "measured_wal_bytes": "measuredWALBytes",
    "measured_wal_of": "measuredWALOf",
    "max_wal_bytes_per_second": "maxWALBytesPerSecond",
    "max_load_per_cpu": "maxLoadPerCPU",
    "max_io_pressure_percent": "maxIOPressurePercent",
}


def yaml_name(attribute: str) -> str:
    """The name that a Python attribute has in a manifest."""
    return NAMES_THAT_CAMEL_CASE_MISSES.get(attribute) or to_camel(attribute)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over several fields of one object.

    Attributes:
        field: the YAML path to blame, relative to the object; "" blames the object itself.
        message: what is wrong and what to do; the path is put in front of it.
        cel: the condition for the API server; `self` is the object as it was written, without defaults.
        holds: the same condition for the operator, over the model with its defaults.
    """

    field: str
    message: str
    cel: str
    holds: Callable[[Any], bool]

    def as_validation(self) -> dict[str, str]:
        """The rule as an entry of x-kubernetes-validations."""
        blamed = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": f"{self.field} {self.message}".strip(), **blamed}


class SpecModel(BaseModel):
    """An object that a person writes: unknown fields are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, alias_generator=yaml_name)

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.as_validation() for rule in cls.rules]
        return schema

    @model_validator(mode="after")
    def _keep_the_rules(self) -> Self:
        broken = [rule for rule in self.rules if not rule.holds(self)]
        if broken:
            text = "; ".join(rule.message for rule in broken)
            raise PydanticCustomError("broken_rules", "{text}", {"text": text, "broken": broken})
        return self


class StatusModel(BaseModel):
    """An object that the operator writes: unknown fields are left out, values never change."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, alias_generator=yaml_name)

    def dump(self) -> dict[str, Any]:
        """As the API server takes it: YAML names, plain values, nothing that is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class AtMostBytes:
    """PostgreSQL counts a name's bytes in UTF-8; maxLength of a schema counts characters."""

    limit: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        cel = f"size(bytes(self)) <= {self.limit}"
        rule = {"rule": cel, "message": self._message()}
        return {**handler(schema), "x-kubernetes-validations": [rule]}

    def _check(self, value: str) -> str:
        if len(value.encode()) > self.limit:
            raise PydanticCustomError("too_many_bytes", "{text}", {"text": self._message()})
        return value

    def _message(self) -> str:
        return f"must be at most {self.limit} bytes in UTF-8: PostgreSQL cuts longer names; shorten it"


@dataclass(frozen=True, slots=True)
class Matches:
    """A pattern with a message: a schema's own only says that a value does not match.

    Attributes:
        pattern: as RE2 and Python both read it.
        message: what the value must be, and what to do.
    """

    pattern: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = {"rule": f"self.matches(r'{self.pattern}')", "message": self.message}
        return {**handler(schema), "x-kubernetes-validations": [rule]}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise PydanticCustomError("not_matched", "{text}", {"text": self.message})
        return value


@dataclass(frozen=True, slots=True)
class ListOf:
    """How the API server merges a list, and which entries count as the same one.

    Attributes:
        kind: map (keyed by `keys`), set (of scalars) or atomic (replaced as a whole).
        keys: attributes of the entries, in Python's names.
    """

    kind: Literal["map", "set", "atomic"]
    keys: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        merged = {**handler(schema), "x-kubernetes-list-type": self.kind}
        if self.keys:
            merged["x-kubernetes-list-map-keys"] = [yaml_name(key) for key in self.keys]
        return merged

    def identity(self, entry: Any) -> Hashable:
        """What two entries must not share."""
        return tuple(str(getattr(entry, key)) for key in self.keys) if self.keys else str(entry)

    def _check(self, entries: list[Any]) -> list[Any]:
        seen: set[Hashable] = set()
        for entry in entries if self.kind != "atomic" else ():
            identity = self.identity(entry)
            if identity in seen:
                raise PydanticCustomError("listed_twice", "{text}", {"text": self._message(entry)})
            seen.add(identity)
        return entries

    def _message(self, entry: Any) -> str:
        named = ", ".join(f"{yaml_name(key)}: {getattr(entry, key)}" for key in self.keys) or str(entry)
        return f"has {named} more than once: keep one entry of it"
