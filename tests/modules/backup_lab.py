"""What the tests of backups and restores share: a role, a vault, and one resource of each kind."""

from __future__ import annotations

import json

NAME = "mds-backups"
DAILY = {"name": "daily", "schedule": "cron(0 15 ? * * *)", "delete_after_days": 35}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def role_arn(lab) -> str:
    """The role of AWS Backup, made unless it is there."""
    iam = lab.client("iam")
    for role in iam.list_roles()["Roles"]:
        if role["RoleName"] == NAME:
            return role["Arn"]
    made = iam.create_role(RoleName=NAME, Path="/mds/backups/", AssumeRolePolicyDocument=json.dumps(TRUST))
    return made["Role"]["Arn"]
