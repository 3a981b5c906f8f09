"""Fuzz target: a published file in OSV's format, from anybody."""

import msgspec

from tidewaiter.feeds.encoding import decode_header, decode_statement, encode_header, encode_statement
from tidewaiter.feeds.feed import RecordError
from tidewaiter.feeds.osv import Osv
from tidewaiter.model.ecosystem import normalise, scheme_of


def fuzz_one(data: bytes) -> None:
    """Either an advisory that the database can hold, or a RecordError: nothing else comes out of outside data."""
    try:
        (advisory,) = Osv().parse(data)
    except RecordError:
        return
    assert advisory.id
    assert decode_header(encode_header(advisory)).id == advisory.id
    for row in advisory.affected:
        scheme_of(row.ecosystem)
        key = normalise(row.ecosystem, row.name)
        assert decode_statement(msgspec.msgpack.decode(encode_statement(row, key)), row.ecosystem, key) == row
