"""Airflow's own notifiers against real sockets: a web hook that notes what it is sent, and a small SMTP server."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from drill import notifiers
from drill.core.channel import Channel
from drill.core.notice import Notice

NOTICE = Notice(kind="late", about="drill-1", subject="AEX drill late", text="<b>{{ var.value.secret }}</b>\n")


class Hook(BaseHTTPRequestHandler):
    taken: list[dict[str, str]]

    def do_POST(self) -> None:
        self.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class Post(socketserver.StreamRequestHandler):
    taken: list[bytes]

    def handle(self) -> None:
        self.wfile.write(b"220 post\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                self.taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


def served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.socket.getsockname()[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook() -> Iterator[int]:
    Hook.taken = []
    yield from served(HTTPServer(("127.0.0.1", 0), Hook))


@pytest.fixture
def post() -> Iterator[int]:
    Post.taken = []
    yield from served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post))


def test_a_web_hook_gets_the_notice_as_json_and_as_text_not_as_a_template(hook, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": hook}))
    notifiers.send(Channel("http", "slack"), NOTICE)
    assert Hook.taken == [
        {"text": "AEX drill late\n<b>{{ var.value.secret }}</b>\n", "kind": "late", "about": "drill-1"}
    ]


def test_mail_gets_the_notice_escaped(post, monkeypatch):
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "aex@exchange.example"}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": post, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    notifiers.send(Channel("smtp", "ops@exchange.example"), NOTICE)
    (sent,) = map(email.message_from_bytes, Post.taken)
    assert (sent["Subject"], sent["To"], sent["From"]) == (
        "AEX drill late",
        "ops@exchange.example",
        "aex@exchange.example",
    )
    (part,) = [part for part in sent.walk() if part.get_content_type() == "text/html"]
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert b"&lt;b&gt;{{ var.value.secret }}&lt;/b&gt;" in body
