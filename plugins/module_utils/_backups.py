# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS Backup: a vault with its lock, a plan with its rules, and the selection of what carries the platform's tags.

Vault and plan are called as the platform; only those that carry its tag are changed.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _backups_input as rules_of
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    KIND_TAG,
    NAME_TAG,
    PLATFORM_TAG,
    Place,
    application,
    check_region,
    client,
    if_there,
    owned_tags,
    pages,
    require_known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    Fields,
    InputError,
    Plan,
    compare,
    concurrently,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

VOLUME = "volume"
"""The kind that module volumes gives to what it makes, as a tag."""
VAULT, LOCK, PLAN, SELECTION, TYPES = (
    "backup_vault",
    "backup_vault_lock",
    "backup_plan",
    "backup_selection",
    "backup_resource_types",
)
KINDS = {"EBS": "volume", "RDS": "database", "DynamoDB": "table", "S3": "bucket"}
"""AWS Backup's types of resources, and what we call them."""
LIFECYCLE = {"delete_after_days": "DeleteAfterDays", "cold_after_days": "MoveToColdStorageAfterDays"}
LOCK_DAYS = {"min_retention_days": "MinRetentionDays", "max_retention_days": "MaxRetentionDays"}
"""Options of ours by AWS's words."""
NOTE_PREFIX = "mydigitalstructure:restore:"
"""Tags of the vault in which restores keep what is under way; see ``_restore.py``."""

# a role made a moment ago cannot be assumed everywhere
assumable = AWSRetry.jittered_backoff(
    retries=6, delay=2, max_delay=10, catch_extra_error_codes=["InvalidParameterValueException"]
)


def vault_name(platform: str) -> str:
    """What the platform's vault is called, and its plan. AWS asks for two characters at least."""
    return f"{platform}-backups"


# --- normal forms ---------------------------------------------------------------------------------------------------


def lifecycle_request(kept: Fields) -> dict[str, int]:
    return {LIFECYCLE[option]: days for option, days in kept.items()}


def lifecycle_told(told: Fields | None) -> dict[str, int]:
    """A lifecycle as ``_backups_input.lifecycle`` gives it; AWS tells never as -1 or not at all."""
    found = {option: (told or {}).get(word) for option, word in LIFECYCLE.items()}
    return {option: days for option, days in found.items() if days and days > 0}


def rule_request(name: str, rule: Fields, vault: str, place: Place) -> dict[str, t.Any]:
    """A rule as CreateBackupPlan takes it."""
    return {
        "RuleName": name,
        "TargetBackupVaultName": vault,
        "ScheduleExpression": rule["schedule"],
        "ScheduleExpressionTimezone": rule["timezone"],
        "StartWindowMinutes": rule["start_window_minutes"],
        "CompletionWindowMinutes": rule["completion_window_minutes"],
        "Lifecycle": lifecycle_request(rule["lifecycle"]),
        "CopyActions": [
            {
                "DestinationBackupVaultArn": place._replace(region=region).arn("backup", f"backup-vault:{vault}"),
                "Lifecycle": lifecycle_request(kept),
            }
            for region, kept in sorted(rule["copies"].items())
        ],
    }


def rule_told(rule: Fields) -> dict[str, t.Any]:
    """A rule of GetBackupPlan in the form of ``_backups_input.rules``."""
    return {
        "schedule": rule.get("ScheduleExpression"),
        "timezone": rule.get("ScheduleExpressionTimezone") or "Etc/UTC",
        "start_window_minutes": rule.get("StartWindowMinutes"),
        "completion_window_minutes": rule.get("CompletionWindowMinutes"),
        "lifecycle": lifecycle_told(rule.get("Lifecycle")),
        "copies": {
            copy["DestinationBackupVaultArn"].split(":")[3]: lifecycle_told(copy.get("Lifecycle"))
            for copy in rule.get("CopyActions") or []
        },
    }


