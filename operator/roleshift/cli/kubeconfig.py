"""The namespace that a command speaks to when none is given: the kubeconfig's, or the pod's own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DEFAULT = "default"


def default_namespace(paths: str | None, context: str | None) -> str:
    """The context's namespace, as kubectl finds it.

    Args:
        paths: one kubeconfig or several as in KUBECONFIG; None inside a pod.
        context: None means the current one.
    """
    if paths is None:
        return _POD_NAMESPACE.read_text().strip() if _POD_NAMESPACE.exists() else _DEFAULT
    files = list(_read(paths))
    name = context or next((file["current-context"] for file in files if file.get("current-context")), None)
    contexts = (entry for file in files for entry in file.get("contexts") or [])
    chosen: dict[str, Any] = next((entry for entry in contexts if entry.get("name") == name), {})
    return (chosen.get("context") or {}).get("namespace") or _DEFAULT


def _read(paths: str) -> Iterator[dict[str, Any]]:
    for path in map(Path, filter(None, paths.split(os.pathsep))):
        if path.expanduser().is_file():
            yield yaml.safe_load(path.expanduser().read_text()) or {}
