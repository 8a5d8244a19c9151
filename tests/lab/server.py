"""The embedded AWS: moto's own WSGI application behind a small HTTP/1.1 server on loopback.

Around moto lie the call log, the quotas and the admin addresses::

    GET  /lab/health    {pid, quotas, calls}
    GET  /lab/calls     ?since=N: a list of calls (see calls.py)
    POST /lab/calls     {"clear": true}
    POST /lab/reset     backends, call log, quotas and clock as after a start
    GET|POST /lab/quotas  {mode, virtual_seconds, held: {row: calls that waited or were refused}}; POST {"mode": ...}
    GET|POST /lab/clock   {now, advanced}; POST {"advance": seconds}
    POST /lab/populate  {"instances": n, ...} (see populate.py)
    POST /lab/targets   the health of targets as their balancers see it (see extensions/elbv2.py)
    POST /lab/smtp      starts SES's SMTP endpoint unless it runs (see smtp.py): {host, port, certificate}
    GET  /lab/mail      the mail that it took since the last reset
    POST /lab/mail      {"region": ..., "sent": n, ...}: what AWS has seen of the account's mail (see extensions/ses.py)
    POST /lab/root      {"mfa": bool, "access_key": bool, "used": bool} (see extensions/iam_reports.py)

Requests are served by threads, one a connection; moto itself runs one request at a time, because it is not made for
threads that share its backends (the interpreter's lock leaves nothing to win anyway).
"""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import socketserver
import threading
import time
import traceback
import urllib.parse
from email.utils import formatdate
from pathlib import Path

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.model_instances import reset_model_data
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

from . import extensions
from .calls import CallLog, Identity, error_code, identify
from .clock import CLOCK
from .errors import aws_error
from .extensions import ec2, elbv2, iam_keys, iam_reports, ses
from .populate import populate_instances
from .quotas import MODES, Quotas

LOG = logging.getLogger("lab")


class BadRequest(Exception):
    """An admin request that cannot work; its text is the answer."""


