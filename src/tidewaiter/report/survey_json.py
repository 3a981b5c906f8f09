"""What a run would look at, as JSON.

The keys are defined, with their meaning, in `model/fleet_document.py`.
"""

from tidewaiter.model.fleet import FleetImage, FleetReport
from tidewaiter.model.fleet_document import SURVEY, SurveyDocument, SurveyImageEntry
from tidewaiter.report.encoding import indented
from tidewaiter.report.fleet_json import account_entry, identity_entry


def render(survey: FleetReport) -> str:
    """The survey as `tidewaiter/survey/1`."""
    run = survey.run
    return indented(
        SurveyDocument(
            schema=SURVEY,
            command=run.command,
            listed=run.started,
            identity=identity_entry(run.identity) if run.identity else None,
            accounts=tuple(map(account_entry, survey.accounts)),
            images=tuple(map(_image, survey.images)),
        )
    )


def _image(image: FleetImage) -> SurveyImageEntry:
    return SurveyImageEntry(
        reference=image.reference,
        account=image.registry.account,
        region=image.registry.region,
        registry=image.registry.host,
        repository=image.repository,
        digest=str(image.digest),
        tags=image.tags,
        kind=image.kind,
        state=image.outcome.state,
        why=image.outcome.why,
        detail=image.outcome.detail,
        pushed=image.pushed,
        pulled=image.pulled,
        size=image.size,
    )
