"""What `roleshift get` prints: the API server's own table, or the objects as JSON, YAML or names."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from roleshift.api import GROUP, KIND
from roleshift.cli.options import Output, Where
from roleshift.cli.session import Session, connected

_GAP = "   "


@dataclass(frozen=True, slots=True)
class Selection:
    """One object by its name, or all of a namespace, or all there are."""

    name: str | None
    everywhere: bool = False


def print_migrations(where: Where, selection: Selection, output: Output | None) -> None:
    """Print what was selected; nothing found is a line on stderr and no error."""
    with connected(where) as session:
        text = asyncio.run(_text(session, selection, output))
    if text:
        print(text)
    else:
        place = "" if selection.everywhere else f" in {session.namespace} namespace"
        print(f"No resources found{place}.", file=sys.stderr)


async def _text(session: Session, selection: Selection, output: Output | None) -> str:
    namespace = None if selection.everywhere else session.namespace
    if output is None or output is Output.WIDE:
        table = await session.table(namespace, selection.name)
        priorities = {0} if output is None else {0, 1}
        return table_text(table, priorities, with_namespace=selection.everywhere)
    if selection.name is not None:
        return as_text(await session.get(selection.name), output)
    return list_text(await session.list(namespace), output)


def table_text(table: Mapping[str, Any], priorities: set[int], *, with_namespace: bool) -> str:
    """A meta.k8s.io/v1 Table in columns as kubectl prints them; "" without rows."""
    columns = [
        (index, column["name"].upper())
        for index, column in enumerate(table["columnDefinitions"])
        if column.get("priority", 0) in priorities
    ]
    rows = table.get("rows") or []
    if not rows:
        return ""
    lines = [[name for _, name in columns]]
    lines += [[_cell(row["cells"][index]) for index, _ in columns] for row in rows]
    if with_namespace:
        namespaces = ["NAMESPACE", *(row["object"]["metadata"]["namespace"] for row in rows)]
        lines = [[namespace, *line] for namespace, line in zip(namespaces, lines, strict=True)]
    return aligned(lines)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Cells in columns as wide as their widest, with nothing after the last one."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)


def list_text(items: Iterable[Mapping[str, Any]], output: Output) -> str:
    """Several objects: names one a line, else a v1 List."""
    if output is Output.NAME:
        return "\n".join(as_text(item, output) for item in items)
    plain = [_without_managed_fields(item) for item in items]
    return _dumped({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": plain}, output)


def as_text(item: Mapping[str, Any], output: Output) -> str:
    """One object in full, or its name as kubectl takes it."""
    if output is Output.NAME:
        return f"{KIND.lower()}.{GROUP}/{item['metadata']['name']}"
    return _dumped(_without_managed_fields(item), output)


def _dumped(value: Mapping[str, Any], output: Output) -> str:
    if output is Output.JSON:
        return json.dumps(value, indent=4, ensure_ascii=False)
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True).rstrip()


def _without_managed_fields(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**item, "metadata": metadata}


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("\n", " ")
