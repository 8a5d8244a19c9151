"""The module backups against the lab; looked at with plain boto3."""

from __future__ import annotations

import pytest

from tests.modules.backup_lab import DAILY, NAME, role_arn
from tests.modules.killing import run_killed

MONTHLY = {"name": "monthly", "schedule": "cron(0 17 1 * ? *)", "cold_after_days": 30, "delete_after_days": 400}


@pytest.fixture
def backups(lab, run_module):
    """Run module backups with the daily rule, or others."""
    arn = role_arn(lab)

    def run(check=False, rules=(DAILY,), **options):
        return run_module("backups", check, platform="mds", role_arn=arn, rules=list(rules), wait_timeout=5, **options)

    lab.clear_calls()
    return run


@pytest.fixture
def backup(lab):
    return lab.client("backup")


def rules_of(backup) -> dict[str, dict]:
    (plan,) = backup.list_backup_plans()["BackupPlansList"]
    document = backup.get_backup_plan(BackupPlanId=plan["BackupPlanId"])["BackupPlan"]
    return {rule["RuleName"]: rule for rule in document["Rules"]}


def selections_of(backup) -> dict[str, dict]:
    (plan,) = backup.list_backup_plans()["BackupPlansList"]
    listed = backup.list_backup_selections(BackupPlanId=plan["BackupPlanId"])["BackupSelectionsList"]
    looks = [{"BackupPlanId": plan["BackupPlanId"], "SelectionId": item["SelectionId"]} for item in listed]
    found = [backup.get_backup_selection(**look)["BackupSelection"] for look in looks]
    return {item["SelectionName"]: item for item in found}


def test_the_plan_is_what_is_made_and_made_once(lab, backup, backups):
    planned = backups(check=True)
    assert lab.mutating() == []
    made = backups()
    assert made["actions"] == planned["actions"]
    assert {(a["verb"], a["kind"]) for a in made["actions"]} == {
        ("create", "backup_vault"),
        ("create", "backup_plan"),
        ("create", "backup_selection"),
    }
    assert backup.list_backup_vaults()["BackupVaultList"][0]["BackupVaultName"] == NAME
    assert rules_of(backup)["daily"]["Lifecycle"] == {"DeleteAfterDays": 35}
    selections = selections_of(backup)
    assert {name: item["Resources"] for name, item in selections.items()} == {
        NAME: ["arn:aws:rds:*:*:db:*", "arn:aws:dynamodb:*:*:table/*", "arn:aws:s3:::*"],
        f"{NAME}-volumes": ["arn:aws:ec2:*:*:volume/*"],
    }
    tagged = "aws:ResourceTag/mydigitalstructure:"
    assert selections[f"{NAME}-volumes"]["Conditions"]["StringEquals"] == [
        {"ConditionKey": f"{tagged}platform", "ConditionValue": "mds"},
        {"ConditionKey": f"{tagged}kind", "ConditionValue": "volume"},
    ]
    assert selections[NAME]["Conditions"]["StringLike"] == [{"ConditionKey": f"{tagged}name", "ConditionValue": "*"}]
    lab.clear_calls()
    assert not backups()["changed"]
    assert (lab.mutating(), len(lab.calls())) == ([], 10)


def test_it_changes_in_place(lab, backup, backups):
    backups()
    monthly = {**MONTHLY, "copies": [{"region": "ap-southeast-1", "delete_after_days": 400}]}
    lock = {"min_retention_days": 7, "max_retention_days": 400}
    changed = {
        "rules": [DAILY, monthly],
        "kinds": ["bucket"],
        "exclude": ["arn:aws:s3:::logs"],
        "lock": lock,
        "tags": {"Team": "ops"},
    }
    planned = backups(check=True, **changed)
    assert backups(**changed)["actions"] == planned["actions"]
    assert rules_of(backup)["monthly"]["Lifecycle"] == {"DeleteAfterDays": 400, "MoveToColdStorageAfterDays": 30}
    (selection,) = selections_of(backup).values()
    assert (selection["Resources"], selection["NotResources"]) == (["arn:aws:s3:::*"], ["arn:aws:s3:::logs"])
    vault = backup.describe_backup_vault(BackupVaultName=NAME)
    assert (vault["Locked"], vault["MinRetentionDays"], vault.get("LockDate")) == (True, 7, None)
    other = lab.client("backup", "ap-southeast-1").list_backup_vaults()["BackupVaultList"]
    assert [item["BackupVaultName"] for item in other] == [NAME]
    assert backup.list_tags(ResourceArn=vault["BackupVaultArn"])["Tags"]["Team"] == "ops"
    assert not backups(**changed)["changed"]
    assert backups(rules=changed["rules"])["changed"]
    assert not backup.describe_backup_vault(BackupVaultName=NAME)["Locked"]


def test_types_that_plans_pass_over(backup, backups):
    backup.update_region_settings(ResourceTypeOptInPreference={"S3": False})
    made = backups()
    assert made["not_backed_up"] == ["S3"]
    assert "opt_in" in str(made["warnings"])
    assert [a["kind"] for a in backups(opt_in=True)["actions"]] == ["backup_resource_types"]
    assert backup.describe_region_settings()["ResourceTypeOptInPreference"]["S3"]


def test_what_others_made_stays_theirs(lab, backup, backups):
    backup.create_backup_vault(BackupVaultName=NAME)
    lab.clear_calls()
    assert "somebody else's" in backups()["msg"]
    assert lab.mutating() == []


def test_recovery_points_go_only_when_they_may(lab, backup, backups):
    backups()
    volume = lab.client("ec2").create_volume(AvailabilityZone="ap-southeast-2a", Size=1)["VolumeId"]
    arn = f"arn:aws:ec2:ap-southeast-2:123456789012:volume/{volume}"
    backup.start_backup_job(BackupVaultName=NAME, ResourceArn=arn, IamRoleArn=role_arn(lab))
    lab.clear_calls()
    refused = backups(check=True, state="absent")
    assert "vault mds-backups holds 1 recovery points" in refused["msg"]
    assert "vault mds-backups holds" in backups(state="absent")["msg"]
    assert lab.mutating() == []
    gone = backups(state="absent", delete_recovery_points=True)
    kinds = ["backup_plan", "backup_selection", "backup_selection", "backup_vault"]
    assert [a["kind"] for a in gone["actions"]] == kinds
    assert backup.list_backup_vaults()["BackupVaultList"] == []
    assert backup.list_backup_plans()["BackupPlansList"] == []
    assert not backups(state="absent")["changed"]


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_run_that_was_killed_is_completed(backup, backups, number):
    """Before its second changing call, and the next ones."""
    lock = {"min_retention_days": 7}
    assert run_killed(lambda: backups(lock=lock), number, False, changing=True)
    assert backups(lock=lock)["changed"]
    assert not backups(lock=lock)["changed"]
    assert len(backup.list_backup_plans()["BackupPlansList"]) == 1
    assert len(backup.list_backup_vaults()["BackupVaultList"]) == 1
    assert set(selections_of(backup)) == {NAME, f"{NAME}-volumes"}