def selections_wanted(options: t.Mapping[str, t.Any], place: Place) -> dict[str, dict[str, t.Any]]:
    """The selections as CreateBackupSelection takes them, by name: of what carries the platform's tag.

    Volumes have one of their own, whose condition keeps out the hosts' root volumes; the others' asks for a declared
    name, which the copies that a restore makes have not.
    """
    arn, platform = f"arn:{place.partition}:", options["platform"]
    patterns = {
        "database": f"{arn}rds:*:*:db:*",
        "table": f"{arn}dynamodb:*:*:table/*",
        "bucket": f"{arn}s3:::*",
    }
    name, kinds = vault_name(platform), options["kinds"]
    others = [pattern for kind, pattern in patterns.items() if kind in kinds]
    wanted = {}
    if "volume" in kinds:
        conditions = {"StringEquals": [condition(PLATFORM_TAG, platform), condition(KIND_TAG, VOLUME)]}
        wanted[f"{name}-volumes"] = {"Resources": [f"{arn}ec2:*:*:volume/*"], "Conditions": conditions}
    if others:
        conditions = {"StringEquals": [condition(PLATFORM_TAG, platform)], "StringLike": [condition(NAME_TAG, "*")]}
        wanted[name] = {"Resources": others, "Conditions": conditions}
    return {
        each: {
            "SelectionName": each,
            "IamRoleArn": options["role_arn"],
            **request,
            **({"NotResources": sorted(options["exclude"])} if options["exclude"] else {}),
        }
        for each, request in wanted.items()
    }


def condition(tag: str, value: str) -> dict[str, str]:
    return {"ConditionKey": f"aws:ResourceTag/{tag}", "ConditionValue": value}


def comparable(selection: Fields) -> dict[str, t.Any]:
    """What counts of a selection, ours or AWS's: the order does not, nor do empty lists."""
    conditions = {
        kind: sorted([item["ConditionKey"], item["ConditionValue"]] for item in items)
        for kind, items in (selection.get("Conditions") or {}).items()
        if items
    }
    return {
        "role_arn": selection["IamRoleArn"],
        "resources": sorted(selection.get("Resources") or []),
        "excluded": sorted(selection.get("NotResources") or []),
        "conditions": conditions,
        "further": bool(selection.get("ListOfTags")),
    }


# --- what is there --------------------------------------------------------------------------------------------------


class Reader:
    """What AWS Backup says of the platform's vaults and plan."""

    def __init__(self, module: AnsibleAWSModule, regions: t.Collection[str] = ()) -> None:
        self.platform = module.params["platform"]
        self.backup = client(module, "backup")
        self.elsewhere = {region: client(module, "backup", region=region) for region in regions}
        self.name = vault_name(self.platform)

    def vault(self, backup, where: str = "") -> dict[str, t.Any] | None:
        """The vault as ListBackupVaults tells it, with ``tags``; None without one.

        Listed, because AWS denies a look at one that is not there.
        """
        for item in pages(backup, "list_backup_vaults", "BackupVaultList"):
            if item["BackupVaultName"] == self.name:
                tags = tags_on(backup, item["BackupVaultArn"])
                self.own("vault", tags, where)
                return {**item, "tags": {k: v for k, v in tags.items() if not k.startswith(NOTE_PREFIX)}}
        return None

    def vaults(self) -> dict[str, dict[str, t.Any] | None]:
        """The platform's vaults: here by their name, elsewhere with the region after it."""
        here = {self.name: self.vault(self.backup)}
        there = {f"{self.name} {region}": self.vault(at, f" in {region}") for region, at in self.elsewhere.items()}
        return here | there

    def plan(self) -> dict[str, t.Any] | None:
        """The plan as GetBackupPlan tells it, with ``tags``; None without one."""
        for item in pages(self.backup, "list_backup_plans", "BackupPlansList"):
            if item["BackupPlanName"] == self.name:
                tags = tags_on(self.backup, item["BackupPlanArn"])
                self.own("plan", tags)
                found = self.backup.get_backup_plan(BackupPlanId=item["BackupPlanId"])
                return {**found, "tags": tags}
        return None

    def own(self, kind: str, tags: t.Mapping[str, str], where: str = "") -> None:
        if tags.get(PLATFORM_TAG) != self.platform:
            raise InputError(
                f"platform: the backup {kind} {self.name}{where} is there and does not carry the tag "
                f"{PLATFORM_TAG}={self.platform}, so it is somebody else's; another name, or the tag, is allowed."
            )

    def selections(self, plan_id: str) -> dict[str, dict[str, t.Any]]:
        """The plan's selections by name, each with ``id``."""
        listed = pages(self.backup, "list_backup_selections", "BackupSelectionsList", BackupPlanId=plan_id)
        looks = [
            lambda item=item: self.backup.get_backup_selection(BackupPlanId=plan_id, SelectionId=item["SelectionId"])
            for item in listed
        ]
        found = concurrently(*looks)
        return {
            item["BackupSelection"]["SelectionName"]: {**item["BackupSelection"], "id": item["SelectionId"]}
            for item in found
        }

    def off(self, kinds: t.Collection[str]) -> list[str]:
        """AWS Backup's types of these kinds that the account does not let plans back up in this region."""
        types = self.backup.describe_region_settings().get("ResourceTypeOptInPreference") or {}
        return sorted(kind for kind, ours in KINDS.items() if ours in kinds and not types.get(kind, False))


