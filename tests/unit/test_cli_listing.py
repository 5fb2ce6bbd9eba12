"""`roleshift get` prints as kubectl does."""

import json
from typing import Any

import yaml

from roleshift.api import Phase
from roleshift.cli.listing import as_text, list_text, table_text
from roleshift.cli.options import Output
from support.cli_states import migration


def table(*rows: tuple[str, list[Any]]) -> dict[str, Any]:
    """A meta.k8s.io/v1 Table as the API server answers."""
    columns = [
        {"name": "Name", "priority": 0},
        {"name": "Phase", "priority": 0},
        {"name": "Table", "priority": 1},
    ]
    objects = [{"cells": cells, "object": {"metadata": {"namespace": where}}} for where, cells in rows]
    return {"columnDefinitions": columns, "rows": objects}


ROWS = (("people", ["a-long-name", "Done", "users"]), ("shop", ["b", None, "accounts"]))


def test_the_table_has_the_columns_of_priority_zero() -> None:
    assert table_text(table(*ROWS), {0}, with_namespace=False) == "NAME          PHASE\na-long-name   Done\nb"


def test_wide_has_all_of_them() -> None:
    assert table_text(table(*ROWS), {0, 1}, with_namespace=False).splitlines() == [
        "NAME          PHASE   TABLE",
        "a-long-name   Done    users",
        "b                     accounts",
    ]


def test_all_namespaces_are_named_first() -> None:
    assert table_text(table(*ROWS), {0}, with_namespace=True).splitlines()[2] == "shop        b"


def test_no_rows_are_no_text() -> None:
    assert table_text({**table(), "rows": None}, {0}, with_namespace=False) == ""


def test_json_and_yaml_hold_the_object_without_its_managed_fields() -> None:
    body = migration(Phase.DONE)
    body["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    for text in (json.loads(as_text(body, Output.JSON)), yaml.safe_load(as_text(body, Output.YAML))):
        assert text["status"]["phase"] == "Done"
        assert "managedFields" not in text["metadata"]


def test_a_list_is_a_list_of_kubernetes() -> None:
    listed = json.loads(list_text([migration(Phase.DONE)] * 2, Output.JSON))
    assert (listed["kind"], listed["apiVersion"], len(listed["items"])) == ("List", "v1", 2)
    assert json.loads(list_text([], Output.JSON))["items"] == []


def test_names_are_those_that_kubectl_takes() -> None:
    names = list_text([migration(Phase.DONE)] * 2, Output.NAME)
    assert names == "\n".join(["rolemigration.roleshift.dev/seniority-2026"] * 2)
