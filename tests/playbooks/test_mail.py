"""Role mail as an operator runs it: a mail is really sent, the way to send is changed and changed back."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import os
import smtplib
import ssl
import subprocess

import pytest

from tests.playbooks.runner import account, playbook_command, playbook_environment, run_playbook

pytestmark = pytest.mark.once

DOMAIN = "mydigitalstructure.com"
PART = {
    # what mail does not need, so that the tests are quick
    "balancers_access_points": [],
    "fleet_access_points": [],
    "fleet_scaling": [],
    "fleet_instances": [],
    "files_host": "",
    "database_enabled": False,
    "backups_enabled": False,
    "fleet_schedules": [],
    "dns_admin_name": "",
    "dns_purge": True,
}


@pytest.fixture(scope="module")
def platform(lab_server, tmp_path_factory):
    """One platform with mail for all of these tests, and somebody else's mail beside it: (lab, playbook, output)."""
    lab_server.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
            patch.delenv(name)
        for name, value in lab_server.environment().items():
            patch.setenv(name, value)
        plant(lab_server)
        directory = tmp_path_factory.mktemp("mail")
        before = account()
        command = [*playbook_command("provision", directory, PART), "-vvv", "--diff"]
        ran = subprocess.run(
            command,
            env=playbook_environment({"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}),
            capture_output=True,
            text=True,
            check=False,
            cwd=directory,
        )
        assert ran.returncode == 0, ran.stdout[-3000:]
        yield lab_server, functools.partial(run_playbook, directory), ran.stdout + ran.stderr, before


def plant(lab):
    """Mail of somebody else: a verified domain, a stream, a topic, a queue, a user with a key, a secret."""
    ses, iam, dns = lab.client("sesv2"), lab.client("iam"), lab.client("route53")
    zone = dns.create_hosted_zone(Name="foreign.example", CallerReference="theirs")["HostedZone"]["Id"]
    made = ses.create_email_identity(EmailIdentity="foreign.example")
    changes = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {
                "Name": f"{token}._domainkey.foreign.example",
                "Type": "CNAME",
                "TTL": 60,
                "ResourceRecords": [{"Value": f"{token}.dkim.amazonses.com"}],
            },
        }
        for token in made["DkimAttributes"]["Tokens"]
    ]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    ses.create_configuration_set(ConfigurationSetName="mds-theirs")
    lab.client("sns").create_topic(Name="theirs")
    lab.client("sqs").create_queue(QueueName="theirs")
    iam.create_user(UserName="theirs")
    iam.create_access_key(UserName="theirs")
    lab.client("secretsmanager").create_secret(Name="theirs", SecretString="theirs")


def provision(platform, *arguments, **variables):
    run = platform[1]("provision", *arguments, variables={**PART, **variables})
    assert run.status == 0, run.failure()
    return run


def login(lab, password=None):
    """A session of the lab's SMTP endpoint, with what Secrets Manager says."""
    said = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="mds/mail/smtp")["SecretString"])
    where = lab.smtp()
    server = smtplib.SMTP(where["host"], where["port"], timeout=30)
    server.starttls(context=ssl.create_default_context(cafile=where["certificate"]))
    server.login(said["username"], password or said["password"])
    return server


def send(server, sender, stream="mds-adhoc"):
    text = f"From: {sender}\r\nSubject: Hello\r\nX-SES-CONFIGURATION-SET: {stream}\r\n\r\nHello"
    server.sendmail(sender, ["you@example.net"], text)


def test_a_second_run_and_a_plan_change_nothing(platform):
    lab = platform[0]
    lab.clear_calls()
    assert provision(platform).stats["changed"] == 0
    assert provision(platform, "--check").stats["changed"] == 0
    assert lab.mutating() == []


