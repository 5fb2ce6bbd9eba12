"""Namespaces that come and go quickly, on a control plane where nobody finalizes them."""

from http import HTTPStatus

from localenv.api import Api, ApiError


def create_namespace(api: Api, prefix: str = "test") -> str:
    """Create a namespace with an unused name that begins with `prefix`, and return its name."""
    body = {"metadata": {"generateName": f"{prefix}-"}}
    name: str = api.request("POST", "/api/v1/namespaces", body)["metadata"]["name"]
    return name


def delete_namespace(api: Api, name: str) -> None:
    """Delete a namespace and the RoleMigrations in it, whatever their finalizers still wait for."""
    for path in _role_migrations(api, name):
        _delete_at_once(api, path)
    api.request("DELETE", f"/api/v1/namespaces/{name}")
    api.request("PUT", f"/api/v1/namespaces/{name}/finalize", {"metadata": {"name": name}})


def delete_leases(api: Api, namespace: str) -> None:
    """Delete the Leases of a namespace, so that the next holder need not wait for their end."""
    api.request("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")


def _role_migrations(api: Api, namespace: str) -> list[str]:
    path = f"/apis/roleshift.dev/v1alpha1/namespaces/{namespace}/rolemigrations"
    try:
        items = api.request("GET", path)["items"]
    except ApiError as error:
        if error.code == HTTPStatus.NOT_FOUND:  # the definition was never applied
            return []
        raise
    return [f"{path}/{item['metadata']['name']}" for item in items]


def _delete_at_once(api: Api, path: str) -> None:
    try:
        api.request("DELETE", path)
        api.request("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    except ApiError as error:
        if error.code != HTTPStatus.NOT_FOUND:  # it went while we looked
            raise
