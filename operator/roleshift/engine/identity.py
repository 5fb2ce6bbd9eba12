"""Who a run belongs to: keys of the object and the identity that a ledger row is found by."""

from dataclasses import dataclass

from roleshift.api import RoleMigrationSpec, immutable_part
from roleshift.engine.hashing import canonical_hash


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """Namespace and name: what a queue, a metric and a status write are keyed by."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One incarnation of an object: a re-created one has another uid."""

    namespace: str
    name: str
    uid: str
    resource_version: str = ""

    @property
    def key(self) -> ObjectKey:
        """Namespace and name, whichever incarnation."""
        return ObjectKey(self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What a ledger row is found by: it survives that Git deletes and re-creates the object.

    Attributes:
        cluster_uid: UID of the namespace kube-system.
        spec_hash: hash of the immutable part of the spec, see `engine.spec_hash`.
    """

    cluster_uid: str
    namespace: str
    name: str
    spec_hash: str


def spec_hash_of(spec: RoleMigrationSpec) -> str:
    """The hash of the part of a spec that a run is found by."""
    return canonical_hash(immutable_part(spec))
