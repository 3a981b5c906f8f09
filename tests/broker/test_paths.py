import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.broker.paths import LONGEST, Target, canonical
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


HOSTILE = {
    "dot": "/./list",
    "dot-dot": "/list/../systemcheck",
    "dot-dot-at-the-end": "/list/..",
    "encoded-dots": "/list/%2e%2e/systemcheck",
    "half-encoded-dots": "/list/.%2E/systemcheck",
    "three-dots": "/list/.../x",
    "dots-and-space": "/list/..%20/x",
    "encoded-slash": "/list/a%2fb",
    "encoded-slash-upper": "/list/..%2F..%2Fsystemcheck",
    "backslash": "/list/..\\systemcheck",
    "encoded-backslash": "/list/..%5csystemcheck",
    "double-encoded-dots": "/list/%252e%252e/systemcheck",
    "double-encoded-slash": "/list/a%252fb",
    "percent-alone": "/list/100%",
    "broken-escape": "/list/%2g",
    "escape-cut-off": "/list/%2",
    "nul": "/list/a%00b",
    "nul-in-query": "/list?a=%00",
    "newline": "/list/a%0d%0aHost:%20evil",
    "newline-in-query": "/list?a=%0d%0aX-Evil:%201",
    "delete": "/list/%7f",
    "c1-control": "/list/%c2%85",
    "line-separator": "/list/%e2%80%a8",
    "zero-width": "/list/.%e2%80%8b./systemcheck",
    "bidi": "/list/%e2%80%aegpj.exe",
    "overlong-slash": "/list/%c0%af",
    "overlong-dots": "/list/%c0%ae%c0%ae/x",
    "surrogate": "/list/%ed%a0%80",
    "not-utf-8": "/list/%ff",
    "full-width-dots": "/list/%ef%bc%8e%ef%bc%8e/x",
    "full-width-slash": "/list/a%ef%bc%8fb",
    "two-dot-leader": "/list/%e2%80%a5/x",
    "account-of": "/list/a%e2%84%80b",
    "parameter": "/list;a=b",
    "parameter-of-dots": "/list/..;/systemcheck",
    "encoded-parameter": "/list/..%3b/systemcheck",
    "encoded-question-mark": "/list%3fa=b",
    "encoded-hash": "/list%23a",
    "empty-segment": "//list",
    "empty-segment-inside": "/list//a",
    "empty-segments-at-the-end": "/list//",
    "fragment": "/list#a",
    "fragment-in-query": "/list?a#b",
    "absolute": "http://agent.example/list",
    "authority": "agent.example:443",
    "asterisk": "*",
    "empty": "",
    "relative": "list",
    "network-path": "//agent.example/list",
    "credentials": "http://user@agent.example/list",
    "space": "/list /a",
    "tab": "/list\t",
    "raw-newline": "/list\n",
    "raw-carriage-return": "/list\r\nX: y",
    "raw-nul": "/list\0",
    "raw-non-ascii": "/list/\u00e4",
    "raw-full-width": "/list/\uff0e\uff0e/x",
    "raw-braces": "/list/${CR_CREDENTIALS}",
    "raw-quotes": '/list/"a"',
    "raw-angles": "/list/<a>",
    "too-long": "/" + "a" * LONGEST,
    "too-many-segments": "/a" * 200,
    "too-many-parameters": "/a?" + "b&" * 300,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
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
