"""Kubeconfig files with a bearer token. JSON is YAML, so no YAML library is needed."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Endpoint:
    """Where an API server is, and the PEM file of the authority that its certificate is verified with."""

    server: str
    authority: Path


def write_kubeconfig(
    path: Path, endpoint: Endpoint, user: str, token: str, namespace: str = "default"
) -> Path:
    """Write a kubeconfig that only its owner can read, and return its path."""
    authority = base64.b64encode(endpoint.authority.read_bytes()).decode()
    context = {"cluster": "local", "user": user, "namespace": namespace}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [
            {"name": "local", "cluster": {"server": endpoint.server, "certificate-authority-data": authority}}
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": context}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=2))
    return path
