"""Playbook rotate as a schedule runs it, and what of a secret can be seen meanwhile: nothing."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.playbooks.runner import ANSIBLE_PLAYBOOK, ROOT

BOOK = """
- name: All that makes a secret
  hosts: localhost
  gather_facts: false
  vars:
    mydigitalstructure_aws_in_controller: false
  tasks:
    - name: A key
      mydigitalstructure.aws.access_keys:
        platform: mds
        users:
          - name: deploy
          - name: mail
            kind: smtp
    - name: A device
      mydigitalstructure.aws.mfa_devices:
        platform: mds
        users:
          - name: deploy
        hand_over: {to: secret}
"""
OWNED = [{"Key": "mydigitalstructure:platform", "Value": "mds"}]


def test_no_secret_is_seen_however_much_ansible_tells(lab, tmp_path):
    for name in ("deploy", "mail"):
        lab.client("iam").create_user(UserName=name, Tags=OWNED)
    (tmp_path / "book.yml").write_text(BOOK)
    ran = subprocess.run(
        [ANSIBLE_PLAYBOOK, tmp_path / "book.yml", "-i", ROOT / "inventories/lab/hosts.yml", "-vvvv", "--diff"],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "tests/ansible.cfg"), "ANSIBLE_DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    told = ran.stdout + ran.stderr
    assert ran.returncode == 0, told[-3000:]
    client = lab.client("secretsmanager")
    values = [
        json.loads(client.get_secret_value(SecretId=item["Name"])["SecretString"])
        for item in client.list_secrets()["SecretList"]
    ]
    secrets = {
        str(value[field])
        for value in values
        for field in ("secret_access_key", "password", "seed", "otpauth_uri", "qr_code_png")
        if field in value
    }
    assert len(secrets) == 5
    assert [secret for secret in secrets if secret in told] == []
    # the debugging output has what a module prints, so that the look above means something
    assert "users_without_mfa" in told and "mds/keys/deploy" in told


def managed_database(lab):
    """A database of the platform whose password RDS manages; its secret's current version."""
    rds = lab.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="mds-database",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        MasterUsername="dbowner",
        ManageMasterUserPassword=True,
        Tags=[*OWNED, {"Key": "mydigitalstructure:kind", "Value": "database"}],
    )
    rds.describe_db_instances()
    arn = rds.describe_db_instances()["DBInstances"][0]["MasterUserSecret"]["SecretArn"]
    return lambda: lab.client("secretsmanager").get_secret_value(SecretId=arn)["VersionId"]


@pytest.mark.once
def test_rotate(lab, playbook):
    lab.client("iam").create_user(UserName="deploy", Tags=OWNED)
    password = managed_database(lab)
    first = password()
    variables = {"rotate_users": [{"name": "deploy"}], "rotate_max_age_days": 30, "rotate_smtp": False}
    made = playbook("rotate", variables=variables)
    assert made.status == 0, made.failure()
    (key,) = lab.client("iam").list_access_keys(UserName="deploy")["AccessKeyMetadata"]
    assert playbook("rotate", variables=variables).stats["changed"] == 0
    assert password() == first
    lab.advance(31 * 86400)
    rotated = playbook("rotate", variables=variables)
    assert rotated.status == 0, rotated.failure()
    assert len(lab.client("iam").list_access_keys(UserName="deploy")["AccessKeyMetadata"]) == 2
    assert password() != first
    # who runs the playbook is told what it waits for
    assert f"{key['AccessKeyId']} is deactivated when nobody uses it until" in rotated.output

    lab.clear_calls()
    failed = playbook("rotate", variables={**variables, "rotate_users": [{"name": "deploy"}, {"name": "nobody"}]})
    assert failed.status != 0 and failed.failure().startswith("users: 'nobody' is not known")
    assert lab.mutating() == []
