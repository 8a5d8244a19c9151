"""The recap callback with results as ansible-core hands them over."""

from __future__ import annotations

import json
import types

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.callback import recap as plugin


class Screen:
    verbosity = 0

    def __init__(self):
        self.lines = []

    def banner(self, text, *unused, **also_unused):
        self.lines.append(text)

    def display(self, text, *unused, **also_unused):
        self.lines.append(text)

    def text(self):
        return "\n".join(self.lines)


@pytest.fixture
def recap(tmp_path):
    callback = plugin.CallbackModule(display=Screen())
    path = tmp_path / "recap.json"
    callback.get_option = lambda name, *unused: str(path) if name == "path" else None
    callback.path = path
    return callback


def result(role, name, answer, *, planned=False, action="mydigitalstructure.aws.network", no_log=False):
    task = types.SimpleNamespace(
        _uuid=f"{role}/{name}/{planned}",
        _role=types.SimpleNamespace(get_name=lambda: f"mydigitalstructure.aws.{role}") if role else None,
        check_mode=planned,
        no_log=no_log,
        action=action,
        get_name=lambda include_role_fqcn=True: f"{role} : {name}",
    )
    return types.SimpleNamespace(_task=task, _result=answer)


def action(verb, kind, name):
    return {"verb": verb, "kind": kind, "name": name, "fields": {}}


SUBNET = {"subnets": {"app-a": {"id": "subnet-1", "cidr": "10.0.0.0/24", "zone": "a"}}}
PLAN = {"changed": True, "actions": [action("create", "subnet", "app-a")]}


def test_what_was_made_is_told_with_ids_and_the_plan_is_not_told_twice(recap):
    recap.v2_runner_on_ok(result("network", "Make the network", PLAN, planned=True))
    recap.v2_runner_on_ok(result("network", "Make the network", {**PLAN, **SUBNET}))
    recap.v2_playbook_on_stats(None)
    text = recap._display.text()
    assert "1 created" in text
    assert "would be" not in text
    assert "subnet-1  10.0.0.0/24" in text
    assert text.count("created subnet app-a") == 1


def test_what_was_planned_and_never_reached_is_not_told_as_done(recap):
    later = {"changed": True, "actions": [action("create", "load_balancer", "webapi")]}
    recap.v2_runner_on_ok(result("balancers", "Request certificates", PLAN, planned=True))
    recap.v2_runner_on_ok(result("balancers", "Make load balancers", later, planned=True))
    recap.v2_runner_on_failed(result("balancers", "Request certificates", {"failed": True, "msg": "no"}))
    recap.v2_playbook_on_stats(None)
    assert "webapi" not in recap._display.text()
    assert "created" not in recap._display.text()


def test_a_plan_alone_says_what_would_be(recap):
    recap.v2_runner_on_ok(result("network", "Make the network", PLAN, planned=True))
    recap.v2_playbook_on_stats(None)
    assert "would be created subnet app-a" in recap._display.text()
    report = json.loads(recap.path.read_text())
    assert report["network"]["planned"] is True
    assert report["network"]["actions"] == [action("create", "subnet", "app-a")]


def test_nothing_to_change(recap):
    recap.v2_runner_on_ok(result("network", "Make the network", {"changed": False, "actions": []}, planned=True))
    recap.v2_playbook_on_stats(None)
    assert "nothing to change" in recap._display.text()


def test_a_half_failed_apply_tells_what_it_did(recap):
    failed = {"failed": True, "msg": "1 of 2", "done": [action("create", "subnet", "app-a")]}
    recap.v2_runner_on_failed(result("network", "Make the network", failed))
    recap.v2_playbook_on_stats(None)
    assert "created subnet app-a" in recap._display.text()


def test_items_of_stock_modules_are_told_by_their_labels(recap):
    items = {"changed": True, "results": [{"changed": True, "_ansible_item_label": "mds-app"}, {"changed": False}]}
    recap.v2_runner_on_ok(result("fleet", "Make IAM roles", items, action="amazon.aws.iam_role"))
    recap.v2_playbook_on_stats(None)
    assert "changed Make IAM roles mds-app" in recap._display.text()


def test_mail_is_told_without_a_line_for_each_of_thousands_of_domains(recap):
    domains = {f"space{n}.com": {"verified": n > 7} for n in range(1000)}
    waiting = [name for name, domain in domains.items() if not domain["verified"]]
    answer = {"changed": False, "actions": [], "domains": domains, "waiting": waiting}
    recap.v2_runner_on_ok(result("mail", "Make the sender domains", answer))
    smtp = {"host": "email-smtp.example.com", "port": 587, "user": "mds-smtp", "secret": {"name": "mds/mail/smtp"}}
    recap.v2_runner_on_ok(result("mail", "Let the hosts send", {"changed": False, "actions": [], "smtp": smtp}))
    recap.v2_playbook_on_stats(None)
    text = recap._display.text()
    assert "1000, 8 of them wait for their records in DNS: space0.com" in text and "space4.com ..." in text
    assert "email-smtp.example.com:587  secret mds/mail/smtp" in text
    assert len(text.splitlines()) < 10


@pytest.mark.parametrize("hidden", [{"no_log": True}, {"answer": {"censored": "hidden", "changed": True}}])
def test_what_is_not_to_be_logged_is_not_told(recap, hidden):
    answer = hidden.pop("answer", {**PLAN, **SUBNET})
    recap.v2_runner_on_ok(result("network", "Make the network", answer, **hidden))
    recap.v2_playbook_on_stats(None)
    assert "subnet-1" not in recap._display.text()
    assert "app-a" not in recap.path.read_text()


def test_other_playbooks_have_no_recap(recap):
    recap.v2_runner_on_ok(result("", "Something", {"changed": True}, action="ansible.builtin.command"))
    recap.v2_playbook_on_stats(None)
    assert recap._display.lines == []
