"""The check on what fires when rows are written, and on what was built upon the roles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roleshift.api.safety import CheckResult
from roleshift.checks.subject import Subject, could_not_tell, depends_on
from roleshift.checks.wording import as_sql, named, one_line, quoted
from roleshift.engine.checks import Judgement
from roleshift.engine.facts.dependencies import DependencyFacts, Dependent, DependentKind, Rule, Trigger
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.trigger_source import TriggerEffect, effect_of

_GRAVEST_FIRST = (CheckResult.FAILED, CheckResult.WARNING, CheckResult.PASSED)
_NAMES_A_ROLE = "change it together with the roles"


@dataclass(frozen=True, slots=True)
class _Remark:
    """One thing that was found, and how grave it is."""

    result: CheckResult
    text: str


def triggers_and_dependencies(subject: Subject) -> Judgement:
    """What fires on the write, what may keep rows from being written, what reads the role or names one.

    Failed: rows would be swallowed (an ON UPDATE DO INSTEAD rule, a BEFORE trigger that can return
    NULL), or the role column's default goes away, so that new rows would be born with an old role.
    Warning: a trigger whose effect on the row can't be told, that assigns a written column or may refuse
    it; whatever names a role that goes away.
    Passed, and named: triggers that only fire; views and generated columns that only read the role, and
    materialized views, which show it once they are refreshed: that can only be done after the run.
    Policies are RowLevelSecurity's.
    """
    facts = subject.facts.dependencies
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    remarks = list(_remarks(subject, facts))
    worst = next((r for r in _GRAVEST_FIRST if any(one.result is r for one in remarks)), CheckResult.PASSED)
    ordered = [one.text for result in _GRAVEST_FIRST for one in remarks if one.result is result]
    nothing = f"nothing fires when {subject.table} is written, and nothing depends on its roles"
    return Judgement(worst, named(ordered, "; ") or nothing)


def _remarks(subject: Subject, facts: DependencyFacts) -> Iterable[_Remark]:
    yield from (_of_rule(rule) for rule in facts.rules)
    yield from _of_triggers(facts.triggers, subject.spec.target.columns.written())
    yield from (_of_dependent(one) for one in facts.dependents)


def _of_rule(rule: Rule) -> _Remark:
    if rule.instead:
        return _Remark(
            CheckResult.FAILED,
            f'rule "{rule.name}" on {rule.table} replaces the UPDATE, so that rows would not be written: '
            f"ALTER TABLE {as_sql(rule.table)} DISABLE RULE for the run, or drop it",
        )
    return _Remark(CheckResult.PASSED, f'rule "{rule.name}" on {rule.table} will be met by the UPDATE')


def _of_triggers(triggers: Sequence[Trigger], written: Sequence[str]) -> Iterable[_Remark]:
    firing = []
    for trigger in triggers:
        effect = effect_of(trigger, written)
        if effect is TriggerEffect.FIRES:
            firing.append(f"{trigger.description} ({trigger.function})")
        else:
            result = CheckResult.FAILED if effect is TriggerEffect.SWALLOWS else CheckResult.WARNING
            yield _Remark(result, f"{trigger.description}: {trigger.function} {_EFFECTS[effect]}")
    if firing:
        yield _Remark(CheckResult.PASSED, f"will fire: {named(firing)}")


_DISABLE = "ALTER TABLE … DISABLE TRIGGER for the run"
_EFFECTS = {
    TriggerEffect.SWALLOWS: "can return NULL, which swallows the row: let it return NEW, or " + _DISABLE,
    TriggerEffect.OVERWRITES: "assigns a column that the run writes, so that the run's value may be lost: "
    "see that it leaves the run's rows alone, or " + _DISABLE,
    TriggerEffect.REFUSES: "looks at a column that the run writes and raises an exception, which would end "
    "the run: see that it lets the run's rows through, or " + _DISABLE,
    TriggerEffect.UNKNOWN: "may return something else than NEW, and whether it swallows a row can't be told: "
    "read it, or " + _DISABLE,
}


def _of_dependent(one: Dependent) -> _Remark:
    what = f"{one.kind} {one.name}"
    if one.kind is DependentKind.ROLE_DEFAULT:
        return _Remark(
            CheckResult.FAILED,
            f"{what} is {one_line(one.definition)}, a role that goes away, so that new rows would be born "
            "with it: ALTER COLUMN … SET DEFAULT a new role",
        )
    if one.roles:
        return _Remark(CheckResult.WARNING, f"{what} names {quoted(one.roles)}: {_NAMES_A_ROLE}")
    if one.kind is DependentKind.MATERIALIZED_VIEW:
        return _Remark(
            CheckResult.PASSED,
            f"{what} shows the old roles until it is refreshed: REFRESH MATERIALIZED VIEW after the run",
        )
    return _Remark(CheckResult.PASSED, f"{what} reads the role and will show the new one")
