"""`tidewaiter iam`: what an operator is given to paste, and what is told of what was pasted."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from command_lines import Ran
from tidewaiter.aws.permissions import PERMISSIONS, Feature, Holder
from tidewaiter.simulator.aws import SimulatedAws
from tidewaiter.simulator.keys import Keys
from tidewaiter.simulator.policies import allowing, trusting

Run = Callable[..., Ran]
SignIn = Callable[[Keys], None]

SINGLE = ("iam", "render", "--topology", "single", "--account", "111122223333")
TARGETS = ("iam", "render", "--topology", "cross-account", "--account", "111122223333", "--target", "222233334444")
READING = sorted(
    {
        each.action
        for each in PERMISSIONS
        if each.held_by is Holder.REGISTRY and each.feature not in (Feature.PUBLIC, Feature.DOCTOR)
    }
)


def actions(text: str) -> set[str]:
    """The actions of a policy document."""
    found = (statement["Action"] for statement in json.loads(text)["Statement"])
    return {action for each in found for action in (each if isinstance(each, list) else [each])}


def parts(out: str) -> dict[str, str]:
    """The documents of what is printed together, by name."""
    pieces = ("\n" + out).split("\n# ")[1:]
    files = {piece.partition(" ")[0]: piece.partition("\n\n")[2] for piece in pieces}
    return {name: text for name, text in files.items() if name.endswith(".json")}


# Render


def test_documents_stand_after_each_other_each_named_and_allow_what_the_table_says(tidewaiter: Run) -> None:
    done = tidewaiter(*SINGLE)
    assert (done.code, done.err) == (0, "")
    files = parts(done.out)
    granted = [text for name, text in files.items() if not name.endswith("-trust.json")]
    assert set().union(*map(actions, granted)) == set(READING)


def test_one_document_is_printed_as_it_is(tidewaiter: Run) -> None:
    name = next(name for name in parts(tidewaiter(*SINGLE).out) if name.endswith("-trust.json"))
    assert actions(tidewaiter(*SINGLE, "--document", name).out) == {"sts:AssumeRole"}


def test_only_what_is_asked_for_is_granted(tidewaiter: Run) -> None:
    less = tidewaiter(*SINGLE, "--no-docker", "--no-regions").out
    assert "ecr:GetAuthorizationToken" not in less
    assert "ec2:DescribeRegions" not in less
    more = tidewaiter(*SINGLE, "--public", "--for-doctor").out
    assert "ecr-public:DescribeRepositories" in more
    assert "iam:GetRole" in more
    assert "repository/team/*" in tidewaiter(*SINGLE, "--repository", "team/*").out


def test_external_ids_are_for_all_targets_or_for_one(tidewaiter: Run) -> None:
    more = ("--target", "333344445555", "--external-id", "common", "--external-id", "333344445555=own-one")
    files = parts(tidewaiter(*TARGETS, *more).out)
    trusts = {name: text for name, text in files.items() if name.endswith("-trust.json") and "target" in name}
    (first,) = (text for name, text in trusts.items() if "222233334444" in name)
    (second,) = (text for name, text in trusts.items() if "333344445555" in name)
    assert "common" in first
    assert "own-one" not in first
    assert '"common",' in second
    assert "own-one" in second


@pytest.mark.parametrize(("form", "ending"), [("cloudformation", "yaml"), ("terraform", "tf"), ("aws-cli", "sh")])
def test_each_form_is_written_into_a_folder_a_file_each(tidewaiter: Run, alone: Path, form: str, ending: str) -> None:
    done = tidewaiter(*TARGETS, "--as", form, "--output-dir", "put/up")
    assert (done.code, done.out) == (0, "")
    folder = alone / "put" / "up"
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert {name.rpartition(".")[2] for name in written} == {ending}
    assert len(written) == 2
    assert all(name in done.err for name in written)


def test_the_same_options_give_the_same_bytes(tidewaiter: Run) -> None:
    assert tidewaiter(*TARGETS, "--as", "terraform").out == tidewaiter(*TARGETS, "--as", "terraform").out


@pytest.mark.parametrize("name", ["snyk", "sysdig"])
def test_what_others_ask_for_is_shown_with_notes(tidewaiter: Run, name: str) -> None:
    done = tidewaiter("iam", "render", "--reference", name)
    assert done.code == 0
    assert '"sts:AssumeRole"' in done.out
    for heading in ("Needless, and why", "Missing"):
        assert f"\n{heading}\n- " in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--topology", "single"), "--account is needed"),
        (("--account", "111122223333"), "--topology is needed. It is one of single, cross-account"),
        ((*SINGLE[2:], "--part", "nose"), "--part: there is no such part. There are base"),
        ((*SINGLE[2:], "--document", "nose"), "--document: there is no such document. There are base-"),
        ((*SINGLE[2:], "--external-id", "abc"), "--external-id belongs to a --target, and there is none"),
        ((*TARGETS[2:], "--external-id", "999999999999=abc"), "--external-id names 999999999999"),
        (("--topology", "single", "--account", "12"), "12"),
    ],
)
def test_what_cannot_be_rendered_is_refused_by_name(tidewaiter: Run, arguments: tuple[str, ...], said: str) -> None:
    done = tidewaiter("iam", "render", *arguments)
    assert (done.code, done.out) == (3, "")
    assert said in done.err


def test_without_anything_on_a_pipe_it_says_what_is_missing(tidewaiter: Run) -> None:
    assert "--topology is needed" in tidewaiter("iam", "render").err


def test_on_a_terminal_it_asks_and_says_the_command_that_gives_the_same(tidewaiter: Run, alone: Path) -> None:
    answers = "cross-account\n111122223333\nec2\n12\n222233334444\ny\nn\n1\n"
    out, said = _typed(answers)
    assert "An account is 12 digits." in said
    line = next(line.strip() for line in said.splitlines() if line.strip().startswith("tidewaiter iam render"))
    assert "--external-id 222233334444=" in line
    again = tidewaiter(*line.split()[1:])
    assert again.out == out.replace("\r\n", "\n")
    assert json.loads(next(iter(parts(again.out).values())))


def _typed(answers: str) -> tuple[str, str]:
    """What the wizard writes to stdout, and what it says on the terminal, for these lines typed into it."""
    main, terminal = pty.openpty()
    command = [sys.executable, "-c", "from tidewaiter.cli.main import main; main()", "iam", "render"]
    with subprocess.Popen(command, stdin=terminal, stderr=terminal, stdout=subprocess.PIPE) as process:
        os.close(terminal)
        os.write(main, answers.encode())
        assert process.stdout is not None
        out = process.stdout.read().decode()
        said = b""
        try:
            while piece := os.read(main, 1 << 16):
                said += piece
        except OSError:  # how a terminal ends that nobody holds any more
            pass
    os.close(main)
    assert process.returncode == 0, said.decode()
    return out, said.decode()


# Doctor


@pytest.fixture
def reader(aws: SimulatedAws, sign_in: SignIn) -> str:
    """A role in another account that reads registries, and a signed-in user who may take it with an external ID."""
    home, shop = aws.account("home"), aws.account("shop", regions=("eu-west-1",), outside=True)
    user = home.user("tidewaiter", policy=allowing("sts:AssumeRole"))
    sign_in(user)
    return shop.role(
        "reader", trust=trusting(home.arn("user/tidewaiter"), external_id="agreed-upon"), policy=allowing(*READING)
    )


def test_what_works_is_said_to_be_right(tidewaiter: Run, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_IAM_DOCTOR_EXTERNAL_ID", "agreed-upon")
    done = tidewaiter("iam", "doctor", "--role-arn", reader, "--format", "json")
    wrong = [check for check in done.json["checks"] if check["health"] in ("wrong", "wide") and check["counts"]]
    assert wrong == []
    assert done.json["schema"] == "tidewaiter/diagnosis/1"
    assert "agreed-upon" not in done.out + done.err


def test_a_wrong_external_id_is_told_with_the_trust_policy_that_would_help(
    tidewaiter: Run, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWAITER_IAM_DOCTOR_EXTERNAL_ID", "another-one")
    done = tidewaiter("iam", "doctor", "--role-arn", reader, "--region", "eu-west-1")
    assert done.code == 2
    assert f"trust policy of {reader}" in " ".join(done.out.split())
    assert "another-one" not in done.out + done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--role-arn", "arn:aws:iam::111122223333:role/x", "--ou", "A"),
            "--role-arn is about accounts, and --ou about",
        ),
        (("--organization", "--external-id", "aa", "--external-id", "bb"), "share one --external-id"),
        (("--external-id", "aa"), "--external-id belongs to a --role-arn"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tidewaiter: Run, options: tuple[str, ...], said: str) -> None:
    done = tidewaiter("iam", "doctor", *options)
    assert (done.code, done.out) == (3, "")
    assert said in done.err


def test_without_credentials_that_work_it_says_so_and_nothing_else(
    tidewaiter: Run, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    done = tidewaiter("iam", "doctor", "--format", "json")
    assert done.code == 2
    assert done.json["identity"] is None
    assert [(check["topic"], check["health"]) for check in done.json["checks"]] == [("credentials", "wrong")]
