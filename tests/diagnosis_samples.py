"""Diagnoses to draw and write: a healthy one, and one with something of everything."""

from dataclasses import replace
from datetime import UTC, datetime

from fleet_samples import PAYER_IRELAND, SHOP_IRELAND, SHOP_VIRGINIA
from tidewaiter.model.cloud import Identity, RoleHop
from tidewaiter.model.diagnosis import Check, Diagnosis, Health, Topic

READER = "arn:aws:iam::222233334444:role/tidewaiter"
IDENTITY = Identity(
    arn="arn:aws:iam::111122223333:user/tidewaiter",
    account="111122223333",
    partition="aws",
    provider="environment keys",
    hops=(RoleHop(role_arn=READER, external_id="secret-of-the-trust"),),
)
_RIGHT = (
    Check(topic=Topic.CREDENTIALS, health=Health.RIGHT, says="environment keys answered."),
    Check(topic=Topic.CLOCK, health=Health.RIGHT, says="The clock is 0 s from that of AWS."),
    Check(account="222233334444", topic=Topic.ROLE, health=Health.RIGHT, says=f"{READER} was taken."),
    Check(account="222233334444", topic=Topic.TRUST, health=Health.RIGHT, says="It asks for an external ID."),
    *(
        Check(account="222233334444", region=region, topic=topic, health=Health.RIGHT, says="It works.")
        for region in ("eu-west-1", "us-east-1")
        for topic in (Topic.LISTING, Topic.PULLING)
    ),
)


def _refused(region: str) -> Check:
    resource = f"arn:aws:ecr:{region}:222233334444:repository/*"
    return Check(
        account="222233334444",
        region=region,
        topic=Topic.PULLING,
        health=Health.WRONG,
        says=f"{READER} may not do ecr:BatchGetImage on {resource}: no identity policy allows it.",
        principal=READER,
        action="ecr:BatchGetImage",
        resource=resource,
        statement=f'{{"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "{resource}"}}',
        document=f"identity policy of {READER}",
    )


HEALTHY = Diagnosis(
    command="tidewaiter iam doctor --role-arn " + READER,
    started=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    finished=datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC),
    identity=IDENTITY,
    checks=_RIGHT,
    registries=((SHOP_IRELAND, 1_204), (SHOP_VIRGINIA, 0), (PAYER_IRELAND, 0)),
)
AILING = replace(
    HEALTHY,
    checks=(
        *_RIGHT,
        _refused("eu-west-1"),
        _refused("us-east-1"),
        Check(
            account="222233334444",
            topic=Topic.TRUST,
            health=Health.WIDE,
            says=f"{READER} can be taken without an external ID.",
            advice="Add a condition on sts:ExternalId to its trust policy | or *none*.",
        ),
        Check(
            account="222233334444",
            region="eu-west-1",
            topic=Topic.PULL_TIME,
            health=Health.UNKNOWN,
            says="Whether pulls move the pull time could not be read.",
        ),
        Check(
            account="222233334444",
            topic=Topic.REGIONS,
            health=Health.POORER,
            says="The enabled regions could not be listed: all that are known were tried.\x1b[2J",
        ),
    ),
    registries=(),
)
NOTHING = Diagnosis(
    command="tidewaiter iam doctor", started=HEALTHY.started, finished=HEALTHY.finished, identity=None, checks=()
)
