"""Module mail_access on the lab: what it made is looked at with boto3, and used with smtplib."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import ssl

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _mail_access
from botocore.exceptions import ClientError

OWN = [{"Key": "mydigitalstructure:platform", "Value": "mds"}, {"Key": "mydigitalstructure:name", "Value": "app"}]
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}},
        ],
    }
)
OPTIONS = {"platform": "mds", "source_ranges": ["203.0.113.7"], "vpc_id": "vpc-1", "tags": {"Env": "lab"}}
WHOLE = [
    ("create", "mail_grant", "mds-app"),
    ("create", "smtp_key", "mds-smtp"),
    ("create", "smtp_secret", "mds/mail/smtp"),
    ("create", "smtp_user", "mds-smtp"),
]


@pytest.fixture
def iam(lab):
    """IAM with the hosts' role, as the role fleet makes it."""
    iam = lab.client("iam")
    iam.create_role(RoleName="mds-app", Path="/mds/", AssumeRolePolicyDocument=TRUST, Tags=OWN)
    return iam


@pytest.fixture
def run(run_module):
    """Run the module with OPTIONS and what is given; what it made, and what it says of it."""

    def run(**options):
        return run_module("mail_access", **{**OPTIONS, **options})

    return run


def named(result):
    assert not result["failed"], result
    return [(a["verb"], a["kind"], a["name"]) for a in result["actions"]]


def keys(iam):
    return [key["AccessKeyId"] for key in iam.list_access_keys(UserName="mds-smtp")["AccessKeyMetadata"]]


def credentials(lab):
    """What the secret says."""
    return json.loads(lab.client("secretsmanager").get_secret_value(SecretId="mds/mail/smtp")["SecretString"])


def login(lab):
    """Log in to the lab's SMTP endpoint as the secret says; the connection."""
    where, said = lab.smtp(), credentials(lab)
    server = smtplib.SMTP(where["host"], where["port"], timeout=30)
    server.starttls(context=ssl.create_default_context(cafile=where["certificate"]))
    server.login(said["username"], said["password"])
    return server


def policy(iam, kind, name):
    answer = getattr(iam, f"get_{kind}_policy")(**{f"{kind.capitalize()}Name": name, "PolicyName": "mail"})
    return {statement["Sid"]: statement for statement in answer["PolicyDocument"]["Statement"]}


def test_check_converge_and_second_run(lab, iam, run):
    lab.clear_calls()
    checked = run(check=True)
    assert named(checked) == WHOLE
    assert lab.mutating() == []
    assert checked["smtp"]["access_key_id"] == checked["smtp"]["secret"]["arn"] == "(known after apply)"
    made = run()
    assert made["actions"] == checked["actions"]
    order = [call["operation"] for call in lab.mutating()]
    assert order == ["CreateUser", "PutUserPolicy", "CreateAccessKey", "CreateSecret", "PutRolePolicy"]

    user = iam.get_user(UserName="mds-smtp")["User"]
    assert user["Path"] == "/mds/"
    assert {"Key": "Env", "Value": "lab"} in user["Tags"] and OWN[0] in user["Tags"]
    sending = policy(iam, "user", "mds-smtp")
    assert sending["FromAddresses"]["Action"] == sending["FromVpcEndpoint"]["Action"] == ["ses:SendRawEmail"]
    assert sending["FromAddresses"]["Condition"]["IpAddress"] == {"aws:SourceIp": ["203.0.113.7/32"]}
    assert sending["FromVpcEndpoint"]["Condition"]["StringEquals"]["aws:SourceVpc"] == "vpc-1"
    for statement in sending.values():
        assert statement["Condition"]["StringEquals"]["aws:ResourceTag/mydigitalstructure:platform"] == "mds"
    secret = lab.client("secretsmanager").describe_secret(SecretId="mds/mail/smtp")
    assert made["smtp"]["secret"] == {"name": "mds/mail/smtp", "arn": secret["ARN"]}
    assert {"Key": "Env", "Value": "lab"} in secret["Tags"]
    read = policy(iam, "role", "mds-app")
    assert list(read) == ["ReadSmtpCredentials"] and read["ReadSmtpCredentials"]["Resource"] == [
        secret["ARN"][:-6] + "??????"
    ]
    said = credentials(lab)
    assert keys(iam) == [said["username"]] == [made["smtp"]["access_key_id"]]
    assert (said["host"], said["port"]) == ("email-smtp.ap-southeast-2.amazonaws.com", 587)
    login(lab).quit()

    lab.clear_calls()
    again = run()
    assert named(again) == [] and again["smtp"] == made["smtp"]
    assert lab.mutating() == []
    operations = [call["operation"] for call in lab.calls()]
    # the password is never read back
    assert "GetSecretValue" not in operations and len(operations) <= 10


