"""spec.connection: where the database is and how to trust it. Never holds a password."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from roleshift.api.base import Rule, SpecModel
from roleshift.api.scalars import DataKey, ObjectName

LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$")]


class SSLMode(StrEnum):
    """libpq's sslmode."""

    DISABLE = "Disable"
    PREFER = "Prefer"
    REQUIRE = "Require"
    VERIFY_CA = "VerifyCA"
    VERIFY_FULL = "VerifyFull"


class CAKind(StrEnum):
    """Where a CA certificate is kept."""

    SECRET = "Secret"  # noqa: S105 - the kind of an object, not a secret
    CONFIG_MAP = "ConfigMap"


class SecretRef(SpecModel):
    """A Secret in the namespace of the RoleMigration."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey | None = Field(
        None,
        description="Key whose value is used (for a database: a URI). Absent, for a database: the keys host, "
        "port, dbname, user (or username) and password.",
    )


class ClusterRef(SpecModel):
    """A CloudNativePG Cluster in the namespace of the RoleMigration."""

    name: ObjectName = Field(description="Name of the Cluster; Secret, CA, service and pods follow from it.")


class CARef(SpecModel):
    """The certificate authority that signed the server's certificate."""

    kind: CAKind = Field(CAKind.SECRET, description="Whether a Secret or a ConfigMap holds it.")
    name: ObjectName = Field(description="Name of the Secret or ConfigMap.")
    key: DataKey = Field("ca.crt", description="Key whose value is the certificate in PEM.")


class PodSelector(SpecModel):
    """Labels that the pods of the database server carry."""

    match_labels: Annotated[dict[str, LabelValue], Field(min_length=1, max_length=16)] = Field(
        description="Every one of these labels must match."
    )


class Connection(SpecModel):
    """How the operator reaches the database; exactly one of secretRef and clusterRef."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="",
            message="exactly one of secretRef and clusterRef must be set: name the Secret with the "
            "credentials, or the CloudNativePG Cluster, and remove the other",
            cel="has(self.secretRef) != has(self.clusterRef)",
            holds=lambda it: (it.secret_ref is None) != (it.cluster_ref is None),
        ),
    )

    secret_ref: SecretRef | None = Field(None, description="Secret with the credentials.")
    cluster_ref: ClusterRef | None = Field(
        None, description="CloudNativePG Cluster to connect to, instead of secretRef."
    )
    ssl_mode: SSLMode | None = Field(
        None, description="How TLS is used. Absent: the URI's own sslmode, else Require."
    )
    ca_ref: CARef | None = Field(
        None, description="CA for VerifyCA and VerifyFull. Absent: the system's, or the Cluster's own."
    )
    pod_selector: PodSelector | None = Field(
        None, description="Pods whose figures the resource checks read from the metrics API. Absent: none."
    )
