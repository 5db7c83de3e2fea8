"""A poll on SQLite, with nothing but Python's standard library."""
import hashlib
import html
import json
import os
import re
import secrets
import signal
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import queries
import schema

COMMIT = os.environ.get("GREENROOM_COMMIT", "")
MAX_FORM_BYTES = 4096


class Answering(BaseHTTPRequestHandler):
    """HTTP/1.0: each answer ends its connection, so that none is left idle when the poll is told to stop."""

    # A visitor who sends nothing does not hold a thread for ever.
    timeout = 5

    def answer(self, code, body="", kind="text/plain; charset=utf-8", headers=()):
        content = body.encode()
        self.send_response(code)
        for name, value in [("Content-Type", kind), ("Content-Length", str(len(content))), ("X-App-Commit", COMMIT), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """What happens to visitors is not written down."""


class Public(Answering):
    def do_GET(self):
        with closing(schema.connect()) as db:
            if self.path == "/":
                self.show(db)
            elif self.path == "/results.json":
                self.answer(200, json.dumps(results(db)), "application/json")
            else:
                self.answer(404, "There is no such page.\n")

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if self.path != "/vote" or not length.isdigit() or int(length) > MAX_FORM_BYTES:
            return self.answer(400, "That is no vote.\n")
        form = parse_qs(self.rfile.read(int(length)).decode(errors="replace"))
        token = self.token()
        with closing(schema.connect()) as db:
            choice = db.execute(queries.CHOICE, form.get("choice", [""])[:1]).fetchone()
            # Another site can send a form, but no cookie with it: SameSite=Lax keeps it back.
            if choice is None or token is None:
                return self.answer(400, "Choose one of the list, with cookies on.\n")
            db.execute(queries.VOTE, (voter(token), choice[0]))
        self.answer(303, headers=[("Location", "/")])

    def show(self, db):
        token = self.token()
        headers = [("Cache-Control", "no-store")]
        if token is None:
            token = secrets.token_urlsafe(24)
            headers.append(("Set-Cookie", f"poll={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=7776000"))
        mine = db.execute(queries.MINE, (voter(token),)).fetchone()
        rows = "".join(row(name, count, mine) for name, count in results(db).items())
        chat = chat_path()
        script = f'<script type="module" src="{html.escape(chat)}/chat.js"></script>' if chat else ""
        page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Poll</title><h1>What shall we drink?</h1><form method="post" action="/vote">{rows}</form>{script}</html>'
        self.answer(200, page, "text/html; charset=utf-8", headers)

    def token(self):
        found = re.search(r"(?:^|;\s*)poll=([\w-]{32})(?:;|$)", self.headers.get("Cookie", ""))
        return found and found[1]


class Internal(Answering):
    """For this machine alone: whether the database works, and what its schema is."""

    def do_GET(self):
        looks = {"/healthz": lambda db: {"schema": schema.version(db)}, "/schema/status": schema.status}
        look = looks.get(self.path)
        if look is None:
            return self.answer(404)
        try:
            with closing(schema.connect()) as db:
                self.answer(200, json.dumps(look(db)), "application/json")
        except Exception as error:
            self.answer(503, json.dumps({"error": str(error)}), "application/json")


class Server(ThreadingHTTPServer):
    # So that closing waits for the requests under way.
    daemon_threads = False


def results(db):
    return dict(db.execute(queries.RESULTS))


def row(name, count, mine):
    chosen = " ✓" if mine == (name,) else ""
    return f'<p><button name="choice" value="{html.escape(name)}">{html.escape(name)}</button> {count}{chosen}</p>'


def voter(token):
    """The database holds a hash: what is in it cannot be used as a cookie."""
    return hashlib.sha256(token.encode()).hexdigest()


def chat_path():
    """Where Greenroom serves the chat with the coding agent: it says so beside the copy of the contract."""
    contract = os.environ.get("GREENROOM_CONTRACT")
    file = Path(contract).with_name("greenroom.json") if contract else None
    return json.loads(file.read_text())["chat_path"].rstrip("/") if file and file.exists() else ""


def main():
    public = Server(("127.0.0.1", int(os.environ.get("PORT", "3003"))), Public)
    internal = Server(("127.0.0.1", int(os.environ.get("INTERNAL_PORT", "3903"))), Internal)
    threads = [threading.Thread(target=server.serve_forever) for server in (public, internal)]
    for thread in threads:
        thread.start()
    # Blocked in every thread before: here it waits to be fetched.
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    for server in (public, internal):
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