def tags_on(backup, arn: str) -> dict[str, str]:
    """The tags of a vault, a plan or a recovery point."""
    found: dict[str, str] = {}
    token: dict[str, str] = {}
    # botocore has no paginator that merges a map
    while True:
        answer = backup.list_tags(ResourceArn=arn, **token)
        found.update(answer.get("Tags") or {})
        if not answer.get("NextToken"):
            return found
        token = {"NextToken": answer["NextToken"]}


# --- plan -----------------------------------------------------------------------------------------------------------


def lock_plan(name: str, wanted: Fields | None, vault: Fields | None) -> Plan:
    """The way to the wanted lock; one that is for ever is left, and refused when it is to change."""
    present: dict[str, int] = {}
    if vault and vault.get("Locked"):
        present = {option: vault[word] for option, word in LOCK_DAYS.items() if vault.get(word)}
    days = {option: value for option, value in (wanted or {}).items() if option != "compliance_after_days"}
    compliance = bool(vault and vault.get("LockDate"))
    if days == present and compliance == bool((wanted or {}).get("compliance_after_days")):
        return Plan()
    if compliance and vault["LockDate"] <= datetime.datetime.now(datetime.UTC):
        raise InputError(
            f"lock: the lock of vault {name} ({present}) is for ever since {vault['LockDate']:%Y-%m-%d}, so only these "
            "days, with compliance_after_days, are allowed."
        )
    if compliance:
        present = {**present, "compliance_from": f"{vault['LockDate']:%Y-%m-%d}"}
    if not wanted:
        return Plan([Action(DELETE, LOCK, name, before=present)])
    if not present:
        return Plan([Action(CREATE, LOCK, name, after=dict(wanted))])
    return Plan([Action(UPDATE, LOCK, name, present, dict(wanted))])


def plan_present(options: t.Mapping[str, t.Any], reader: Reader, place: Place) -> tuple[Plan, dict[str, t.Any]]:
    """The plan for ``state: present``, and what is there."""
    platform, region = options["platform"], place.region
    locked = rules_of.lock(options["lock"])
    rules = rules_of.rules(options["rules"], region, locked)
    if not rules:
        raise InputError("rules: there are none; one rule at least is needed.")
    tags = owned_tags(platform, "backups", options["tags"])
    name = vault_name(platform)
    there, plan = concurrently(reader.vaults, reader.plan)
    key = {"encryption_key": options["kms_key"]} if options["kms_key"] else {}
    desired = {each: {"tags": tags, **(key if each == name else {})} for each in there}
    present = {
        each: {"tags": item["tags"], "encryption_key": item.get("EncryptionKeyArn")}
        for each, item in there.items()
        if item
    }
    whole = compare(VAULT, desired, present, fixed=["encryption_key"])
    whole += lock_plan(name, locked, there[name])
    asked = {name: {"rules": rules, "tags": tags}}
    told = {}
    if plan:
        told[name] = {"rules": {r["RuleName"]: rule_told(r) for r in plan["BackupPlan"]["Rules"]}, "tags": plan["tags"]}
    whole += compare(PLAN, asked, told)
    selected = selections_wanted(options, place)
    selections = reader.selections(plan["BackupPlanId"]) if plan else {}
    wanted = {each: comparable(request) for each, request in selected.items()}
    # what people added to the plan by hand would be backed up in the platform's name
    whole += compare(SELECTION, wanted, {each: comparable(item) for each, item in selections.items()}, purge=True)
    off = reader.off(options["kinds"])
    if off and options["opt_in"]:
        whole += Plan([Action(UPDATE, TYPES, region, {"on": []}, {"on": off})])
    state = {"vaults": there, "plan": plan, "selections": selections, "selected": selected, "rules": rules}
    return whole, {**state, "off": [] if options["opt_in"] else off}


