"""What of mail cannot work, as an operator meets it: Ansible's own output has the one sentence and no traceback."""

from __future__ import annotations

import json

CASES = {
    "not a domain": ({"name": "space one.com"}, "domains: name 'space one.com' is not a domain"),
    "public suffix": ({"name": "com.au"}, "domains: name 'com.au' is a public suffix"),
    "somebody else's": ({"name": "theirs.com"}, "domains: theirs.com: an SES identity of that name is there already"),
    "broken key": (
        {"name": "a.com", "dkim": {"type": "external", "selector": "s1", "private_key": "-----BEGIN secretsecret"}},
        "domains: a.com: private_key cannot be read",
    ),
}


def test_what_cannot_work_is_said_in_one_sentence(lab, playbook, tmp_path):
    ses = lab.client("sesv2")
    ses.create_email_identity(EmailIdentity="theirs.com")
    ses.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://a.com", ProductionAccessEnabled=False)
    lab.clear_calls()

    def task(name, *domains):
        options = {"platform": "mds", "region": "ap-southeast-2", "calls_per_second": 0, "domains": list(domains)}
        return {"name": name, "mydigitalstructure.aws.mail_domains": options, "failed_when": False}

    right = {"name": "right.com"}
    tasks = [task(case, right, given) for case, (given, _sentence) in CASES.items()]
    book = tmp_path / "mail.json"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    run = playbook(book)
    said = {result["task"]: result["msg"] for result in run.results if "msg" in result}
    assert sorted(said) == sorted(CASES)
    for case, (_given, sentence) in CASES.items():
        assert said[case].startswith(sentence)
        assert said[case].endswith(".") and "\n" not in said[case] and ". " not in said[case]
    assert lab.mutating() == []
    assert "Traceback" not in run.output and "secretsecret" not in run.output

    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task("right", right)]}]))
    [made] = playbook(book).results
    assert made["changed"]
    [warning] = [text for text in map(str, made["warnings"]) if "sandbox" in text]
    assert "ask AWS for production access" in warning
