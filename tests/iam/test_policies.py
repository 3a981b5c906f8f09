"""The documents of a blueprint as files: a linter of policies finds nothing in them, and words say what to do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from linters import Finding, parliament
from tidewaiter.iam.blueprint import Blueprint
from tidewaiter.iam.policies import render
from tidewaiter.iam.topologies import blueprint
from tidewaiter.iam.wishes import Runs, Topology
from topology_samples import GRANTS, wished

EVERYWHERE = {"exclusion_regions": ("eu-west-1", "us-east-1"), "events_regions": ("eu-west-1",)}
KNOWN = {
    "UNKNOWN_ACTION": "ecr:ListPullTimeUpdateExclusions",  # newer than the linter
    "INVALID_ARN": "Account expected to be of form like 123456789012",  # policies of AWS' own lie in the account `aws`
    "RESOURCE_STAR": "ecr-public:DescribeRegistries",  # it lists the account's one registry, and takes no other
    "UNKNOWN_FEDERATION_SOURCE": "oidc-provider/",  # the linter knows SAML providers only
    "UNKNOWN_CONDITION_FOR_ACTION": "oidc.eks.",  # the claims of a token are keys by the provider's name
}


def every() -> Iterator[Blueprint]:
    for topology in Topology:
        for runs in Runs:
            for grants in GRANTS.values():
                yield blueprint(wished(topology, runs, grants=grants, **EVERYWHERE))
                yield blueprint(wished(topology, runs, grants=grants, repositories=("team/*", "base")))


def lintable(text: str) -> str:
    """The document; a trust policy with the role as its resource, for the linter wants one everywhere."""
    document = json.loads(text)
    for statement in document["Statement"]:
        statement.setdefault("Resource", "arn:aws:iam::111111111111:role/tidewaiter")
    return json.dumps(document, indent=2)


def is_known(finding: Finding) -> bool:
    return finding.kind in KNOWN and KNOWN[finding.kind] in finding.detail


def test_a_linter_finds_nothing_in_any_document(tmp_path: Path) -> None:
    texts = {file.text for found in every() for file in render(found) if file.name.endswith(".json")}
    for number, text in enumerate(sorted(texts)):
        (tmp_path / f"{number}.json").write_text(lintable(text))
    found = parliament(tmp_path)
    assert [(each.kind, each.detail, (tmp_path / each.file).read_text()) for each in found if not is_known(each)] == []
    assert {each.kind for each in found} == set(KNOWN), "a finding that no more comes need not be known"


def test_the_linter_would_find_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text(lintable('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}'))
    assert [each.kind for each in parliament(tmp_path)] == ["MALFORMED"]


@pytest.mark.parametrize("topology", Topology)
def test_files_have_names_of_their_own_and_stand_in_the_order_of_their_parts(topology: Topology) -> None:
    found = blueprint(wished(topology, Runs.EC2, **EVERYWHERE))
    files = render(found)
    assert len({file.name for file in files}) == len(files)
    assert all(file.name.startswith(f"{file.part}-") for file in files[:-1])
    assert (files[-1].name, files[-1].part) == ("notes.md", "notes")
    assert list(dict.fromkeys(file.part for file in files[:-1])) == [
        part.name for part in found.parts if not part.name.startswith("pull-time")
    ]


@pytest.mark.parametrize("runs", Runs)
@pytest.mark.parametrize("topology", Topology)
def test_the_notes_name_every_file_and_every_note(topology: Topology, runs: Runs) -> None:
    found = blueprint(wished(topology, runs, repositories=("team/*",), **EVERYWHERE))
    *documents, notes = render(found)
    assert [file.name for file in documents if f"`{file.name}`" not in notes.text] == []
    told = [note for part in found.parts for note in part.notes] + list(found.notes)
    assert [note for note in told if note not in notes.text] == []


def test_the_notes_say_what_has_no_document() -> None:
    def notes(runs: Runs) -> str:
        return render(blueprint(wished(Topology.ORGANIZATION, runs, **EVERYWHERE)))[-1].text

    assert "Make the instance profile `tidewaiter` for the role `tidewaiter`." in notes(Runs.EC2)
    assert "Make the identity provider `https://oidc.eks." in notes(Runs.IRSA)
    assert "of the cluster `tools`, with session tags disabled." in notes(Runs.POD_IDENTITY)
    assert "Make the user `tidewaiter`, with `base-" in notes(Runs.USER)
    assert "` to `arn:aws:iam::111111111111:user/ops/scanner`." in notes(Runs.EXISTING)
    excluded = "`ecr:RegisterPullTimeUpdateExclusion` for `arn:aws:iam::ACCOUNT:role/tidewaiter-member`"
    assert f"In eu-west-1 and us-east-1 call {excluded}." in notes(Runs.ECS)
    assert "EventBridge rule `tidewaiter-pushes`" in notes(Runs.ECS)
