"""`access_report` shows what it found, writes it for machines and people, and its exit status is for a schedule."""

from __future__ import annotations

import html.parser
import json
import stat

import pytest

HOSTILE = "aws:<script>alert('x')</script>&\"quoted\""


class Page(html.parser.HTMLParser):
    """What a browser would make of a page: its elements and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def account(lab):
    """A user that may do everything (high), old keys (medium) and a policy with somebody's own words (low)."""
    iam = lab.client("iam")
    lab.root(mfa=True)
    iam.create_user(UserName="kim", Path="/mds/people/")
    iam.attach_user_policy(UserName="kim", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.create_access_key(UserName="kim")
    condition = {"StringEquals": {HOSTILE: "x"}}
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="kim", PolicyName="own", PolicyDocument=document)
    return lab


def test_what_is_found_is_shown_written_and_fails(playbook, account, tmp_path):
    page, data = tmp_path / "access.html", tmp_path / "access.json"
    variables = {"access_report_html": str(page), "access_report_json": str(data)}
    before = account.mutating()
    run = playbook("access_report", variables=variables)
    assert run.status == 2
    assert run.failure() == (
        "access_report_fail_on: high is asked for, and 1 such finding is there; the first is user kim: "
        "It may do everything, by the policy AdministratorAccess."
    )
    shown = next(result["msg"] for result in run.results if result["task"].endswith("Show the report")).splitlines()
    assert [line.split() for line in shown if line.startswith("kim ")] == [
        ["kim", "yes", "no", "no", "0d", "never", shown[4].split()[-1]]
    ]
    assert shown[-1] == "Findings: 1 high, 1 medium, 1 low, 0 info"
    written = json.loads(data.read_text())
    assert [finding["severity"] for finding in written["findings"]] == ["high", "medium", "low"]
    assert set(written) == {
        "account", "root", "password_policy", "users", "groups", "roles", "policies", "findings"
    }  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in (page, data)} == {0o600}
    seen = Page(page.read_text())
    assert "script" not in seen.elements
    assert not {"link", "img", "iframe"} & set(seen.elements)
    assert HOSTILE.partition("'")[0] in seen.text
    assert "It may do everything, by the policy AdministratorAccess." in seen.text
    assert account.mutating() == before


@pytest.mark.parametrize(
    ("fail_on", "known", "status"),
    [("high", True, 0), ("medium", True, 2), ("never", False, 0)],
)
def test_the_exit_status_follows_the_severity(playbook, account, fail_on, known, status):
    variables = {"access_report_fail_on": fail_on, "access_report_break_glass": ["user kim"] if known else []}
    run = playbook("access_report", variables=variables)
    assert run.status == status, run.output


def test_a_check_tells_the_same_and_writes_nothing(playbook, account, tmp_path):
    page = tmp_path / "access.html"
    run = playbook("access_report", "--check", variables={"access_report_html": str(page)})
    assert run.status == 2
    assert "AdministratorAccess" in run.failure()
    assert not page.exists()


BAD = {
    "fail_on": (
        {"access_report_fail_on": "grave"},
        ["access_report_fail_on", "grave", "high, medium, low, info, never"],
    ),
    "no directory": (
        {"access_report_html": "/nowhere/access.html"},
        ["access_report_html", "/nowhere", "no directory"],
    ),
    "account": ({"access_report_trusted_accounts": ["1234"]}, ["trusted_accounts", "'1234'", "12 digits"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_read(playbook, lab, case):
    variables, words = BAD[case]
    run = playbook("access_report", variables=variables)
    assert run.status == 2
    message = run.failure() + run.output if case == "fail_on" else run.failure()
    assert [word for word in words if word not in message] == []
    assert "Traceback" not in run.output
    assert [call for call in lab.calls() if call["service"] == "iam"] == []
