"""SES's SMTP endpoint of the lab, spoken to with smtplib."""

from __future__ import annotations

import json
import smtplib
import ssl
import subprocess
import sys
from email.utils import parseaddr

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.filter.ses_smtp_password import ses_smtp_password

from tests.lab import control
from tests.lab.smtp import allows
from tests.lab.test_ses import easy, publish

SEND = {"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}


@pytest.fixture
def login(lab):
    """(user name, password) of an IAM user who may send from anything."""
    iam = lab.client("iam")
    iam.create_user(UserName="mailer")
    document = json.dumps({"Version": "2012-10-17", "Statement": [SEND]})
    iam.put_user_policy(UserName="mailer", PolicyName="send", PolicyDocument=document)
    key = iam.create_access_key(UserName="mailer")["AccessKey"]
    return key["AccessKeyId"], ses_smtp_password(key["SecretAccessKey"], "ap-southeast-2")


@pytest.fixture
def domain(lab):
    """A verified domain."""
    made = lab.client("sesv2").create_email_identity(EmailIdentity="spaceone.com")
    publish(lab, *easy(made["DkimAttributes"]["Tokens"]))
    return "spaceone.com"


def session(lab):
    """A connection to the endpoint with TLS, its certificate checked."""
    where = lab.smtp()
    server = smtplib.SMTP(where["host"], where["port"], timeout=30)
    server.starttls(context=ssl.create_default_context(cafile=where["certificate"]))
    return server


def send(server, sender, **headers):
    headers = {"From": sender, "Subject": "Hi", **headers}
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    server.sendmail(parseaddr(sender)[1], ["you@example.net"], f"{text}\r\nHello")


def test_a_mail_of_a_verified_domain_arrives(lab, login, domain):
    with session(lab) as server:
        server.login(*login)
        send(server, f"Space One <news@{domain}>")
        # a subdomain of a verified domain is verified
        send(server, f"news@sub.{domain}")
    first, second = lab.mail()
    assert (first["user"], first["sender"], first["recipients"]) == ("mailer", f"news@{domain}", ["you@example.net"])
    assert "Subject: Hi" in first["message"] and first["message"].rstrip().endswith("Hello")
    assert second["sender"] == f"news@sub.{domain}"
    lab.reset()
    assert lab.mail() == []


def test_nothing_is_taken_without_tls_or_login(lab, login):
    where = lab.smtp()
    assert where == lab.smtp()
    with smtplib.SMTP(where["host"], where["port"], timeout=30) as server:
        with pytest.raises(smtplib.SMTPException):
            server.login(*login)
        assert server.docmd("MAIL", "FROM:<a@spaceone.com>")[0] == 530
    with session(lab) as server, pytest.raises(smtplib.SMTPSenderRefused):
        send(server, "a@spaceone.com")


@pytest.mark.parametrize("wrong", ["password", "user", "key"])
def test_wrong_credentials_are_refused(lab, login, wrong):
    user, password = login
    if wrong == "password":
        password = password[:-2] + ("A=" if not password.endswith("A=") else "B=")
    if wrong == "user":
        user = "AKIA" + "0" * 16
    if wrong == "key":
        lab.client("iam").update_access_key(UserName="mailer", AccessKeyId=user, Status="Inactive")
    with session(lab) as server, pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        server.login(user, password)
    assert refused.value.smtp_code == 535


def refusal(lab, login, sender, **headers):
    """What the endpoint says to a mail that it refuses."""
    with session(lab) as server:
        server.login(*login)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(server, sender, **headers)
    assert lab.mail() == []
    assert refused.value.smtp_code == 554
    return refused.value.smtp_error.decode()


def test_a_domain_that_is_not_verified_is_refused(lab, login, domain):
    lab.client("sesv2").create_email_identity(EmailIdentity="waiting.com")
    for other in ("elsewhere.com", "waiting.com"):
        said = refusal(lab, login, f"news@{other}")
        assert said.startswith("Message rejected: Email address is not verified.") and f"news@{other}" in said


def test_what_the_policy_does_not_allow_is_refused(lab, login, domain):
    tagged = {**SEND, "Condition": {"StringEquals": {"aws:ResourceTag/owner": "us"}}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [tagged]})
    lab.client("iam").put_user_policy(UserName="mailer", PolicyName="send", PolicyDocument=document)
    assert refusal(lab, login, f"news@{domain}").startswith("Access denied: User `mailer' is not authorized")
    arn = f"arn:aws:ses:ap-southeast-2:123456789012:identity/{domain}"
    lab.client("sesv2").tag_resource(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "us"}])
    with session(lab) as server:
        server.login(*login)
        send(server, f"news@{domain}")
    assert len(lab.mail()) == 1


def test_a_paused_stream_is_refused(lab, login, domain):
    ses = lab.client("sesv2")
    ses.create_configuration_set(ConfigurationSetName="news")
    ses.put_configuration_set_sending_options(ConfigurationSetName="news", SendingEnabled=False)
    said = refusal(lab, login, f"news@{domain}", X_SES_CONFIGURATION_SET="news")
    assert said == "Sending is paused for configuration set <news>."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"Effect": "Deny"}, False),
        ({"Action": ["ses:SendEmail"]}, False),
        ({"Action": "ses:*"}, True),
        ({"Resource": ["arn:aws:ses:x:1:identity/b.com"]}, False),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/owner": ["us", "them"]}}}, True),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/owner": "them"}}}, False),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, True),
    ],
)
def test_what_a_statement_allows(changes, expected):
    assert allows({**SEND, **changes}, "arn:aws:ses:x:1:identity/a.com", {"owner": "us"}) is expected


def test_the_command_line_starts_it_and_shows_mail(lab, login, domain):
    def command(name):
        arguments = [sys.executable, "-m", "tests.lab", "--state", str(lab.state_dir), name]
        ran = subprocess.run(arguments, cwd=control.REPOSITORY, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in ran.stdout.splitlines()]

    assert command("smtp") == [lab.smtp()]
    with session(lab) as server:
        server.login(*login)
        send(server, f"news@{domain}")
    assert [mail["sender"] for mail in command("mail")] == [f"news@{domain}"]
