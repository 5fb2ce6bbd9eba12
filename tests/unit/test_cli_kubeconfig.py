"""The namespace is the one that kubectl would take."""

from pathlib import Path

import yaml

from roleshift.cli.kubeconfig import default_namespace


def kubeconfig(folder: Path, name: str, current: str, **namespaces: str | None) -> str:
    """A kubeconfig with a context for each keyword; None leaves its namespace out."""
    contexts = [
        {"name": context, "context": {"cluster": "c"} | ({"namespace": namespace} if namespace else {})}
        for context, namespace in namespaces.items()
    ]
    file = folder / name
    file.write_text(yaml.safe_dump({"current-context": current, "contexts": contexts}))
    return str(file)


def test_it_is_the_current_contexts(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "a", "one", one="people", two=None)
    assert default_namespace(path, None) == "people"


def test_it_is_the_named_contexts(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "a", "one", one="people", two="shop")
    assert default_namespace(path, "two") == "shop"


def test_a_context_without_one_means_default(tmp_path: Path) -> None:
    assert default_namespace(kubeconfig(tmp_path, "a", "one", one=None), None) == "default"
    assert default_namespace(str(tmp_path / "missing"), None) == "default"


def test_of_several_files_the_first_that_says_something_counts(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path, "a", "", one="people")
    second = kubeconfig(tmp_path, "b", "one", one="other", two="shop")
    assert default_namespace(f"{first}:{second}", None) == "people"
    assert default_namespace(f"{first}:{second}", "two") == "shop"


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert default_namespace(str(tmp_path / "empty"), None) == "default"
