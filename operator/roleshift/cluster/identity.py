"""Which cluster this is: part of what a ledger row is found by."""

from roleshift.cluster.client import KubernetesClient


async def cluster_uid(client: KubernetesClient) -> str:
    """The UID of the namespace kube-system, which every cluster has and none shares.

    Raises:
        ClusterError: the namespace can't be read.
    """
    body = await client.request("GET", "/api/v1/namespaces/kube-system")
    return str(body["metadata"]["uid"])
