"""`tidewaiter iam render` on a terminal without options: asks what it has to know, and says the command for it."""

import re
import secrets
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click
from click.core import ParameterSource

from tidewaiter.cli.grants import RUNS, TOPOLOGIES
from tidewaiter.iam.formats import FORMATS

_ACCOUNT = re.compile("[0-9]{12}")
_TOPOLOGIES = {
    "single": "in the account that tidewaiter runs in",
    "cross-account": "in one or several other accounts",
    "organization": "in all accounts of an AWS Organization",
    "brokered": "in accounts that an agent near them reads",
}
_RUNS = {
    "user": "with the access key of a user (only where no role can be used)",
    "ec2": "on EC2 instances",
    "ecs": "in ECS tasks",
    "irsa": "in Kubernetes, as a service account with an OIDC provider (IRSA)",
    "pod-identity": "in EKS, with Pod Identity",
    "existing": "as a role or user that is there already",
}


def is_asked(context: click.Context) -> bool:
    """Whether nothing was said, and somebody is there to ask."""
    given = (context.get_parameter_source(name) for name in context.params)
    silent = all(source in (ParameterSource.DEFAULT, None) for source in given)
    return silent and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask() -> dict[str, Any]:
    """The options that the answers mean. stdout stays free for what is rendered."""
    options = {name: value for name, value in _answers() if value not in ("", (), False)}
    click.echo(f"\nThe same again:\n  {_command(options)}\n", err=True)
    return options


def _answers() -> Iterator[tuple[str, Any]]:
    topology = _choose("Where are the registries?", _TOPOLOGIES, TOPOLOGIES)
    yield "topology", topology
    yield "account", _account("The account that tidewaiter runs in")
    runs = _choose("Where does it run?", _RUNS, RUNS)
    yield "runs", runs
    yield from _surroundings(runs)
    if topology in ("cross-account", "brokered"):
        targets = tuple(_accounts("The accounts with registries (several with commas)"))
        yield "target", targets
        yield "external_id", tuple(_external_ids(targets))
    elif topology == "organization":
        yield "management_account", _account("The organization's management account")
    yield "public", _sure("Repositories in ECR Public too?")
    yield "as_", _choose("In which form?", dict.fromkeys(FORMATS, ""), FORMATS)


def _surroundings(runs: str) -> Iterator[tuple[str, Any]]:
    """What the place asks for."""
    if runs == "existing":
        yield "principal_arn", _prompt("Its ARN")
    if runs == "irsa":
        yield "issuer", _prompt("The cluster's OIDC issuer, as oidc.eks.eu-west-1.amazonaws.com/id/…")
    if runs == "pod-identity":
        yield "cluster", _prompt("The name of the cluster")
    if runs in ("irsa", "pod-identity"):
        yield "namespace", _prompt("The namespace", "tidewaiter")
        yield "service_account", _prompt("The service account", "tidewaiter")


def _external_ids(targets: tuple[str, ...]) -> Iterator[str]:
    """One for each account, made here or given: a secret between whoever owns the account and whoever asks."""
    if _sure("Make an external ID for each of them? Good where others than you use what asks.", default=True):
        for target in targets:
            yield f"{target}={secrets.token_hex(16)}"
    elif given := _prompt("The external ID for all of them (empty for none)", ""):
        yield given


def _choose(question: str, meanings: Mapping[str, str], names: tuple[str, ...]) -> str:
    click.echo(f"\n{question}", err=True)
    for number, name in enumerate(names, 1):
        click.echo(f"  {number}  {name}" + (f": {meanings[name]}" if meanings[name] else ""), err=True)
    chosen = click.prompt("Number or name", type=click.Choice([*names, *map(str, range(1, len(names) + 1))]), err=True,
                          show_choices=False)  # fmt: skip
    return names[int(chosen) - 1] if chosen.isdigit() else str(chosen)


def _account(question: str) -> str:
    return next(iter(_accounts(question, most=1)))


def _accounts(question: str, most: int = 0) -> list[str]:
    """Account ids: asked again until they are some."""
    while True:
        given = [each for each in _prompt(question).replace(",", " ").split() if each]
        if given and all(map(_ACCOUNT.fullmatch, given)) and not 0 < most < len(given):
            return given
        click.echo("An account is 12 digits.", err=True)


def _prompt(question: str, default: str | None = None) -> str:
    return str(click.prompt(question, default=default, err=True)).strip()


def _sure(question: str, *, default: bool = False) -> bool:
    return click.confirm(question, default=default, err=True)


def _command(options: Mapping[str, Any]) -> str:
    words = ["tidewaiter", "iam", "render"]
    for name, value in options.items():
        option = f"--{name.rstrip('_').replace('_', '-')}"
        if value is True:
            words.append(option)
        else:
            words += [word for each in (value if isinstance(value, tuple) else (value,)) for word in (option, each)]
    return shlex.join(words)
