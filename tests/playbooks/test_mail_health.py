"""Playbook mail_health as a schedule runs it: its exit status, its table, its file."""

from __future__ import annotations

import json


def reasons(run):
    return [result for result in run.results if result.get("failed")]


def test_it_ends_well_only_while_nobody_is_needed(lab, playbook, run_module, tmp_path):
    spaces = [{"name": f"space{n}.example.com", "tenant": f"space{n}"} for n in range(3)]
    made = run_module("mail_domains", platform="mds", domains=spaces, calls_per_second=0)
    assert not made["failed"], made
    report = tmp_path / "health.json"
    well = playbook("mail_health", variables={"mail_health_json": "health.json"})
    assert well.status == 0, well.output
    [table] = [result["msg"] for result in well.results if result["task"] == "Show it"]
    assert "domains  3: 0 well, 3 waiting, 0 failing" in table
    told = json.loads(report.read_text())
    assert sorted(told) == ["account", "domains", "healthy", "reasons", "streams", "tenants", "totals"]
    assert told["domains"]["space1.example.com"]["waiting_since"]

    lab.observe_mail(tenants={"mds-space1": {"status": "DISABLED", "impact": "HIGH"}})
    lab.clear_calls()
    bad = playbook("mail_health", variables={"mail_health_json": str(report), "mail_health_waiting_hours": 0})
    assert bad.status == 2
    [failure] = reasons(bad)
    assert failure["msg"] == (
        "3 domains waited longer than 0 hours for DNS records that are not there: space0.example.com, "
        "space1.example.com, space2.example.com. AWS has paused 1 tenant: space1."
    )
    # the file is there all the same
    assert json.loads(report.read_text())["healthy"] is False
    assert lab.mutating() == []


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(lab, playbook):
    run = playbook("mail_health", variables={"mail_health_json": "nowhere/health.json"})
    [failure] = reasons(run)
    assert run.status == 2
    assert failure["msg"].startswith('mail_health_json: "nowhere/health.json" lies in ')
    assert failure["msg"].endswith("/nowhere, which is no directory; make it first.")
    assert [call for call in lab.calls() if call["service"] in ("ses", "sesv2")] == []
