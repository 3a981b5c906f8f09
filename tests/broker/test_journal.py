import io
import json
import logging
from collections.abc import Iterator

import pytest

from tidewaiter.broker.journal import ROOT, Form, close_journal, fields, journal, open_journal
from tidewaiter.broker.secrets import Secrets
from tidewaiter.errors import UsageError

SECRETS = Secrets(["hunter2-external-id"])


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_journal()
    logging.getLogger(ROOT).setLevel(logging.NOTSET)


def opened(form: Form, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    open_journal(form=form, level=level, secrets=SECRETS, stream=stream)
    return stream


def test_a_line_of_text_says_when_what_and_its_values() -> None:
    stream = opened(Form.TEXT)
    journal("server").info("relayed", extra=fields(connection="main", status=200, ms=0.8, replica=None))
    moment, rest = stream.getvalue().split(" ", 1)
    assert moment.endswith("Z")
    assert rest == "INFO    server: relayed connection=main status=200 ms=0.8\n"


def test_a_line_of_json_says_the_same() -> None:
    stream = opened(Form.JSON)
    journal("server").warning("not %s", "connected", extra=fields(connection="main", bytes=57, tls=True))
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "part": "server",
        "message": "not connected",
        "connection": "main",
        "bytes": 57,
        "tls": True,
    }


def test_a_value_cannot_take_the_place_of_what_the_line_says() -> None:
    stream = opened(Form.JSON)
    journal("server").info("refused", extra=fields(level="error", message="fine", time="never"))
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"]) == ("info", "refused")


@pytest.mark.parametrize("form", Form)
def test_secrets_are_taken_out_of_messages_values_and_errors(form: Form) -> None:
    stream = opened(form)
    try:
        int("role\nhunter2-external-id")
    except ValueError:
        journal("agent").exception("with hunter2-external-id", extra=fields(id="hunter2-external-id"))
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("***") == 4
    assert "ValueError: invalid literal" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


HOSTILE = "a\nINFO server: forged\r\x1b[2J\u202e\x85\u2028b"


@pytest.mark.parametrize("form", Form)
def test_nothing_from_outside_breaks_a_line_or_moves_the_cursor(form: Form) -> None:
    stream = opened(form)
    journal("server").info("refused %s", HOSTILE, extra=fields(path=HOSTILE, words="a b=c"))
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    if form is Form.TEXT:
        assert line.isprintable()
        assert line.endswith('words="a b=c"')
    else:
        assert json.loads(line)["path"] == HOSTILE


@pytest.mark.parametrize("form", Form)
def test_what_is_no_text_is_written_all_the_same(form: Form) -> None:
    stream = io.StringIO()
    handler = open_journal(form=form, level="info", secrets=SECRETS, stream=stream)
    said = {"name": f"{ROOT}.server", "levelno": logging.INFO, "msg": "header \udcff", **fields(value="\udcff")}
    handler.handle(logging.makeLogRecord(said))  # not by its logger: what pytest captures goes between processes
    assert stream.getvalue().encode().count(b"udcff") == 2


@pytest.mark.parametrize(
    ("level", "count"),
    [("trace", 4), ("DEBUG", 4), ("info", 3), ("warn", 2), ("warning", 2), ("error", 1), ("fatal", 0)],
)
def test_levels_have_the_references_names(level: str, count: int) -> None:
    stream = opened(Form.TEXT, level)
    for said in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        journal("client").log(said, "line")
    assert len(stream.getvalue().splitlines()) == count


def test_an_unknown_level_is_told() -> None:
    with pytest.raises(UsageError, match=r"unknown log level 'loud'\. Known are trace, debug"):
        opened(Form.TEXT, "loud")


def test_warnings_of_libraries_come_too_without_secrets() -> None:
    stream = opened(Form.TEXT)
    logging.getLogger("aiohttp.server").error("bad request with hunter2-external-id")
    logging.getLogger("aiohttp.server").info("chatter")
    assert stream.getvalue().endswith("ERROR   aiohttp.server: bad request with ***\n")
    assert stream.getvalue().count("\n") == 1


def test_opened_again_a_line_is_written_once() -> None:
    first, second = opened(Form.TEXT), opened(Form.TEXT)
    journal("client").info("line")
    assert first.getvalue() == ""
    assert second.getvalue().count("line") == 1


def test_a_line_that_cannot_be_written_is_not_shown_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    handler = open_journal(form=Form.TEXT, level="info", secrets=SECRETS, stream=stream)
    handler.handle(logging.makeLogRecord({"name": f"{ROOT}.client", "msg": "%d", "args": ("hunter2-external-id",)}))
    assert stream.getvalue() == "a line of client could not be written\n"
    assert capsys.readouterr().err == ""
