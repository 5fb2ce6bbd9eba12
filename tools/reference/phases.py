"""The page of phases: the transition table as a picture and as a table."""

from roleshift.engine.transitions import TRANSITIONS, Move

_HEAD = """# Phases

What `kubectl get rolemig` shows in the column Phase, and which phase may follow which. The table is
`TRANSITIONS` in operator/roleshift/engine/transitions.py; nothing else moves a run.

```mermaid
stateDiagram-v2
    [*] --> Pending
"""
_MOVES = {
    Move.STAY: "waits, or tries again",
    Move.ADVANCE: "done",
    Move.CONCLUDE: "a dry run or a rehearsal has ended well, or a person accepts the data",
    Move.REPLAN: "the table no longer fits the plan",
    Move.UNDO_UNCOMMITTED: "undone before anything was committed",
    Move.UNDO_COMMITTED: "the old roles are wanted back",
    Move.FAIL: "can't go on",
}


def page() -> str:
    """A diagram, and a row for each legal move."""
    arrows = "".join(
        f"    {before} --> {after}: {_MOVES[move]}\n" for (before, move), after in TRANSITIONS.items()
    )
    rows = "".join(
        f"| {before} | {_MOVES[move]} | {after} |\n" for (before, move), after in TRANSITIONS.items()
    )
    return f"{_HEAD}{arrows}```\n\n| From | When | To |\n|---|---|---|\n{rows}"
