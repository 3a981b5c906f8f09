import json
from pathlib import Path

import pytest

from tidewaiter.broker.paths import canonical
from tidewaiter.broker.rules import Rule, Rules
from tidewaiter.broker.rules_file import parse_rules, read_rules
from tidewaiter.errors import UsageError


def _rules(*private: object, public: tuple[object, ...] = ()) -> Rules:
    return parse_rules(json.dumps({"public": public, "private": private}).encode(), where="accept.json")


def _entry(**members: object) -> dict[str, object]:
    return {"method": "GET", "path": "/a", "origin": "http://a.example", **members}


def test_a_file_of_the_references_format_is_read(tmp_path: Path) -> None:
    file = tmp_path / "accept.json"
    file.write_text(
        """{"//": "what may pass", "public": [{"//": "results", "method": "POST", "path": "/v2/import/result"}],
        "private": [{"//1": "tags", "method": "get", "path": "list/*", "origin": "${CR_AGENT_URL}",
          "auth": {"scheme": "basic", "username": "${CR_USERNAME}", "password": "${CR_PASSWORD}"},
          "valid": [{"//": "json", "header": "Accept", "values": ["application/json"]}]}]}"""
    )
    rules = read_rules(str(file))
    assert rules.public.rules == (Rule(method="POST", path="/v2/import/result"),)
    (rule,) = rules.private.rules
    assert (rule.method, rule.path, rule.origin) == ("GET", "/list/*", "${CR_AGENT_URL}")
    assert rules.private.find("GET", canonical("/list/a"), {"accept": "application/json"}) is rule
    assert rules.private.find("GET", canonical("/list/a"), {"accept": "text/html"}) is None
    assert rules.private.find("GET", canonical("/list/a"), {}) is None


def test_without_a_method_it_is_get() -> None:
    assert _rules({"path": "/a", "origin": "http://a"}).private.rules[0].method == "GET"


QUERY = [
    {"queryParam": "path", "values": ["**/package.json", "a*.txt"]},
    {"queryParam": "ref", "values": ["main"]},
]


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        ("path=x/y/package.json&ref=main", True),
        ("path=ab.txt&ref=main", True),
        ("path=a/b.txt&ref=main", False),
        ("path=x/package.json", False),
        ("path=x/package.json&ref=other", False),
        ("path=x/package.json&path=/etc/passwd&ref=main", False),
        ("", False),
    ],
)
def test_conditions_on_parameters_must_all_hold(query: str, passes: bool) -> None:
    rules = _rules(_entry(valid=QUERY)).private
    assert bool(rules.find("GET", canonical(f"/a?{query}"), {})) is passes


BODY = [
    {"path": "commits.*.added.*", "value": "*req*.txt"},
    {"path": "number", "value": "7"},
    {"path": "list.1", "value": "*"},
]


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (b'{"commits": [{"added": []}, {"added": ["a/requirements.txt"]}]}', True),
        (b'{"commits": [{"added": ["a"]}]}', False),
        (b'{"commits": {"x": {"added": {"y": "req.txt"}}}}', True),
        (b'{"number": 7}', True),
        (b'{"number": true}', False),
        (b'{"list": [1, "x"]}', True),
        (b'{"list": [1]}', False),
        (b'{"list": {"1": []}}', False),
        (b'["commits"]', False),
        (b"", False),
        (b"no json", False),
        (b"[" * 100_000, False),
    ],
    ids=range(12),
)
def test_one_condition_on_the_body_must_hold(body: bytes, passes: bool) -> None:
    rules = _rules(_entry(method="POST", valid=BODY)).private
    assert rules.reads_body("POST", canonical("/a"))
    assert not rules.reads_body("GET", canonical("/a"))
    assert bool(rules.find("POST", canonical("/a"), {}, body)) is passes


def test_a_body_with_very_many_values_is_looked_through_up_to_a_limit() -> None:
    rules = _rules(_entry(valid=[{"path": "*.*.*", "value": "x"}])).private
    body = json.dumps([[["y"] * 500] * 500]).encode()
    assert rules.find("GET", canonical("/a"), {}, body) is None


WRONG = {
    "no-json": (b"public:", "is no rules file"),
    "too-deep": (b"[" * 100_000, "is no rules file"),
    "too-large": (b" " * (5 << 20), "at most 4 MiB"),
    "a-list": (b"[]", "is no rules file"),
    "only-public": (b'{"public": []}', "private"),
    "types-of-integrations": (b'{"github": {"public": [], "private": []}}', "github"),
}


@pytest.mark.parametrize(("data", "words"), WRONG.values(), ids=WRONG)
def test_what_is_no_rules_file_is_told(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        parse_rules(data, where="accept.json")
    assert refused.value.where == "accept.json"


MISUNDERSTOOD = {
    "misspelt": (_entry(vaild=[]), r"vaild.*private\[1\]"),
    "no-path": ({"method": "GET", "origin": "http://a"}, r"path.*private\[1\]"),
    "no-origin": ({"path": "/a"}, r"private\[1\]: has no `origin`"),
    "method": (_entry(method="GTE"), "unknown method 'GTE'"),
    "expression": (_entry(path="/a/:b(\\d+)"), "regular expression in its path"),
    "optional": (_entry(path="/a/:b?"), "regular expression in its path"),
    "encoded-slash": (_entry(path="/a/:b*%2Fc"), "fits no request"),
    "dots": (_entry(path="/a/../b"), "fits no request"),
    "empty-segment": (_entry(path="//a"), "fits no request"),
    "scheme": (_entry(auth={"scheme": "digest", "token": "a"}), "digest"),
    "no-token": (_entry(auth={"scheme": "bearer"}), r"private\[1\].auth: has no `token`"),
    "no-user": (_entry(auth={"scheme": "basic"}), "neither a `username` nor a `token`"),
    "no-part": (_entry(valid=[{"values": ["a"]}]), r"private\[1\].valid\[0\]: has to name one"),
    "two-parts": (_entry(valid=[{"header": "a", "path": "b", "values": ["a"]}]), "has to name one"),
    "regex": (_entry(valid=[{"path": "a", "regex": "(a+)+$"}]), "has a regular expression"),
    "no-value": (_entry(valid=[{"path": "a"}]), "has no `value`"),
    "no-values": (_entry(valid=[{"header": "a"}]), "has no `values`"),
    "magic": (_entry(valid=[{"queryParam": "a", "values": ["a", "{b,c}"]}]), "unknown kind of pattern '{b,c}'"),
}


@pytest.mark.parametrize(("entry", "words"), MISUNDERSTOOD.values(), ids=MISUNDERSTOOD)
def test_a_rule_that_would_mean_something_else_here_is_refused(entry: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        _rules(_entry(), entry)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_rules(str(tmp_path / "absent.json"))
