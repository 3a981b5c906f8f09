"""Which licence texts are SPDX expressions; cyclonedx-python-lib's list is the judge of ours."""

import json
from importlib.resources import files

import pytest

from tidewaiter.report.licenses import is_expression, is_identifier


def test_the_identifiers_are_those_of_the_official_list() -> None:
    schema = files("cyclonedx.schema._res").joinpath("spdx.SNAPSHOT.schema.json").read_text(encoding="utf-8")
    official = set(json.loads(schema)["enum"])
    known = {each for each in official if is_identifier(each) or is_expression(f"MIT WITH {each}")}
    assert len(known) > 700
    assert known == official, "a newer list: add what is missing"


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "GPL-2.0+",
        "Apache-2.0+",
        "MIT AND BSD-3-Clause",
        "(MIT OR Apache-2.0) AND (Zlib OR (ISC AND 0BSD))",
        "GPL-2.0-only WITH Classpath-exception-2.0 OR MIT",
        "LicenseRef-of-mine",
        "DocumentRef-other:LicenseRef-of-theirs",
        "((MIT))",
    ],
)
def test_expressions(text: str) -> None:
    assert is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "GPLv2+",
        "mit",
        "MIT AND",
        "AND MIT",
        "MIT MIT",
        "MIT and Zlib",
        "(MIT",
        "MIT)",
        ")MIT(",
        "()",
        "MIT WITH Zlib",
        "MIT WITH",
        "(MIT) WITH Classpath-exception-2.0",
        "Classpath-exception-2.0",
        "LicenseRef-",
        "MIT / X11",
    ],
)
def test_no_expressions(text: str) -> None:
    assert not is_expression(text)
