"""The module database_passwords against the lab; the secret is looked at with plain boto3."""

from __future__ import annotations

import json

import pytest

DAY = 86400
TAGS = {"platform": "mds", "name": "database", "kind": "database"}


@pytest.fixture
def secret(lab):
    """The secret's current version and password, of a database whose password RDS manages."""
    rds, secrets = lab.client("rds"), lab.client("secretsmanager")
    rds.create_db_instance(
        DBInstanceIdentifier="mds-database",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        MasterUsername="dbowner",
        ManageMasterUserPassword=True,
        Tags=[{"Key": f"mydigitalstructure:{key}", "Value": value} for key, value in TAGS.items()],
    )
    rds.describe_db_instances()
    arn = rds.describe_db_instances()["DBInstances"][0]["MasterUserSecret"]["SecretArn"]

    def look():
        held = secrets.get_secret_value(SecretId=arn)
        return held["VersionId"], json.loads(held["SecretString"])["password"]

    return look


@pytest.fixture
def passwords(lab, run_module):
    def run(check=False, **options):
        result = run_module("database_passwords", check, **{"platform": "mds", "max_age_days": 30, **options})
        assert not result["failed"], result["msg"]
        return result

    return run


def test_a_password_is_replaced_at_its_age_and_not_again(lab, secret, passwords):
    first = secret()
    assert not passwords()["changed"] and secret() == first
    lab.advance(31 * DAY)
    planned = passwords(check=True)
    assert secret() == first
    replaced = passwords()
    assert replaced["actions"] == planned["actions"] and replaced["changed"]
    second = secret()
    assert second[0] != first[0] and second[1] != first[1]
    assert first[1] not in json.dumps(replaced) and second[1] not in json.dumps(replaced)
    lab.clear_calls()
    assert not passwords()["changed"] and secret() == second
    assert lab.mutating() == []


def test_one_that_somebody_may_have_seen_is_replaced_at_once(lab, secret, passwords):
    first = secret()
    assert passwords(renew=["mds-database"])["changed"]
    second = secret()
    assert second != first
    # RDS is still at it
    waits = passwords(renew=["mds-database"])
    assert not waits["changed"] and "its secret is rotating" in waits["waiting"]["mds-database"]
    assert secret() == second


def test_what_waits_for_the_maintenance_window_goes_on_waiting(lab, secret, passwords):
    rds = lab.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier="mds-database", MultiAZ=True)
    rds.describe_db_instances()
    assert passwords(renew=["mds-database"])["changed"]
    assert rds.describe_db_instances()["DBInstances"][0]["PendingModifiedValues"] == {"MultiAZ": True}


def test_a_request_that_is_made_twice_replaces_once(lab, secret, passwords):
    """As by a run that was killed before it saw the answer: the version that is to go makes the token."""
    passwords(renew=["mds-database"])
    lab.client("rds").describe_db_instances()
    token, password = secret()
    (held,) = lab.client("secretsmanager").list_secrets()["SecretList"]
    lab.client("secretsmanager").rotate_secret(SecretId=held["ARN"], ClientRequestToken=token)
    assert secret() == (token, password)


def test_a_password_that_the_platform_keeps_is_given_to_rds(lab, run_module, passwords):
    """The pending version of a run that was killed before RDS had it is given, not another one."""
    rds, secrets = lab.client("rds"), lab.client("secretsmanager")
    tags = [{"Key": f"mydigitalstructure:{key}", "Value": value} for key, value in TAGS.items()]
    instance = {"DBInstanceClass": "db.t4g.medium", "AllocatedStorage": 20, "MasterUsername": "dbowner"}
    own = {"DBInstanceIdentifier": "mds-database", "Engine": "postgres", "MasterUserPassword": "first-password"}
    rds.create_db_instance(**own, **instance, Tags=tags)
    rds.describe_db_instances()
    called = {"Name": "mds/database/database", "Tags": tags}
    secrets.create_secret(**called, SecretString=json.dumps({"username": "dbowner", "password": "first-password"}))
    assert not passwords()["changed"]
    lab.advance(31 * DAY)
    waits = json.dumps({"username": "dbowner", "password": "that-waits"})
    secrets.put_secret_value(SecretId=called["Name"], SecretString=waits, VersionStages=["AWSPENDING"])
    lab.clear_calls()
    told = passwords()
    assert told["changed"] and "that-waits" not in json.dumps(told)
    assert [call["operation"] for call in lab.mutating()] == ["ModifyDBInstance", "UpdateSecretVersionStage"]
    assert secrets.get_secret_value(SecretId=called["Name"])["SecretString"] == waits
    assert not passwords()["changed"]
    assert passwords(renew=["mds-database"])["changed"]
    held = json.loads(secrets.get_secret_value(SecretId=called["Name"])["SecretString"])
    assert len(held["password"]) == 32


def test_bad_input(lab, secret, run_module):
    refused = run_module("database_passwords", platform="mds", renew=["other"])
    assert refused["msg"].startswith("renew: 'other' is not a database of the platform")
    assert "max_age_days: 0 is not allowed" in run_module("database_passwords", platform="mds", max_age_days=0)["msg"]
    assert run_module("database_passwords", platform="other")["databases"] == {}
