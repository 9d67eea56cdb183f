"""Policies: expressions of the configuration that deny tasks which roles alone would allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.errors import ConfigurationError, ExpressionError
from app.expressions.expression import Expression
from app.security.principal import Principal
from app.settings import PolicySettings
from topics.tasks import Task

#: What an expression can name.
NAMES = frozenset({"principal", "task", "workflow"})


class Policies:
    """Asks the policies in their order: the first that matches decides. One that cannot be evaluated denies."""

    def __init__(self, policies: Iterable[PolicySettings]) -> None:
        """Compile the expressions.

        Raises:
            ConfigurationError: one of them is wrong.
        """
        self._policies: Sequence[tuple[PolicySettings, Expression]] = [
            (policy, Expression(policy.when, where=f"gateway.security.policies.{policy.name}")) for policy in policies
        ]
        for policy, expression in self._policies:
            _check_names(policy, expression)

    def denial(self, principal: Principal, task: Task, workflow: Mapping[str, Any]) -> str | None:
        """Return why a task is denied to a principal, or None; `workflow` is the active version as it was deployed."""
        if not self._policies:
            return None
        context = {"principal": _described(principal), "task": _task(task), "workflow": workflow}
        for policy, expression in self._policies:
            try:
                matches = expression.evaluate(context)
            except ExpressionError as error:
                return f"the policy {policy.name} cannot be evaluated: {error}"
            if matches is not False:
                allowed = matches is True and policy.effect == "allow"
                return None if allowed else f"the policy {policy.name} denies this: {_reason(policy, matches)}"
        return None


def _reason(policy: PolicySettings, matches: object) -> str:
    return policy.reason if isinstance(matches, bool) else "its expression gives neither true nor false"


def _check_names(policy: PolicySettings, expression: Expression) -> None:
    if strangers := sorted(expression.roots - NAMES):
        known = ", ".join(sorted(NAMES))
        raise ConfigurationError(
            f"gateway.security.policies.{policy.name}: unknown name {strangers[0]}; there are {known}"
        )


def _described(principal: Principal) -> dict[str, Any]:
    return {
        "id": principal.id,
        "kind": principal.kind,
        "tenant": principal.tenant,
        "roles": list(principal.roles),
    }


def _task(task: Task) -> dict[str, Any]:
    """Return the fields of a task that its sender sets; all of them, so that none is missing in an expression."""
    return task.model_dump(mode="json", exclude={"parent", "rejected", "spend_limit"})
