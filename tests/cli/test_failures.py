"""What a failure becomes in a report."""

import pytest

from tidewaiter.cli.failures import failed
from tidewaiter.errors import CloudDeniedError, LimitError, MalformedError, RegistryError, SourceError, UsageError
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.image import ImageIdentity

IMAGE = ImageIdentity(reference="registry.example/app:1")


def gap(error: Exception) -> Gap:
    (only,) = failed(IMAGE, error).gaps
    return only


@pytest.mark.parametrize(
    ("error", "stage", "why"),
    [
        (CloudDeniedError("no"), Stage.REGISTRY, Why.DENIED),
        (LimitError("much", limit="layers"), Stage.IMAGE, Why.LIMIT),
        (UsageError("odd"), Stage.SOURCE, Why.NOT_AN_IMAGE),
        (PermissionError(13, "Permission denied", "/root/app.tar"), Stage.SOURCE, Why.DENIED),
        (OSError(5, "Input/output error", "/dev/sr0"), Stage.SOURCE, Why.NOT_AN_IMAGE),
        (KeyError("a mistake"), Stage.IMAGE, Why.UNSUPPORTED),
    ],
)
def test_every_failure_is_a_gap_that_leaves_the_scan_incomplete(error: Exception, stage: Stage, why: Why) -> None:
    found = gap(error)
    assert (found.stage, found.why, found.subject) == (stage, why, "registry.example/app:1")
    assert found.wide
    assert found.detail


def test_what_may_not_be_read_is_denied_whoever_noticed() -> None:
    error = SourceError("it cannot be read", where="app.tar")
    error.__cause__ = PermissionError(13, "Permission denied")
    assert gap(error).why is Why.DENIED


def test_a_ceiling_that_can_be_set_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert gap(LimitError("it has 2 layers, more than 1", limit="layers")).detail.endswith("with --limit layers=…")
    assert "--limit" not in gap(LimitError("too large", limit="sbom")).detail
    assert gap(LimitError("many", limit="images", advice="Name one.")).detail == "many. Name one."


def test_the_message_names_the_target_once_and_the_gap_does_not_repeat_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert gap(MalformedError("it is cut off", where=IMAGE.reference)).detail == "it is cut off"
    assert gap(RegistryError("no answer", where="registry.example:443")).detail == "registry.example:443: no answer"
    assert capsys.readouterr().err.splitlines() == [
        "tidewaiter: registry.example/app:1: it is cut off",
        "tidewaiter: registry.example/app:1: registry.example:443: no answer",
    ]


def test_a_mistake_of_the_program_asks_to_be_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert gap(ZeroDivisionError("by zero")).detail == (
        "an error of tidewaiter itself: ZeroDivisionError: by zero. Please report it."
    )
    assert "please report it" in capsys.readouterr().err


def test_a_bare_word_may_have_been_meant_as_a_file() -> None:
    error = RegistryError("there is no host of this name", where="registry-1.docker.io", advice="Check the network.")
    (bare,) = failed(ImageIdentity(reference="imagetar"), error).gaps
    assert bare.detail.endswith("Check the network. If a file or folder was meant: there is none of this name.")
    assert bare.why is Why.UNREACHABLE
    assert "file or folder" not in gap(error).detail
