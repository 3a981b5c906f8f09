"""What is written into the database is read out of it unchanged."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.feeds.encoding import decode_header, decode_statement, encode_header, encode_statement
from tidewaiter.model.advisory import Advisory, Affected, Event, EventKind, Range, RangeType, Rating, Status

TEXT = st.text(max_size=12)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
RATINGS = st.lists(
    st.builds(
        Rating,
        source=TEXT,
        system=TEXT,
        vector=TEXT,
        score=st.none() | st.floats(min_value=0, max_value=10),
        label=TEXT,
    ),
    max_size=2,
).map(tuple)
EVENTS = st.lists(st.builds(Event, st.sampled_from(EventKind), TEXT), max_size=4).map(tuple)
RANGES = st.lists(st.builds(Range, type=st.sampled_from(RangeType), events=EVENTS), max_size=3).map(tuple)
AFFECTED = st.builds(
    Affected,
    ecosystem=TEXT,
    name=st.text(min_size=1, max_size=9),
    ranges=RANGES,
    versions=TEXTS,
    status=st.none() | st.sampled_from(Status),
    ratings=RATINGS,
    module=TEXT,
    cpe=TEXT,
    note=TEXT,
)
ADVISORIES = st.builds(
    Advisory,
    feed=TEXT,
    id=TEXT,
    aliases=TEXTS,
    upstream=TEXTS,
    related=TEXTS,
    summary=TEXT,
    published=TEXT,
    modified=TEXT,
    withdrawn=TEXT,
    informational=st.booleans(),
    ratings=RATINGS,
    references=TEXTS,
)


@given(AFFECTED, TEXT)
def test_a_row_survives_encoding(row: Affected, key: str) -> None:
    spelled = msgspec.msgpack.decode(encode_statement(row, key))
    assert decode_statement(spelled, row.ecosystem, key) == row


@given(AFFECTED)
def test_a_rows_name_costs_nothing_where_it_is_the_key(row: Affected) -> None:
    spelled = msgspec.msgpack.decode(encode_statement(row, row.name))
    assert decode_statement(spelled, row.ecosystem, row.name) == row
    assert encode_statement(row, row.name) == encode_statement(
        Affected(
            ecosystem="other",
            name="other",
            ranges=row.ranges,
            versions=row.versions,
            status=row.status,
            ratings=row.ratings,
            module=row.module,
            cpe=row.cpe,
            note=row.note,
        ),
        "other",
    )


@given(ADVISORIES)
def test_a_header_survives_encoding(advisory: Advisory) -> None:
    assert decode_header(encode_header(advisory)) == advisory
