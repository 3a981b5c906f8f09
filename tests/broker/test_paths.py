import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_paths import HOSTILE_TARGETS
from tidewaiter.broker.paths import Target, canonical
from tidewaiter.errors import BrokerError


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ("/", "/"),
        ("/list", "/list"),
        ("/list/", "/list/"),
        ("/list/team/app", "/list/team/app"),
        ("/list/team%2dapp", "/list/team-app"),
        ("/list/t%65%61m", "/list/team"),
        ("/scan/a%3ab%40c", "/scan/a:b@c"),
        ("/scan/%c3%a4%C3%A4", "/scan/%C3%A4%C3%A4"),
        ("/a%20b", "/a%20b"),
        ("/.hidden/..two/three.", "/.hidden/..two/three."),
        ("/list?", "/list"),
        ("/list?a", "/list?a="),
        ("/list?a=1&&b=2&", "/list?a=1&b=2"),
        ("/list?a=b+c%2Bd", "/list?a=b%20c%2Bd"),
        ("/list?a=b=c?d", "/list?a=b%3Dc%3Fd"),
        ("/list?a=1;b=2", "/list?a=1%3Bb%3D2"),
        ("/list?next=%2525", "/list?next=%2525"),
        ("/list?path=../x", "/list?path=../x"),
    ],
)
def test_a_target_has_one_form(raw: str, form: str) -> None:
    assert str(canonical(raw)) == form


@pytest.mark.parametrize("raw", HOSTILE_TARGETS.values(), ids=HOSTILE_TARGETS)
def test_what_could_be_read_in_two_ways_is_refused(raw: str) -> None:
    with pytest.raises(BrokerError) as refused:
        canonical(raw)
    assert refused.value.code == "malformed"


def test_segments_and_query_are_decoded() -> None:
    target = canonical("/list/team%2Dapp/%C3%A4?tag=a%26b&tag=c+d&empty")
    assert target.segments == ("list", "team-app", "ä")
    assert target.query == (("tag", "a&b"), ("tag", "c d"), ("empty", ""))
    assert target.values("tag") == ("a&b", "c d")
    assert target.values("other") == ()


@pytest.mark.parametrize(
    ("raw", "below"),
    [("/broker/c/list/a?b=c", "/list/a?b=c"), ("/broker/c", "/"), ("/broker/c/", "/"), ("/broker/c/?a=b", "/?a=b")],
)
def test_what_is_below_a_target_is_one_too(raw: str, below: str) -> None:
    target = canonical(raw).below(2)
    assert str(target) == below
    assert target == canonical(below)


_ESCAPES = st.integers(0, 255).map("%{:02x}".format)
_RAW = st.lists(st.sampled_from(list("/.;%?&=+a~:@")) | _ESCAPES | st.characters()).map(
    lambda parts: "/" + "".join(parts)
)


@given(_RAW)
def test_the_one_form_has_itself_as_its_form(raw: str) -> None:
    try:
        target = canonical(raw)
    except BrokerError:
        return
    assert canonical(str(target)) == target
    _means_one_thing(target)


@given(st.lists(st.text(min_size=1), min_size=1), st.lists(st.tuples(st.text(), st.text())))
def test_what_is_let_through_has_no_segment_that_leads_elsewhere(
    segments: list[str], query: list[tuple[str, str]]
) -> None:
    from urllib.parse import quote, urlencode

    raw = "/" + "/".join(quote(segment, safe="", errors="surrogatepass") for segment in segments)
    try:
        target = canonical(f"{raw}?{urlencode(query, errors='surrogatepass')}")
    except BrokerError:
        return
    assert target.segments == tuple(segments)
    assert target.query == tuple(pair for pair in query)
    _means_one_thing(target)


def _means_one_thing(target: Target) -> None:
    text = str(target)
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    assert "//" not in target.path
    assert "\\" not in target.path
    assert ";" not in text
    assert "%2f" not in target.path.lower()
    assert "%25" not in target.path
    assert not {".", ".."} & set(target.segments)
