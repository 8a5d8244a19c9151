"""Role backups and playbooks backup, restore and restore_drill, as an operator runs them; seen with the AWS CLI."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.modules import backup_lab as own

AWS = pathlib.Path(sys.executable).with_name("aws")
ROLE = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/mydigitalstructure.aws.aws: {region: "{{ platform_region }}"}
  tasks:
    - ansible.builtin.include_role: {name: mydigitalstructure.aws.backups, tasks_from: "{{ part }}"}
"""
LOCK = {"min_retention_days": 1, "max_retention_days": 400}
TABLE = {"restore_kind": "table", "restore_name": "sessions"}


def aws(*arguments: str) -> dict:
    """What the AWS CLI says."""
    command = [str(AWS), *arguments, "--output", "json", "--region", "ap-southeast-2"]
    return json.loads(subprocess.run(command, env=os.environ, capture_output=True, check=True).stdout or "{}")


def told(run, task: str):
    """The last that a task said, for its last item if it has a loop."""
    return [result["msg"] for result in run.results if result["task"] == task][-1]


@pytest.mark.once
def test_a_platform_is_backed_up_restored_and_tried(lab, playbook, tmp_path):
    role = tmp_path / "role.yml"
    role.write_text(ROLE)
    made = playbook(role, variables={"part": "main", "backups_lock": LOCK})
    assert made.status == 0, made.output
    vault = aws("backup", "describe-backup-vault", "--backup-vault-name", own.NAME)
    assert (vault["Locked"], vault["MinRetentionDays"], "LockDate" in vault) == (True, 1, False)
    (plan,) = aws("backup", "list-backup-plans")["BackupPlansList"]
    rules = aws("backup", "get-backup-plan", "--backup-plan-id", plan["BackupPlanId"])["BackupPlan"]["Rules"]
    assert [rule["RuleName"] for rule in rules] == ["daily", "monthly"]
    attached = aws("iam", "list-attached-role-policies", "--role-name", own.NAME)["AttachedPolicies"]
    assert len(attached) == 4
    again = playbook(role, variables={"part": "main", "backups_lock": LOCK})
    assert (again.status, again.stats["changed"]) == (0, 0)

    own.make_table(lab, 3)
    backed_up = playbook("backup")
    assert backed_up.status == 0, backed_up.output
    line = told(backed_up, "Tell what was backed up")
    assert line.startswith("table sessions: as of 20")
    (point,) = aws("backup", "list-recovery-points-by-backup-vault", "--backup-vault-name", own.NAME)["RecoveryPoints"]
    assert (point["Status"], point["RecoveryPointArn"] in line) == ("COMPLETED", True)

    lab.client("dynamodb").put_item(TableName=own.TABLE, Item=own.item(0, "after"))
    lab.clear_calls()
    dry = playbook("restore", "--check", variables=TABLE)
    assert dry.status == 0, dry.output
    assert told(dry, "Tell what was restored")[0].startswith("table sessions would be restored as of 20")
    assert lab.mutating() == []
    restored = playbook("restore", variables=TABLE)
    assert restored.status == 0, restored.output
    assert told(restored, "Tell what was restored")[-1] == (
        "1 items were written back, 0 deleted; 2 were as they had been."
    )
    items = aws("dynamodb", "scan", "--table-name", own.TABLE)["Items"]
    assert {item["text"]["S"] for item in items} == {"before"}
    assert "say not what is to be restored" in playbook("restore").failure()

    own.make_bucket(lab)
    tried = playbook("restore_drill", variables={"restore_drill_json": "drill.json"})
    assert tried.status == 2
    assert tried.failure().startswith("bucket attachments: moment: 'latest': no recovery point of bucket attachments")
    assert told(tried, "Tell how each went").startswith("table sessions passed in ")
    # the file is there all the same
    report = json.loads((tmp_path / "drill.json").read_text())
    assert [(drill["kind"], drill["passed"]) for drill in report["drills"]] == [("bucket", False), ("table", True)]
    assert aws("dynamodb", "list-tables")["TableNames"] == [own.TABLE]

    kept = playbook(role, variables={"part": "absent", "backups_delete_recovery_points": False})
    assert "vault mds-backups holds 1 recovery points" in kept.failure()
    assert "vault mds-backups is locked" in playbook(role, variables={"part": "absent"}).failure()
    lab.client("backup").delete_backup_vault_lock_configuration(BackupVaultName=own.NAME)
    gone = playbook(role, variables={"part": "absent"})
    assert gone.status == 0, gone.output
    assert aws("backup", "list-backup-vaults")["BackupVaultList"] == []
