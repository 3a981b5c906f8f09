"""What can be asked of an agent, and what a client lets through where nobody wrote rules."""

from tidewaiter.broker.agent.routes import JOB, REPOSITORY, ROUTES
from tidewaiter.broker.paths import canonical
from tidewaiter.broker.rules import DEFAULT_RULES


def test_the_default_rules_let_through_all_but_the_check_that_the_client_makes_itself() -> None:
    refused = set()
    for route in ROUTES:
        target = canonical(route.path.replace(REPOSITORY, "team/app").replace(JOB, "job-1"))
        if DEFAULT_RULES.private.find(route.method, target, {}) is None:
            refused.add(route.path)
    assert refused == {"/systemcheck"}


def test_a_path_is_one_route_at_most() -> None:
    for path in ("/list/a", "/list/a/b/c", "/list-paginated", "/list-paginated/a", "/scan/1", "/healthcheck"):
        segments = canonical(path).segments
        found = [route for route in ROUTES if route.match(segments) is not None]
        assert len({route.path for route in found}) == 1
        assert len({route.method for route in found}) == len(found)
