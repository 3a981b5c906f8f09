"""A diagnosis as JSON, in keys that stay: `model/diagnosis_document.py` defines them."""

from tidewaiter.model.cloud import Registry
from tidewaiter.model.diagnosis import Check, Diagnosis
from tidewaiter.model.diagnosis_document import DIAGNOSIS, CheckEntry, DiagnosisDocument, FoundRegistryEntry
from tidewaiter.report.encoding import indented
from tidewaiter.report.fleet_json import identity_entry


def render(diagnosis: Diagnosis) -> str:
    """The diagnosis as `tidewaiter/diagnosis/1`."""
    return indented(
        DiagnosisDocument(
            schema=DIAGNOSIS,
            command=diagnosis.command,
            started=diagnosis.started.isoformat(),
            finished=diagnosis.finished.isoformat(),
            healthy=diagnosis.healthy,
            identity=identity_entry(diagnosis.identity) if diagnosis.identity else None,
            checks=tuple(map(_check, diagnosis.checks)),
            registries=tuple(_registry(registry, count) for registry, count in diagnosis.registries),
        )
    )


def _check(check: Check) -> CheckEntry:
    return CheckEntry(
        account=check.account,
        region=check.region,
        topic=check.topic,
        health=check.health,
        says=check.says,
        principal=check.principal,
        action=check.action,
        resource=check.resource,
        statement=check.statement,
        document=check.document,
        advice=check.advice,
        counts=check.counts,
    )


def _registry(registry: Registry, repositories: int) -> FoundRegistryEntry:
    return FoundRegistryEntry(
        host=registry.host,
        account=registry.account,
        region=registry.region,
        public=registry.public,
        repositories=repositories,
    )
