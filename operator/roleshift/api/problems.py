"""Turns what pydantic found wrong into sentences about fields of the manifest, each with what to do.

Values are never repeated, except the words of closed sets: a value may be a secret in the wrong place.
"""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = tuple[int | str, ...]

SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is required: add it",
    "string_type": lambda _: "must be a string: put it in quotes",
    "int_type": lambda _: "must be a whole number, without quotes",
    "float_type": lambda _: "must be a number, without quotes",
    "bool_type": lambda _: "must be true or false, without quotes",
    "list_type": lambda _: "must be a list: put each entry behind a dash",
    "dict_type": lambda _: "must be an object: put key: value pairs below it",
    "model_type": lambda _: "must be an object: put its fields below it",
    "enum": lambda ctx: f"must be one of {ctx['expected']}",
    "literal_error": lambda ctx: f"must be {ctx['expected']}",
    "string_unicode": lambda _: "must be text: remove what is half a character",
    "string_too_short": lambda ctx: f"must have at least {ctx['min_length']} character(s): fill it in",
    "string_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters: shorten it",
    "string_pattern_mismatch": lambda ctx: f"must match {ctx['pattern']}: change it",
    "too_short": lambda ctx: f"must have at least {ctx['min_length']} entry: add one",
    "too_long": lambda ctx: f"must have at most {ctx['max_length']} entries: remove some",
    "greater_than_equal": lambda ctx: f"must be at least {ctx['ge']}: raise it",
    "less_than_equal": lambda ctx: f"must be at most {ctx['le']}: lower it",
    "timezone_aware": lambda _: "must say its time zone: write it like 2026-12-31T00:00:00Z",
    "datetime_from_date_parsing": lambda _: "must be a time: write it like 2026-12-31T00:00:00Z",
    "datetime_parsing": lambda _: "must be a time: write it like 2026-12-31T00:00:00Z",
    "datetime_type": lambda _: "must be a time: write it like 2026-12-31T00:00:00Z",
}


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One sentence for each problem, with the YAML path of the field in front: `spec.target.table: …`."""
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] == "broken_rules":
            for rule in detail["ctx"]["broken"]:
                yield f"{_join(yaml_path(detail['loc']), rule.field)}: {rule.message}"
        else:
            yield f"{yaml_path(detail['loc'])}: {_sentence(detail, model)}"


def yaml_path(location: Location) -> str:
    """`('spec', 'mappings', 0, 'from')` → `spec.mappings[0].from`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if field else path


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown_field(detail["loc"], model)
    sentence = SENTENCES.get(detail["type"])
    return sentence(detail.get("ctx", {})) if sentence else detail["msg"]


def _unknown_field(location: Location, model: type[BaseModel]) -> str:
    *parents, name = location
    known = [field.alias or key for key, field in _model_at(parents, model).model_fields.items()]
    close = get_close_matches(str(name), known, n=1)
    guess = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"is not a field of RoleMigration: remove it, or correct its spelling ({guess})"


def _model_at(path: list[int | str], model: type[BaseModel]) -> type[BaseModel]:
    for part in path:
        if isinstance(part, str):
            field = next(f for key, f in model.model_fields.items() if part in (key, f.alias))
            model = next(_models_in(field.annotation))
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