def test_the_change_to_the_api_and_back_never_leaves_the_hosts_without_a_way(lab, iam, run):
    run()
    first = keys(iam)
    orders = {}
    for transport in ("both", "api", "both", "smtp"):
        planned = run(check=True, transport=transport)
        lab.clear_calls()
        changed = run(transport=transport)
        assert changed["actions"] == planned["actions"] and changed["actions"]
        orders.setdefault(transport, []).append([call["operation"] for call in lab.mutating()])
        assert named(run(transport=transport)) == []
        if transport == "api":
            assert changed["smtp"] is None
            with pytest.raises(ClientError):
                iam.get_user(UserName="mds-smtp")
            assert lab.client("secretsmanager").list_secrets()["SecretList"] == []
            send = policy(iam, "role", "mds-app")
            assert list(send) == ["Send"] and send["Send"]["Action"] == ["ses:SendEmail", "ses:SendRawEmail"]
            assert send["Send"]["Condition"] == {"StringEquals": {"aws:ResourceTag/mydigitalstructure:platform": "mds"}}
        else:
            login(lab).quit()
    made = ["CreateUser", "PutUserPolicy", "CreateAccessKey", "CreateSecret", "PutRolePolicy"]
    assert orders["both"] == [["PutRolePolicy"], made]
    gone = ["DeleteAccessKey", "DeleteSecret", "DeleteUserPolicy", "DeleteUser"]
    # with both open already, nothing is left to give
    assert orders["api"] == [["PutRolePolicy", *gone]]
    assert orders["smtp"] == [["PutRolePolicy"]]
    assert list(policy(iam, "role", "mds-app")) == ["ReadSmtpCredentials"]
    assert keys(iam) != first

    # without the way by both, the permission is there before the user goes, and the user before the permission goes
    lab.clear_calls()
    run(transport="api")
    assert [call["operation"] for call in lab.mutating()] == ["PutRolePolicy", *gone]
    lab.clear_calls()
    run(transport="smtp")
    assert [call["operation"] for call in lab.mutating()] == made


class Killed(BaseException):
    """As a kill: nothing catches it."""


