import pytest

from tidewaiter.broker.login import Login, Scheme
from tidewaiter.broker.paths import canonical
from tidewaiter.broker.rules import DEFAULT_RULES, Rule, RuleList
from tidewaiter.errors import BrokerError, UsageError

AGENT = {"CR_AGENT_URL": "http://agent.example:17500"}


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /healthcheck",
        "GET /validate-credentials",
        "GET /get-state-identifier?repository=team/app&tag=1.0",
        "GET /list",
        "GET /list/team/app",
        "GET /list-paginated?size=100",
        "GET /list-paginated/team/app?after=x",
        "GET /list-with-metadata/team/app",
        "GET /image-metadata/team/app?digest=sha256:00",
        "POST /scan",
        "GET /scan/job-1",
        "DELETE /scan/job-1",
        "POST /discover",
    ],
)
def test_the_agents_paths_come_in(request_line: str) -> None:
    method, target = request_line.split()
    rule = DEFAULT_RULES.private.find(method, canonical(target), {})
    assert rule
    assert rule.filled(AGENT).origin == "http://agent.example:17500"


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize(
    "path", ["/v2/import/result", "/v2/import/done", "/v1/recurring-tests/dependencies", "/rest/scan/result"]
)
def test_callbacks_go_out(prefix: str, path: str) -> None:
    assert DEFAULT_RULES.public.find("POST", canonical(prefix + path), {})
    assert not DEFAULT_RULES.private.find("POST", canonical(prefix + path), {})


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /",
        "GET /systemcheck",
        "GET /metrics",
        "GET /openapi.json",
        "GET /LIST",
        "GET /healthcheck/",
        "GET /healthcheckx",
        "GET /listing",
        "get /list",
        "HEAD /list",
        "POST /list",
        "GET /scan",
        "GET /scan/",
        "GET /scan/a/b",
        "POST /scan/a",
        "DELETE /scan",
        "PUT /scan/a",
        "TRACE /healthcheck",
        "GET /v2/import/result",
        "POST /v2/import/result",
        "GET /api/list",
    ],
)
def test_other_requests_do_not_come_in(request_line: str) -> None:
    method, target = request_line.split()
    assert DEFAULT_RULES.private.find(method, canonical(target), {}) is None


@pytest.mark.parametrize(
    "raw",
    [
        "/list/../systemcheck",
        "/list/%2e%2e/systemcheck",
        "/list/..%2fsystemcheck",
        "/list/%252e%252e/systemcheck",
        "/list/..;/systemcheck",
        "/list/..%5csystemcheck",
        "/list/%00/../systemcheck",
        "//systemcheck",
        "/list/.%e2%80%8b./systemcheck",
        "http://agent.example/list",
        "/list#/../systemcheck",
    ],
)
def test_a_path_that_leads_out_of_its_rule_is_no_path(raw: str) -> None:
    with pytest.raises(BrokerError):
        DEFAULT_RULES.private.find("GET", canonical(raw), {})


def test_a_star_crosses_slashes_and_a_name_does_not() -> None:
    rules = RuleList([Rule(method="GET", path="/a/:b/c"), Rule(method="GET", path="/d/*/e")])
    found = [
        path
        for path in ("/a/x/c", "/a/x/y/c", "/a//c"[:3] + "c", "/d/e", "/d/x/e", "/d/x/y/e", "/d/x/f")
        if rules.find("GET", canonical(path), {})
    ]
    assert found == ["/a/x/c", "/d/x/e", "/d/x/y/e"]


def test_the_first_rule_that_fits_counts() -> None:
    rules = RuleList(
        [
            Rule(method="GET", path="/a/b", origin="http://first"),
            Rule(method="ANY", path="/a/*", origin="http://second"),
            Rule(method="GET", path="/a/c", origin="http://third"),
        ]
    )
    origins = [
        rule.origin
        for method, path in (("GET", "/a/b"), ("POST", "/a/b"), ("GET", "/a/c"))
        if (rule := rules.find(method, canonical(path), {}))
    ]
    assert origins == ["http://first", "http://second", "http://second"]


def test_a_rules_own_letters_are_compared_in_the_one_form() -> None:
    rules = RuleList([Rule(method="GET", path="/%61 b/ä")])
    assert rules.find("GET", canonical("/a%20b/%C3%A4"), {})


def test_long_paths_are_not_remembered() -> None:
    rules = RuleList([Rule(method="GET", path="/a/*")])
    assert rules.find("GET", canonical("/a/" + "b" * 600), {})
    assert rules._candidates.cache_info().currsize == 0


def test_variables_are_filled_once_and_from_what_is_declared() -> None:
    login = Login(scheme=Scheme.BASIC, username="${USER}", password="${WORD}")
    rule = Rule(method="GET", path="/", origin="${URL}/", login=login)
    filled = rule.filled({"URL": "http://a.example/base", "USER": "${WORD}", "WORD": "s3cret"})
    assert filled.origin == "http://a.example/base"
    assert filled.login == Login(scheme=Scheme.BASIC, username="${WORD}", password="s3cret")


def test_what_the_environment_has_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CR_AGENT_URL", "http://agent.example")
    with pytest.raises(UsageError, match=r"rule GET /healthcheck: \$\{CR_AGENT_URL\} is not declared.*PATH_A"):
        DEFAULT_RULES.filled({"PATH_A": "x"})


def test_variables_can_be_checked_before_anybody_knows_their_values() -> None:
    login = Login(scheme=Scheme.BEARER, token="${CR_TOKEN}")
    rules = RuleList([Rule(method="GET", path="/", origin="https://${CR_BASE}/v2", login=login)])
    rules.check(["CR_BASE", "CR_TOKEN"])
    for names, missing in ((["CR_TOKEN"], "CR_BASE"), (["CR_BASE"], "CR_TOKEN")):
        with pytest.raises(UsageError, match=rf"rule GET /: \$\{{{missing}\}} is not declared"):
            rules.check(names)


@pytest.mark.parametrize(
    "url",
    [
        "agent:17500",
        "file:///etc/passwd",
        "http://",
        "http://user:s3cret@agent",
        "http://a/?b",
        "http://a/#b",
        "http://a b",
    ],
)
def test_an_origin_is_a_base_url(url: str) -> None:
    with pytest.raises(UsageError, match=r"its origin '\$\{CR_AGENT_URL\}' is no base URL") as refused:
        DEFAULT_RULES.filled({"CR_AGENT_URL": url})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://a.example", "http://127.0.0.1:1", "http://[::1]:17500", "http://a_b/c/d/"])
def test_base_urls_are_origins(url: str) -> None:
    rule = DEFAULT_RULES.filled({"CR_AGENT_URL": url}).private.find("GET", canonical("/list"), {})
    assert rule
    assert rule.origin == url.rstrip("/")


@pytest.mark.parametrize(
    ("login", "header"),
    [
        (Login(scheme=Scheme.BASIC, username="a", password="ä"), "Basic YTrDpA=="),
        (Login(scheme=Scheme.BASIC, token="a:b"), "Basic YTpi"),
        (Login(scheme=Scheme.BEARER, token="t"), "Bearer t"),
        (Login(scheme=Scheme.TOKEN, token="t"), "Token t"),
        (Login(scheme=Scheme.RAW, token="t"), "t"),
    ],
    ids=["basic", "basic-token", "bearer", "token", "raw"],
)
def test_logins_are_headers(login: Login, header: str) -> None:
    assert login.header() == header
    assert "ä" not in repr(login)
