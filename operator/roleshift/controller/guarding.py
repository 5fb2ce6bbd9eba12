"""The finalizer of one object: taken before the first side effect, given back when the run has ended."""

from roleshift.api import ObjectMeta
from roleshift.cluster.client import ConflictError, NotFoundError
from roleshift.cluster.finalizer import FINALIZER
from roleshift.controller.interruptible import ObjectChangedError
from roleshift.controller.ports import Guard
from roleshift.engine.identity import ObjectRef


class FinalizerHold:
    """Knows whether the finalizer stands, so that it is written once and removed once."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._meta: ObjectMeta | None = None
        self._held = False

    @property
    def is_held(self) -> bool:
        """Whether the finalizer stands."""
        return self._held

    def look(self, meta: ObjectMeta) -> None:
        """The object as it was read last."""
        self._meta = meta
        self._held = self._held or FINALIZER in meta.finalizers

    async def take(self) -> None:
        """Add the finalizer, unless the object is being deleted.

        Raises:
            ObjectChangedError: the object is not any more what the decision was made on.
        """
        meta = self._looked_at()
        if self._held or meta.deletion_timestamp is not None:
            return
        try:
            await self._guard.add(self._ref(meta), meta.finalizers)
        except (ConflictError, NotFoundError) as error:
            raise ObjectChangedError from error
        self._held = True

    async def release(self) -> None:
        """Remove the finalizer where it stands."""
        if self._held:
            await self._guard.remove(self._ref(self._looked_at()))
            self._held = False

    def _looked_at(self) -> ObjectMeta:
        assert self._meta is not None
        return self._meta

    @staticmethod
    def _ref(meta: ObjectMeta) -> ObjectRef:
        return ObjectRef(meta.namespace, meta.name, meta.uid, meta.resource_version)
