"""A gate of the simulated cloud that lets everybody in, but for what it is told to refuse."""

from dataclasses import dataclass, field

from tidewaiter.simulator.service import Caller, ServiceError

ACCOUNT = "123456789012"
READER = Caller(
    account=ACCOUNT,
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/session",
    principal=f"arn:aws:iam::{ACCOUNT}:role/teams/reader",
    user_id="AROASIMULATED:session",
)
STRANGER = Caller(
    account="999999999999",
    arn="arn:aws:iam::999999999999:user/stranger",
    principal="arn:aws:iam::999999999999:user/stranger",
    user_id="AIDASIMULATED",
)


@dataclass
class OpenGate:
    """Notes the actions it was asked for, with their resources."""

    refused: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def admit(self, caller: Caller, region: str, action: str, resource: str) -> None:
        assert region, "a call is made somewhere"
        self.asked.append((action, resource))
        if action in self.refused:
            raise ServiceError("AccessDeniedException", f"User: {caller.arn} is not authorized to perform: {action}")
