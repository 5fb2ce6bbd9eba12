"""The error that ends the demo: something did not come out as it must."""


class ProofFailedError(Exception):
    """A phase, a hash or an exit code is not what it has to be."""
