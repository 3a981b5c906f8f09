"""Every line of the published test vectors, where they lie beside the checkout."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import InvalidVersion, Version

from tidewaiter.versions import VersionError, compare
from version_lines import relation, relation_of_keys, statements

_FILES = {
    "alpine-versions.txt": "apk",
    "alpine-versions-generated.txt": "apk",
    "apk_univers.txt": "apk",
    "apk_version.data": "apk",
    "debian-versions.txt": "deb",
    "debian-versions-generated.txt": "deb",
    "redhat-versions.txt": "rpm",
    "maven-versions.txt": "maven",
    "maven-versions-generated.txt": "maven",
    "nuget-versions.txt": "nuget",
    "packagist-versions.txt": "composer",
    "packagist-versions-generated.txt": "composer",
    "pypi-versions.txt": "pep440",
    "pypi-versions-generated.txt": "pep440",
    "rubygems-versions.txt": "gem",
    "rubygems-versions-generated.txt": "gem",
    "semver-versions.txt": "semver",
}
_WITHOUT_A_SCHEME = {"cran", "hackage", "pub", "univers_openssl.json"}

# What apk-tools 2 and 3 both call invalid: capitals, two letters, an unknown suffix, a hyphen but for a last `-rN`.
_NO_APK = re.compile(r"[A-Z]|[0-9][a-z]{2}|_(?!(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)(?![a-z]))|-(?!r[0-9]*\Z)")


def _is_no_pep440(version: str) -> bool:
    try:
        Version(version)
    except InvalidVersion:
        return True
    return False


_MAY_BE_REFUSED: dict[str, Callable[[str], bool]] = {
    "apk": lambda version: bool(_NO_APK.search(version)),
    "composer": lambda version: version.startswith("dev-"),  # a branch
    "pep440": _is_no_pep440,  # legacy versions, from before PEP 440
}


def _never(_version: str) -> bool:
    return False


@pytest.mark.parametrize("name", sorted(_FILES))
def test_every_line_that_the_scheme_calls_valid_holds(shared: Path, name: str) -> None:
    scheme = _FILES[name]
    may_be_refused = _MAY_BE_REFUSED.get(scheme, _never)
    lines = statements((shared / "advisories" / "version-vectors" / name).read_text(encoding="utf-8"))
    wrong, judged = [], 0
    for line in lines:
        try:
            found = relation(scheme, line.left, line.right)
        except VersionError:
            wrong += [] if may_be_refused(line.left) or may_be_refused(line.right) else [f"{line}: refused"]
            continue
        judged += 1
        wrong += [] if found == line.relation else [f"{line}: {found}"]
    assert not wrong
    assert judged > len(lines) / 2


# Beside this line the file says `2.9.0 < 2.9.0-1`, and of other versions that `n.RC1 < n`: together a circle.
_MAVENS_CIRCLES = {"2.9.0-1 < 2.9.0.RC1"}


@pytest.mark.parametrize("name", sorted(_FILES))
def test_keys_hold_to_the_lines_too(shared: Path, name: str) -> None:
    scheme = _FILES[name]
    wrong = []
    for line in statements((shared / "advisories" / "version-vectors" / name).read_text(encoding="utf-8")):
        try:
            found = relation_of_keys(scheme, line.left, line.right)
        except VersionError:
            continue
        wrong += [] if found == line.relation or str(line) in _MAVENS_CIRCLES else [f"{line}: {found}"]
    assert not wrong


def test_univers_statements_on_nuget_hold(shared: Path) -> None:
    cases = json.loads((shared / "advisories" / "version-vectors" / "univers_nuget.json").read_bytes())
    assert cases
    for case in cases:
        left, right = case["input"]["versions"]
        if case["test_type"] == "equality":
            assert (compare("nuget", left, right) == 0) == case["expected_output"], case
        else:
            lowest, highest = case["expected_output"]
            assert compare("nuget", lowest, highest) < 0, case
            assert {relation("nuget", left, lowest), relation("nuget", left, highest)} >= {"="}, case


def test_every_file_of_vectors_has_a_scheme_or_needs_none(shared: Path) -> None:
    names = {path.name for path in (shared / "advisories" / "version-vectors").iterdir()}
    left = names - _FILES.keys() - {"univers_nuget.json"}
    assert {name if name.endswith(".json") else name.split("-")[0] for name in left} <= _WITHOUT_A_SCHEME