class Lab:
    """One embedded AWS: a WSGI application with its log, quotas and clock."""

    def __init__(self, state_dir: Path, quotas: str = "off"):
        extensions.install()
        self._directory = state_dir
        self._smtp = None
        self.log = CallLog(state_dir / "calls.jsonl")
        self.clock = CLOCK
        self.quotas = Quotas(self.clock, quotas)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.RLock()
        self._admin = {
            "/lab/health": self._health,
            "/lab/calls": self._calls,
            "/lab/reset": self._reset,
            "/lab/quotas": self._quotas,
            "/lab/clock": self._clock,
            "/lab/populate": self._populate,
            "/lab/targets": self._targets,
            "/lab/smtp": self._start_smtp,
            "/lab/mail": self._mail,
            "/lab/root": self._root,
        }

    def respond(self, environ: dict, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Answer one request: (status, headers, body)."""
        if environ["PATH_INFO"].startswith("/lab/"):
            return self._respond_admin(environ, body)
        started = time.perf_counter()
        now = time.time()
        environ["wsgi.input"] = io.BytesIO(body)
        what = identify(environ, body)
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            account = get_account_id_from(what.caller) if what.caller else DEFAULT_ACCOUNT_ID
            refusal = iam_keys.refusal(what.service, what.caller) or self.quotas.admit(account, what)
            if refusal is None:
                status, headers, answer = self._respond_aws(environ, what)
            else:
                status, headers, answer = aws_error(what.service, *refusal)
        self.log.add(
            {
                "time": now,
                "service": what.service,
                "operation": what.operation,
                "region": what.region,
                "caller": what.caller,
                "account": account,
                "status": status,
                "error": error_code(status, headers, answer),
                "seconds": round(time.perf_counter() - started, 6),
                "mutating": what.mutating,
                "bytes": len(answer),
            }
        )
        return status, headers, answer

    def _respond_aws(self, environ: dict, what: Identity) -> tuple[int, list[tuple[str, str]], bytes]:
        started: list = []

        def start_response(status, headers, exc_info=None):
            started[:] = [int(status.split(" ", 1)[0]), list(headers)]

        try:
            extensions.tick(what.service)
            if what.mutating:
                ec2.changed()
            parts = self._moto(environ, start_response)
            answer = b"".join(parts)
            if hasattr(parts, "close"):
                parts.close()
            return started[0], started[1], answer
        except Exception as error:
            # 501, because botocore would repeat a 500 and hide what the lab cannot do
            LOG.error("%s %s failed:\n%s", what.service, what.operation, traceback.format_exc())
            text = f"The lab cannot answer {what.service}:{what.operation}: {type(error).__name__}: {error}"
            return aws_error(what.service, "LabError", text, 501)

    def _respond_admin(self, environ: dict, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        handler = self._admin.get(environ["PATH_INFO"])
        try:
            if handler is None:
                raise BadRequest(f"no such address; there are {', '.join(self._admin)}")
            query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
            wanted = {**query, **(json.loads(body) if body else {})}
            with self._lock:
                answer = handler(environ["REQUEST_METHOD"] == "POST", wanted)
            status = 200
        except (BadRequest, KeyError, TypeError, ValueError) as error:
            status, answer = 400, {"error": str(error)}
        return status, [("Content-Type", "application/json")], json.dumps(answer).encode()

    def _health(self, write: bool, wanted: dict) -> dict:
        return {"pid": os.getpid(), "quotas": self.quotas.mode, "calls": len(self.log.calls())}

    def _calls(self, write: bool, wanted: dict) -> object:
        if write:
            self.log.clear()
            return {}
        return self.log.calls(int(wanted.get("since", 0)))

    def _reset(self, write: bool, wanted: dict) -> dict:
        if not write:
            raise BadRequest("reset is a POST")
        empty_backends()
        extensions.reset()
        if self._smtp:
            self._smtp.mail.clear()
        self.log.clear()
        self.clock.reset()
        self.quotas.reset()
        return {}

    def _quotas(self, write: bool, wanted: dict) -> dict:
        if write:
            if wanted.get("mode") not in MODES:
                raise BadRequest(f"mode is {wanted.get('mode')!r}; it is one of {', '.join(MODES)}")
            self.quotas.mode = wanted["mode"]
            self.quotas.reset()
        return {
            "mode": self.quotas.mode,
            "virtual_seconds": round(self.quotas.virtual_seconds, 6),
            "held": self.quotas.held,
        }

    def _clock(self, write: bool, wanted: dict) -> dict:
        if write:
            self.clock.advance(float(wanted["advance"]))
        return {"now": self.clock.now(), "advanced": self.clock.advanced}

    def _populate(self, write: bool, wanted: dict) -> dict:
        return populate_instances(DEFAULT_ACCOUNT_ID, **wanted)

    def _targets(self, write: bool, wanted: dict) -> dict:
        if not write:
            raise BadRequest("targets is a POST")
        elbv2.report(wanted)
        return {}

    def _start_smtp(self, write: bool, wanted: dict) -> dict:
        if not write:
            raise BadRequest("smtp is a POST")
        if self._smtp is None:
            # only those who send mail wait for it
            from .smtp import Endpoint

            self._smtp = Endpoint(self._lock, self._directory)
        return self._smtp.address()

    def _mail(self, write: bool, wanted: dict) -> list | dict:
        if write:
            return ses.observe(DEFAULT_ACCOUNT_ID, **wanted)
        return list(self._smtp.mail) if self._smtp else []

    def _root(self, write: bool, wanted: dict) -> dict:
        return iam_reports.set_root(**wanted)


def empty_backends() -> None:
    """Drop everything moto keeps; unlike moto's own reset it does not build each backend anew before it drops it."""
    for service in BackendDict._instances:
        for account in service.values():
            for backend in account.values():
                if type(backend).reset is not BaseBackend.reset:  # it holds files or threads
                    backend.reset()
        service.clear()
    reset_model_data()


class Handler(MotoRequestHandler):
    """One connection. Unlike werkzeug's handler it keeps the connection open: bodies are read and sent whole."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 300

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        if environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        status, headers, answer = self.server.lab.respond(environ, body)
        self.send_response_only(status)
        self.send_header("Date", formatdate(CLOCK.now(), usegmt=True))
        bodiless = self.command == "HEAD" or status in (204, 304)
        for name, value in headers:
            lowered = name.lower()
            # a HEAD's length is that of the object which is not sent
            if lowered not in ("connection", "date", "transfer-encoding") and (lowered != "content-length" or bodiless):
                self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if not bodiless:
            self.wfile.write(answer)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def log(self, type: str, message: str, *args) -> None:
        if type == "error":
            LOG.warning(message, *args)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens on loopback only."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    # what werkzeug's handler reads of its server
    ssl_context = None
    multithread = True
    multiprocess = False
    passthrough_errors = False
    _server_version = "lab"

    def __init__(self, lab: Lab, port: int):
        self.lab = lab
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, request: socket.socket, client_address) -> None:
        LOG.warning("connection from %s ended:\n%s", client_address, traceback.format_exc())


def listen(lab: Lab, port: int) -> Server:
    """A server on this port, or on a free one when it is taken (0: any free one)."""
    try:
        return Server(lab, port)
    except OSError:
        return Server(lab, 0)
