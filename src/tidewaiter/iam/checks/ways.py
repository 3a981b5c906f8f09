"""How somebody comes into an account: who asks, which role is taken, and as whom what is read there."""

from dataclasses import dataclass
from typing import Self

from tidewaiter.aws import hosts
from tidewaiter.aws.chain import Chain
from tidewaiter.aws.denials import role_of
from tidewaiter.aws.permissions import Feature, Holder, session_policy
from tidewaiter.model.cloud import Account, Identity, RoleHop


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """A way into an account.

    `asker` takes the role of `hop`; without one it is in the account itself. `reader` asks as scans do; `doctor` asks
    what no scan asks. Both are sessions that may do nothing else, and of the same role. `holders` are the parts that
    the role plays. `kin`: the asker is of the same organization.
    """

    account: Account
    asker: Chain
    hop: RoleHop | None
    reader: Chain
    doctor: Chain
    holders: frozenset[Holder]
    kin: bool = False

    @classmethod
    def into(
        cls, account: Account, asker: Chain, hop: RoleHop | None, *, holders: frozenset[Holder], kin: bool = False
    ) -> Self:
        """The way of a role that reads registries, or of who asks itself. Raises UsageError for an impossible hop."""
        if hop is None:
            return cls(account=account, asker=asker, hop=None, reader=asker, doctor=asker, holders=holders, kin=kin)
        partition = hosts.parse_arn(hop.role_arn).partition
        return cls(
            account=account,
            asker=asker,
            hop=hop,
            reader=asker.then(hop, policy=session_policy(partition)),
            doctor=asker.then(hop, policy=session_policy(partition, (Feature.DOCTOR,))),
            holders=holders,
            kin=kin,
        )

    @property
    def identity(self) -> Identity:
        """Who reads. Raises CloudError where the role could not be taken."""
        return self.reader.identity()

    @property
    def principal(self) -> str:
        """The ARN of the role, or of the user, that reads: as policies name it."""
        return self.hop.role_arn if self.hop else role_of(self.identity.arn)
