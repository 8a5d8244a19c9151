"""The playbook `access` as an administrator runs it: how one's own address is found, and what takes the role along."""

from __future__ import annotations

import contextlib
import http.server
import threading

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY


@contextlib.contextmanager
def answering(text: str, status: int = 200):
    """The address of a server that answers everybody the same."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def asked(url: str) -> dict:
    """Variables with which the address is asked for, as on real AWS; clients still find the lab by themselves."""
    return {"platform_endpoint_url": "", "access_caller_address": "", "access_caller_address_url": url}


def test_ones_own_address_is_asked_for(lab, playbook):
    with answering("192.0.2.9\n") as url:
        refused = playbook("access", variables=asked(url))
        assert "does not hold your own address 192.0.2.9" in refused.failure()
        allowed = playbook("access", "--check", variables={**asked(url), "access_source_ranges": ["192.0.2.0/24"]})
        assert allowed.status == 0, allowed.failure()
    assert lab.mutating() == []


def test_without_an_answer_the_variable_is_named(lab, playbook):
    with answering("<html>no</html>", 503) as url:
        refused = playbook("access", variables=asked(url))
    assert refused.failure().startswith("access_caller_address: ") and "is not an address" in refused.failure()
    assert lab.mutating() == []


@pytest.mark.once
def test_site_takes_access_along_only_where_it_is_enabled(lab, playbook):
    planned = playbook("site", "--check", variables={"access_enabled": True})
    assert planned.status == 0, planned.failure()
    actions = planned.actions()
    assert {("user", "alice"), ("group", "operators"), ("role", "awx"), ("role", "app")} <= set(actions)
    # the VPC is not there yet, and the plan says so
    statement = actions["policy", "guard-source"]["document"]["Statement"][0]
    assert statement["Condition"]["StringNotEqualsIfExists"] == {"aws:SourceVpc": [KNOWN_AFTER_APPLY]}

    without = playbook("site", "--check", variables={"access_enabled": False})
    assert without.status == 0, without.failure()
    assert not [key for key in without.actions() if key[0] in ("user", "group")]
    assert lab.mutating() == []