@pytest.mark.usefixtures("own_clients")
@pytest.mark.parametrize("operation", ["put_user_policy", "create_access_key", "create_secret", "put_role_policy"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_run_that_was_killed_is_completed_by_the_next(lab, iam, run, monkeypatch, operation, before):
    real = _mail_access.client

    def dying(module, service):
        client = real(module, service)
        if hasattr(client, operation):
            call = getattr(client, operation)

            def die(**arguments):
                if not before:
                    call(**arguments)
                raise Killed

            monkeypatch.setattr(client, operation, die)
        return client

    with monkeypatch.context() as patch:
        patch.setattr(_mail_access, "client", dying)
        with pytest.raises(Killed):
            run()
    lost = iam.list_access_keys(UserName="mds-smtp")["AccessKeyMetadata"]
    # the one moment in which a key's secret is lost
    assert len(lost) == ((operation, before) not in {("put_user_policy", True), ("put_user_policy", False),
                                                     ("create_access_key", True)})  # fmt: skip
    planned = run(check=True)
    completed = run()
    assert not completed["failed"] and completed["actions"] == planned["actions"]
    assert keys(iam) == [credentials(lab)["username"]]
    login(lab).quit()
    assert named(run()) == []


def test_a_key_whose_password_cannot_be_kept_goes_again(lab, iam, run):
    secrets = lab.client("secretsmanager")

    def fail(**arguments):
        raise ClientError({"Error": {"Code": "InternalServiceError", "Message": "no"}}, "CreateSecret")

    real = _mail_access.client
    with pytest.MonkeyPatch.context() as patch:

        def failing(module, service):
            client = real(module, service)
            if service == "secretsmanager":
                patch.setattr(client, "create_secret", fail)
            return client

        patch.setattr(_mail_access, "client", failing)
        half = run()
    assert half["failed"] and "AWS refused CreateSecret" in half["msg"]
    assert keys(iam) == [] and secrets.list_secrets()["SecretList"] == []
    assert not run()["failed"]
    login(lab).quit()


def test_what_somebody_changed_is_put_right(lab, iam, run):
    run()
    [key], secrets = keys(iam), lab.client("secretsmanager")

    # another key beside the one that counts
    stray = iam.create_access_key(UserName="mds-smtp")["AccessKey"]["AccessKeyId"]
    assert named(run()) == [("delete", "smtp_key", stray)]
    assert keys(iam) == [key]

    # rights that the user is not to have
    iam.attach_user_policy(UserName="mds-smtp", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    more = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="mds-smtp", PolicyName="more", PolicyDocument=more)
    iam.create_group(GroupName="admins")
    iam.add_user_to_group(UserName="mds-smtp", GroupName="admins")
    changed = run()
    assert named(changed) == [("update", "smtp_user", "mds-smtp")]
    assert changed["actions"][0]["fields"]["further_rights"]["before"] == [
        "admins",
        "more",
        "arn:aws:iam::aws:policy/AdministratorAccess",
    ]
    assert iam.list_user_policies(UserName="mds-smtp")["PolicyNames"] == ["mail"]
    assert iam.list_attached_user_policies(UserName="mds-smtp")["AttachedPolicies"] == []
    assert iam.list_groups_for_user(UserName="mds-smtp")["Groups"] == []

    replaced = [
        ("delete", "smtp_key", key),
        ("create", "smtp_key", "mds-smtp"),
        ("update", "smtp_secret", "mds/mail/smtp"),
    ]
    # a secret that says something else
    secrets.put_secret_value(SecretId="mds/mail/smtp", SecretString="{}")
    assert sorted(named(run())) == sorted(replaced)
    [key] = keys(iam)
    login(lab).quit()

    # a key that was disabled: whoever did it had a reason
    iam.update_access_key(UserName="mds-smtp", AccessKeyId=key, Status="Inactive")
    assert sorted(named(run())) == sorted([("delete", "smtp_key", key), *replaced[1:]])
    [key] = keys(iam)
    login(lab).quit()

    # another endpoint
    run(host="vpce-1.email-smtp.example.com", port=2587)
    assert (credentials(lab)["host"], credentials(lab)["port"]) == ("vpce-1.email-smtp.example.com", 2587)
    login(lab).quit()
    run()

    # a secret that is scheduled for deletion comes back
    secrets.delete_secret(SecretId="mds/mail/smtp", RecoveryWindowInDays=7)
    assert ("create", "smtp_secret", "mds/mail/smtp") in named(run())
    login(lab).quit()

    # tags, ranges
    changed = run(tags={"Team": "mail"}, source_ranges=["198.51.100.0/24"])
    assert named(changed) == [("update", "smtp_secret", "mds/mail/smtp"), ("update", "smtp_user", "mds-smtp")]
    assert {"Key": "Team", "Value": "mail"} in secrets.describe_secret(SecretId="mds/mail/smtp")["Tags"]
    assert "Env" not in {tag["Key"] for tag in iam.get_user(UserName="mds-smtp")["User"]["Tags"]}
    assert named(run(tags={"Team": "mail"}, source_ranges=["198.51.100.0/24"])) == []


def test_what_is_somebody_elses_stays(lab, iam, run):
    iam.create_user(UserName="mds-smtp")
    refused = run()
    assert refused["failed"] and "an IAM user mds-smtp" in refused["msg"] and "somebody else's" in refused["msg"]
    assert named(run(transport="api")) == [("create", "mail_grant", "mds-app")]
    assert named(run(state="absent")) == [("delete", "mail_grant", "mds-app")]
    assert iam.get_user(UserName="mds-smtp")
    iam.delete_user(UserName="mds-smtp")

    secrets = lab.client("secretsmanager")
    secrets.create_secret(Name="mds/mail/smtp", SecretString="theirs")
    refused = run()
    assert refused["failed"] and "a secret mds/mail/smtp" in refused["msg"]
    run(state="absent")
    assert secrets.get_secret_value(SecretId="mds/mail/smtp")["SecretString"] == "theirs"
    secrets.delete_secret(SecretId="mds/mail/smtp", ForceDeleteWithoutRecovery=True)

    iam.create_role(RoleName="mds-web", AssumeRolePolicyDocument=TRUST)
    refused = run(role="web")
    assert refused["failed"] and "role: mds-web: an IAM role mds-web" in refused["msg"]


def test_absent_leaves_nothing(lab, iam, run):
    assert named(run(state="absent")) == []
    run(transport="both")
    gone = run(state="absent", source_ranges=[], vpc_id=None)
    assert {verb for verb, kind, name in named(gone)} == {"delete"} and len(gone["actions"]) == 4
    assert iam.list_users()["Users"] == []
    assert lab.client("secretsmanager").list_secrets()["SecretList"] == []
    assert iam.list_role_policies(RoleName="mds-app")["PolicyNames"] == []
    assert named(run(state="absent")) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source_ranges": ["10.0.0.1/8"]}, ["source_ranges: '10.0.0.1/8'", "host bits set"]),
        ({"source_ranges": ["here"]}, ["source_ranges: 'here'", "203.0.113.0/24"]),
        ({"source_ranges": [], "vpc_id": None}, ["source_ranges: it is empty", "vpc_id"]),
        ({"source_ranges": ["(known after apply)"]}, ["source_ranges", "only in check mode"]),
        ({"source_ranges": [f"10.{n}.0.0/16" for n in range(99)]}, ["99 ranges", "2048"]),
        ({"host": "no host"}, ["host: 'no host'"]),
        ({"port": 0}, ["port: 0", "587"]),
        ({"role": "web"}, ["role: 'web' is not known", "mds-web"]),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(lab, iam, run, given, words):
    lab.clear_calls()
    refused = run(**given)
    assert refused["failed"]
    for word in words:
        assert word in refused["msg"], refused["msg"]
    assert lab.mutating() == []


@pytest.mark.usefixtures("own_clients")
def test_no_secret_is_in_any_output(lab, iam, run, monkeypatch):
    """Neither the secret access key, which is seen as IAM gives it, nor the password is in what the module says."""
    given = []
    real = _mail_access.client

    def seen(module, service):
        client = real(module, service)
        if service == "iam":
            create = client.create_access_key

            def keep(**arguments):
                answer = create(**arguments)
                given.append(answer["AccessKey"]["SecretAccessKey"])
                return answer

            monkeypatch.setattr(client, "create_access_key", keep)
        return client

    monkeypatch.setattr(_mail_access, "client", seen)
    results = [run(), run(transport="api"), run(transport="smtp"), run()]
    assert len(given) == 2
    signature = b"AWS4" + given[-1].encode()
    for text in ("11111111", "ap-southeast-2", "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.new(signature, text.encode(), hashlib.sha256).digest()
    password = base64.b64encode(b"\x04" + signature).decode()
    assert credentials(lab)["password"] == password
    for secret in [*given, password]:
        assert secret not in json.dumps(results)


def test_a_key_that_is_being_replaced_is_left_alone(lab, iam, run, run_module):
    run()
    (first,) = keys(iam)
    smtp = {"name": "mds-smtp", "kind": "smtp", "secret": "mds/mail/smtp"}
    run_module("access_keys", platform="mds", users=[smtp], renew=["mds-smtp"])
    assert len(keys(iam)) == 2
    assert credentials(lab)["username"] != first
    assert named(run()) == []
    assert first in keys(iam)
    # both still send
    login(lab).quit()
    for _step in ("deactivated", "since when", "deleted"):
        lab.advance(10 * 86400)
        step = run_module("access_keys", platform="mds", users=[smtp])
        assert not step["failed"], step
        assert named(run()) == []
    assert keys(iam) == [credentials(lab)["username"]]
