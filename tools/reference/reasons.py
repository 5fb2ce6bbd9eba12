"""The page of reasons."""

from roleshift.api.reasons import EXPLANATIONS

_HEAD = """# Reasons

The word in the column Reason of `kubectl get rolemig`, in conditions and in events. The message beside it
has the figures and names of the case at hand.

| Reason | What it means | What to do |
|---|---|---|
"""


def page() -> str:
    """A row for each reason, in the order in which a run meets them."""
    return _HEAD + "".join(
        f"| {reason} | {explanation.meaning} | {explanation.remedy} |\n"
        for reason, explanation in EXPLANATIONS.items()
    )
