import contextlib
import http.server
import json
import threading
import time

import pytest

from applications.copywriting.copywriter import (
    BY_MODEL,
    BY_TEMPLATE,
    LONGEST,
    Copywriter,
)
from applications.copywriting.endpoint import (
    Endpoint,
    EndpointError,
    EndpointSettings,
)
from applications.items import Item
from schema.settings import SettingsError

ITEM = Item(
    item_id="i1",
    title="罗技 无线鼠标 静音",
    brand="罗技",
    price=99.0,
    tags=("静音",),
)


@contextlib.contextmanager
def language_model(answer):
    """A server that speaks chat completions.

    Args:
      answer: Gets the request's body and headers and returns the status, and
        a text or the bytes to send.
    """
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(size))
            asked.append((self.path, dict(self.headers), body))
            status, content = answer(len(asked))
            if isinstance(content, str):
                message = {"role": "assistant", "content": content}
                content = json.dumps(
                    {"choices": [{"index": 0, "message": message}]}
                ).encode()
            # A client that waits no longer has closed the connection.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(
        "applications.copywriting.endpoint._FIRST_PAUSE_SECONDS", 0.01
    )


def endpoint(url, **settings):
    settings = {"retries": 0, "timeout_seconds": 5, **settings}
    return Endpoint(EndpointSettings(base_url=url, model="m", **settings))


def test_facts_go_out_and_a_text_that_keeps_to_them_is_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    said = "这款罗技无线鼠标，静音，售价99元。"
    with language_model(lambda _: (200, said)) as (url, asked):
        copywriter = Copywriter(endpoint=endpoint(url, key_variable="MY_KEY"))
        text = copywriter.describe(ITEM)
    assert (text.text, text.source) == (said, BY_MODEL)
    [(path, headers, body)] = asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body["model"] == "m"
    rules, facts = body["messages"]
    assert "不得" in rules["content"]
    assert "罗技 无线鼠标 静音" in facts["content"]
    assert "99元" in facts["content"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("罗技无线鼠标，续航12个月", "续航12个月"),
        ("最好的无线鼠标", "最"),
        ("", ""),
        ("静音" * LONGEST, None),
    ],
)
def test_a_text_that_claims_more_is_not_shown(said, words):
    with language_model(lambda _: (200, said)) as (url, _):
        copywriter = Copywriter(endpoint=endpoint(url))
        text = copywriter.describe(ITEM)
    assert text.source == BY_TEMPLATE
    assert text.text == Copywriter().describe(ITEM).text
    if words is not None:
        assert words in [problem.words for problem in text.refused]
    assert copywriter.counts == {"refused": 1, "template": 1}


def test_a_server_that_fails_is_asked_again_and_then_left_alone():
    with language_model(lambda n: (500 if n < 3 else 200, "静音")) as (
        url,
        asked,
    ):
        assert endpoint(url, retries=2).complete("", "") == "静音"
        assert len(asked) == 3
    with language_model(lambda _: (500, "静音")) as (url, asked):
        copywriter = Copywriter(endpoint=endpoint(url))
        for _ in range(6):
            assert copywriter.describe(ITEM).source == BY_TEMPLATE
        assert copywriter.counts == {"failed": 3, "template": 6}
        assert len(asked) == 3


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (400, "", "HTTP 400"),
        # A key must not travel on.
        (302, "", "HTTP 302"),
        (200, b"no json", "no choices"),
        (200, b'{"choices": []}', "no choices"),
        (200, b'{"choices": [{"message": {"content": 7}}]}', "no text"),
        (200, b"x" * (1 << 20 | 1), "more than 1048576 bytes"),
    ],
)
def test_what_cannot_be_read_is_an_error(status, content, message):
    with (
        language_model(lambda _: (status, content)) as (url, asked),
        pytest.raises(EndpointError, match=message),
    ):
        endpoint(url, retries=2).complete("", "")
    assert len(asked) == 1


def test_a_server_that_hangs_is_waited_for_no_longer_than_said():
    def hang(_):
        time.sleep(1.0)
        return 200, "静音"

    with language_model(hang) as (url, _):
        began = time.monotonic()
        with pytest.raises(EndpointError, match="timed out"):
            endpoint(url, timeout_seconds=0.2).complete("", "")
        assert time.monotonic() - began < 0.9


def test_nobody_there_is_an_error():
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:1/v1"):
        endpoint("http://127.0.0.1:1/v1").complete("", "")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_url": "ftp://x"}, "base_url is 'ftp://x'"),
        ({"model": ""}, "model is ''"),
        ({"timeout_seconds": 0}, "timeout_seconds is 0"),
        ({"key_variable": "NOT_SET_ANYWHERE"}, "that is set"),
        (
            {"key_variable": "K", "base_url": "http://example.com/v1"},
            "not sent in clear",
        ),
    ],
)
def test_settings_are_checked(settings, message):
    settings = {"base_url": "http://localhost/v1", "model": "m", **settings}
    with pytest.raises(SettingsError, match=message):
        EndpointSettings(**settings)
