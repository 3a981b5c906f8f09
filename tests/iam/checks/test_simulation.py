import pytest

from fakes.chains import FakeAws
from tidewaiter.iam.checks.simulation import explained
from tidewaiter.model.diagnosis import Remedy

ROLE = "arn:aws:iam::111111111111:role/reader"
REMEDY = Remedy(principal=ROLE, action="ecr:BatchGetImage", resource="arn:aws:ecr:eu-west-1:1:repository/app")


def asked(result: dict[str, object], remedy: Remedy = REMEDY) -> str:
    aws = FakeAws(answers={("iam:SimulatePrincipalPolicy",): [{"EvaluationResults": [result]}]})
    return explained(aws.chain(), ROLE, remedy)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"EvalDecision": "implicitDeny"}, "none of its own policies allows it"),
        ({"EvalDecision": "explicitDeny"}, "one of its own policies denies it"),
        ({"EvalDecision": "allowed"}, "refused at the other end, or above"),
        (
            {"EvalDecision": "implicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            "service control policy does not allow it",
        ),
        (
            {
                "EvalDecision": "implicitDeny",
                "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
            },
            "permissions boundary does not allow it",
        ),
    ],
)
def test_the_simulators_word_is_passed_on(result: dict[str, object], words: str) -> None:
    assert words in asked(result)


def test_where_aws_has_told_the_reason_nobody_is_asked() -> None:
    aws = FakeAws()
    told = Remedy(principal=ROLE, action="a:B", resource="*", reason="no identity policy allows it")
    assert explained(aws.chain(), ROLE, told) == ""
    assert aws.asked == []


def test_where_it_may_not_be_asked_nothing_is_said() -> None:
    aws = FakeAws()
    aws.refuse(action="iam:SimulatePrincipalPolicy")
    assert explained(aws.chain(), ROLE, REMEDY) == ""


def test_an_answer_without_results_says_nothing() -> None:
    assert explained(FakeAws().chain(), ROLE, REMEDY) == ""