def plan_absent(options: t.Mapping[str, t.Any], reader: Reader) -> tuple[Plan, dict[str, t.Any]]:
    """The plan for ``state: absent``; a vault that holds recovery points is refused unless they may go."""
    name = vault_name(options["platform"])
    vaults, plan = concurrently(reader.vaults, reader.plan)
    there = {each: item for each, item in vaults.items() if item}
    full = {each: item["NumberOfRecoveryPoints"] for each, item in there.items() if item.get("NumberOfRecoveryPoints")}
    if full and not options["delete_recovery_points"]:
        said = ", ".join(f"vault {each} holds {count} recovery points" for each, count in sorted(full.items()))
        raise InputError(
            f"delete_recovery_points: false, but {said}; they are deleted, for good, only when it is true."
        )
    locked = sorted(each for each in full if there[each].get("Locked"))
    if locked:
        raise InputError(
            f"lock: vault {', '.join(locked)} is locked and holds recovery points, which AWS does not delete before "
            "their time; take the lock away first, by a run with no lock and state present."
        )
    selections = reader.selections(plan["BackupPlanId"]) if plan else {}
    whole = compare(SELECTION, {}, {each: comparable(item) for each, item in selections.items()}, purge=True)
    if plan:
        whole += Plan(
            [Action(DELETE, PLAN, name, before={"rules": [r["RuleName"] for r in plan["BackupPlan"]["Rules"]]})]
        )
    for each in sorted(there):
        whole += Plan([Action(DELETE, VAULT, each, before={"recovery_points": full.get(each, 0)})])
    return whole, {"vaults": there, "plan": plan, "selections": selections}


# --- apply ----------------------------------------------------------------------------------------------------------


class Apply:
    """Carries a plan out."""

    def __init__(self, reader: Reader, place: Place, options: t.Mapping[str, t.Any], state: dict[str, t.Any]) -> None:
        self.reader, self.place, self.options, self.state = reader, place, options, state
        self.backup, self.name = reader.backup, reader.name
        self.plan_id = state["plan"]["BackupPlanId"] if state["plan"] else None

    def __call__(self, whole: Plan) -> None:
        work = application(whole)
        make = {CREATE, UPDATE}
        work.run(whole.only(VAULT, verbs=make), self.put_vault)
        work.run(whole.only(TYPES), self.opt_in)
        work.run(whole.only(PLAN, verbs=make), self.put_plan)
        work.run(whole.only(SELECTION, verbs=[DELETE]), self.delete_selection)
        work.run(whole.only(SELECTION, verbs=make), self.put_selection)
        # last, because from then on what it refuses is refused
        work.run(whole.only(LOCK), self.put_lock)
        work.run(
            whole.only(PLAN, verbs=[DELETE]),
            lambda action: if_there(self.backup.delete_backup_plan, BackupPlanId=self.plan_id),
        )
        work.run(whole.only(VAULT, verbs=[DELETE]), self.delete_vault)

    def region_of(self, name: str):
        """The client for a vault, by the name that its action has."""
        return self.reader.elsewhere.get(name.partition(" ")[2], self.backup)

    def put_vault(self, action: Action) -> None:
        backup, wanted = self.region_of(action.name), action.after
        if action.verb == CREATE:
            key = {"EncryptionKeyArn": wanted["encryption_key"]} if wanted.get("encryption_key") else {}
            backup.create_backup_vault(BackupVaultName=self.name, BackupVaultTags=wanted["tags"], **key)
            # the plan is refused until its vault is listed
            poll(lambda: self.reader.vault(backup), bool, self.options["wait_timeout"])
            return
        self.tag(backup, self.state["vaults"][action.name]["BackupVaultArn"], action)

    def tag(self, backup, arn: str, action: Action) -> None:
        added, removed = compare_aws_tags(action.before["tags"], action.after["tags"])
        if added:
            backup.tag_resource(ResourceArn=arn, Tags=added)
        if removed:
            backup.untag_resource(ResourceArn=arn, TagKeyList=removed)

    def put_lock(self, action: Action) -> None:
        if action.verb == DELETE:
            self.backup.delete_backup_vault_lock_configuration(BackupVaultName=self.name)
            return
        words = {**LOCK_DAYS, "compliance_after_days": "ChangeableForDays"}
        request = {words[option]: days for option, days in action.after.items()}
        self.backup.put_backup_vault_lock_configuration(BackupVaultName=self.name, **request)

    def put_plan(self, action: Action) -> None:
        rules = [rule_request(name, rule, self.name, self.place) for name, rule in sorted(self.state["rules"].items())]
        document = {"BackupPlanName": self.name, "Rules": rules}
        if action.verb == CREATE:
            said = json.dumps([document, action.after["tags"]], sort_keys=True)
            made = self.backup.create_backup_plan(
                BackupPlan=document,
                BackupPlanTags=action.after["tags"],
                CreatorRequestId=hashlib.sha256(said.encode()).hexdigest()[:50],
            )
            self.plan_id = made["BackupPlanId"]
            return
        if "rules" in action.after:
            self.backup.update_backup_plan(BackupPlanId=self.plan_id, BackupPlan=document)
        if "tags" in action.after:
            self.tag(self.backup, self.state["plan"]["BackupPlanArn"], action)

    def put_selection(self, action: Action) -> None:
        if action.verb == UPDATE:
            # there is no call that changes one
            self.delete_selection(action)
        request = self.state["selected"][action.name]
        assumable(self.backup.create_backup_selection)(BackupPlanId=self.plan_id, BackupSelection=request)

    def delete_selection(self, action: Action) -> None:
        selection = self.state["selections"][action.name]["id"]
        if_there(self.backup.delete_backup_selection, BackupPlanId=self.plan_id, SelectionId=selection)

    def opt_in(self, action: Action) -> None:
        self.backup.update_region_settings(ResourceTypeOptInPreference=dict.fromkeys(action.after["on"], True))

    def delete_vault(self, action: Action) -> None:
        backup = self.region_of(action.name)
        if action.before["recovery_points"]:
            self.empty(backup)
        if_there(backup.delete_backup_vault, BackupVaultName=self.name)

    def empty(self, backup) -> None:
        """Delete the vault's recovery points, and wait until AWS has."""

        def left() -> list[dict[str, t.Any]]:
            return pages(backup, "list_recovery_points_by_backup_vault", "RecoveryPoints", BackupVaultName=self.name)

        drops = [
            lambda arn=item["RecoveryPointArn"]: if_there(
                backup.delete_recovery_point, BackupVaultName=self.name, RecoveryPointArn=arn
            )
            for item in left()
        ]
        concurrently(*drops)
        remaining = poll(left, lambda found: not found, self.options["wait_timeout"])
        if remaining:
            raise InputError(
                f"delete_recovery_points: {len(remaining)} recovery points of vault {self.name} are still there after "
                f"{self.options['wait_timeout']} s (wait_timeout); run again later."
            )