def test_a_mail_is_really_sent_from_the_platforms_domain_and_from_no_other(platform):
    lab = platform[0]
    with login(lab) as server:
        send(server, f"hello@{DOMAIN}")
        send(server, f"news@{DOMAIN}", "mds-campaign")
        # not an identity at all
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(server, "hello@elsewhere.com")
        assert refused.value.smtp_code == 554
        assert b"Message rejected: Email address is not verified" in refused.value.smtp_error
        # verified in the same account, and not the platform's
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(server, "hello@foreign.example")
        assert refused.value.smtp_code == 554 and b"Access denied" in refused.value.smtp_error
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(server, f"hello@{DOMAIN}", "mds-theirs")
        assert b"Access denied" in refused.value.smtp_error
    assert [mail["sender"] for mail in lab.mail()] == [f"hello@{DOMAIN}", f"news@{DOMAIN}"]
    with pytest.raises(smtplib.SMTPAuthenticationError):
        login(lab, "wrong" + "x" * 39)


def test_the_secret_is_in_no_output(platform):
    """Not in that of the run that made it, with -vvv and --diff."""
    lab, _playbook, output, _before = platform
    said = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="mds/mail/smtp")["SecretString"])
    assert said["username"] in output, "the output does not tell of the key at all"
    assert said["password"] not in output
    # the secret access key is known to IAM alone; any text of its length that has this password is it
    candidates = {word for word in output.replace('"', " ").replace("'", " ").split() if len(word) == 40}
    for candidate in candidates:
        signature = b"AWS4" + candidate.encode()
        for text in ("11111111", "ap-southeast-2", "ses", "aws4_request", "SendRawEmail"):
            signature = hmac.new(signature, text.encode(), hashlib.sha256).digest()
        assert base64.b64encode(b"\x04" + signature).decode() != said["password"]


def test_to_the_api_and_back_in_an_order_that_never_stops_mail(platform):
    lab = platform[0]
    gone = ["DeleteAccessKey", "DeleteSecret", "DeleteUserPolicy", "DeleteUser"]
    made = ["CreateUser", "PutUserPolicy", "CreateAccessKey", "CreateSecret", "PutRolePolicy"]
    for transport, expected in (("api", ["PutRolePolicy", *gone]), ("smtp", made)):
        plan = provision(platform, "--check", mail_transport=transport)
        lab.clear_calls()
        run = provision(platform, mail_transport=transport)
        assert run.actions("Apply the plan") == plan.actions()
        assert [call["operation"] for call in lab.mutating()] == expected
    with login(lab) as server:
        send(server, f"again@{DOMAIN}")
    assert lab.mail()[-1]["sender"] == f"again@{DOMAIN}"


def test_a_purge_leaves_tenants_domains_and_their_records(platform, run_module):
    lab = platform[0]
    ses = lab.client("sesv2")
    tenant = {"name": "spaceone.example", "tenant": "spaceone"}
    made = run_module("mail_domains", platform="mds", scope="tenants", domains=[tenant], calls_per_second=0)
    assert not made["failed"], made
    extra = {"name": "1blankspace.com", "configuration_set": "adhoc"}
    domains = [{"name": DOMAIN, "configuration_set": "adhoc"}]
    provision(platform, mail_domains=[*domains, extra])
    assert ses.get_email_identity(EmailIdentity="1blankspace.com")["VerificationStatus"] == "SUCCESS"
    # the records of a domain that goes, go with it
    run = provision(platform, mail_domains=domains, mail_purge=True)
    gone = {key for key, fields in run.actions("Apply the plan").items() if key[1].count("1blankspace.com")}
    assert ("mail_domain", "1blankspace.com") in gone and len(gone) == 1 + 3 + 3
    there = {item["IdentityName"] for item in ses.list_email_identities()["EmailIdentities"]}
    assert there == {DOMAIN, "foreign.example", "spaceone.example"}
    assert [tenant["TenantName"] for tenant in ses.list_tenants()["Tenants"]] == ["mds-spaceone"]
    gone = run_module("mail_domains", platform="mds", scope="tenants", state="absent", calls_per_second=0)
    assert not gone["failed"], gone


def test_destroy_leaves_what_is_somebody_elses_and_nothing_else(platform):
    run = platform[1]("destroy", variables={**PART, "destroy_confirm": "mds"})
    assert run.status == 0, run.failure()
    after, before = account(), platform[3]
    for kind, items in before.items():
        assert after[kind] == items, kind
