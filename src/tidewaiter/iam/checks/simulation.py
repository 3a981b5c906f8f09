"""What IAM's own simulator says of a refusal, where it may be asked: it explains, and proves nothing.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

import msgspec

from tidewaiter.aws.answers import typed
from tidewaiter.aws.principal import Principal
from tidewaiter.errors import TidewaiterError
from tidewaiter.iam.checks.own_role import home
from tidewaiter.model.diagnosis import Remedy

_ACTION = "iam:SimulatePrincipalPolicy"


class _Organizations(msgspec.Struct, frozen=True, rename="pascal"):
    allowed_by_organizations: bool = True


class _Boundary(msgspec.Struct, frozen=True, rename="pascal"):
    allowed_by_permissions_boundary: bool = True


class _Result(msgspec.Struct, frozen=True, rename="pascal"):
    eval_decision: str
    organizations_decision_detail: _Organizations = _Organizations()
    permissions_boundary_decision_detail: _Boundary = _Boundary()


class _Results(msgspec.Struct, frozen=True, rename="pascal"):
    evaluation_results: tuple[_Result, ...] = ()


def explained(chain: Principal, principal: str, remedy: Remedy) -> str:
    """Which kind of policy refused, in a phrase; "" where AWS has said so, or the simulator may not be asked."""
    if remedy.reason:
        return ""
    asked = {"PolicySourceArn": principal, "ActionNames": [remedy.action], "ResourceArns": [remedy.resource]}
    try:
        answer = chain.call("iam", home(principal), _ACTION, asked, resource=principal)
        results = typed(answer, _Results, action=_ACTION).evaluation_results
    except TidewaiterError:
        return ""
    return _phrase(results[0]) if results else ""


def _phrase(result: _Result) -> str:
    if not result.organizations_decision_detail.allowed_by_organizations:
        return "IAM's simulator says that a service control policy does not allow it"
    if not result.permissions_boundary_decision_detail.allowed_by_permissions_boundary:
        return "IAM's simulator says that its permissions boundary does not allow it"
    match result.eval_decision:
        case "allowed":
            return "IAM's simulator says that its own policies allow it: it is refused at the other end, or above"
        case "explicitDeny":
            return "IAM's simulator says that one of its own policies denies it"
        case _:
            return "IAM's simulator says that none of its own policies allows it"