# --- the whole ------------------------------------------------------------------------------------------------------


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``backups`` module's plan, applied unless in check mode, with the vault, the plan and the selection."""
    options = module.params
    absent = options["state"] == "absent"
    for region in {copy["region"] for rule in options["rules"] for copy in rule["copies"] or []}:
        check_region(region)
    regions = sorted({copy["region"] for rule in options["rules"] for copy in rule["copies"] or []} - {module.region})
    if not absent:
        require_known(module.check_mode, role_arn=options["role_arn"])
        if options["kms_key"] and not re.fullmatch(r"arn:aws[a-z-]*:kms:[^:]+:\d{12}:key/.+", options["kms_key"]):
            raise InputError(f"kms_key: {options['kms_key']!r} is not allowed; it is the ARN of a key.")
        # before any call
        rules_of.rules(options["rules"], module.region, rules_of.lock(options["lock"]))
    reader = Reader(module, regions)
    for arn in options["exclude"]:
        if not arn.startswith("arn:"):
            raise InputError(f"exclude: {arn!r} is not allowed; the ARN of a thing is, in which * stands for any text.")
    if absent:
        whole, state = plan_absent(options, reader)
        place = None
    else:
        place = Place.of(module)
        whole, state = plan_present(options, reader, place)
    apply = Apply(reader, place, options, state)
    if whole and not module.check_mode:
        apply(whole)
    if absent:
        return whole, {"vault": None, "plan": None, "not_backed_up": []}
    if state["off"]:
        module.warn(
            f"AWS Backup passes over {', '.join(state['off'])} in {module.region}, because the account's settings do "
            "not let it back them up by plans; opt_in changes that."
        )
    return whole, {
        "vault": {"name": reader.name, "arn": place.arn("backup", f"backup-vault:{reader.name}")},
        "plan": {"name": reader.name, "id": apply.plan_id or KNOWN_AFTER_APPLY},
        "not_backed_up": state["off"],
    }
