"""What the checks are judged from: facts that probes measured. Values, no judgement.

One module for each thing that is looked at; `look` holds them together. A probe
that failed leaves a `ProbeFailure` where its facts would be, so that no check
can take silence for health.
"""
