"""Policies: expressions of the configuration by which tasks that roles alone would allow are denied, or approved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.errors import ConfigurationError, ExpressionError
from app.expressions.expression import Expression
from app.security.principal import Principal
from app.settings import PolicySettings
from topics.tasks import Approval, Task

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

    def approval(self, principal: Principal, task: Task, workflow: Mapping[str, Any]) -> Approval | None:
        """Return the approval that a task needs, None if it needs none; `workflow` is the active version as deployed.

        Raises:
            PolicyDenied: a policy denies it to the principal.
        """
        if not self._policies:
            return None
        context = {"principal": _described(principal), "task": _task(task), "workflow": workflow}
        for policy, expression in self._policies:
            try:
                matches = expression.evaluate(context)
            except ExpressionError as error:
                raise PolicyDenied(f"the policy {policy.name} cannot be evaluated: {error}") from None
            if matches is not False:
                return _effect(policy, matches, principal)
        return None


class PolicyDenied(Exception):
    """A policy denies a task; the message says which, and why."""


def _effect(policy: PolicySettings, matches: object, principal: Principal) -> Approval | None:
    if matches is True and policy.effect == "allow":
        return None
    if matches is True and policy.effect == "require_approval":
        by = principal.id if principal.kind in {"api_key", "token"} else ""  # others cannot be told apart
        return Approval(policy=policy.name, reason=policy.reason, requested_by=by, seconds=policy.approval_timeout)
    raise PolicyDenied(f"the policy {policy.name} denies this: {_reason(policy, matches)}")


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
    return task.model_dump(mode="json", exclude={"parent", "rejected", "spend_limit", "approval"})
