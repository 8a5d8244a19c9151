# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backups
short_description: A platform's backup vault, plan and selection (AWS Backup)
version_added: 1.0.0
description:
  - Makes and keeps the vault, with a lock if wanted, the plan with its rules, and the selections of what is backed up,
    which is every volume, database, table and bucket that carries the platform's tag and a name of the variables. So
    what is added later is backed up without a change here. Root volumes of hosts are not.
  - All are called C(PLATFORM-backups). One of that name that does not carry the platform's tag is refused.
  - The vault that holds recovery points is deleted only with O(delete_recovery_points).
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name.
    type: str
    required: true
  state:
    description:
      - With V(absent), selection, plan and vaults are deleted.
    type: str
    choices: [present, absent]
    default: present
  role_arn:
    description:
      - The role with which AWS Backup makes backups; it needs C(AWSBackupServiceRolePolicyForBackup) and, for buckets,
        C(AWSBackupServiceRolePolicyForS3Backup). Needed with O(state=present).
    type: str
  kms_key:
    description:
      - The ARN of the key that encrypts the vault; AWS Backup's own without it. It stays as it was made.
    type: str
  kinds:
    description:
      - What is backed up.
    type: list
    elements: str
    choices: [volume, database, table, bucket]
    default: [volume, database, table, bucket]
  exclude:
    description:
      - ARNs of things that are not backed up all the same, in which C(*) stands for any text. Buckets without
        versioning belong here, since AWS Backup cannot back them up.
    type: list
    elements: str
    default: []
  rules:
    description:
      - The plan's rules. With O(state=absent) they only say in which other regions vaults are deleted too.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the rule is called.
        type: str
        required: true
      schedule:
        description:
          - When backups begin, as a cron expression of AWS with six fields.
        type: str
        required: true
      timezone:
        description:
          - The time zone of the schedule.
        type: str
        default: Etc/UTC
      start_window_minutes:
        description:
          - Minutes within which a backup begins, 60 or more; else it is given up.
        type: int
        default: 480
      completion_window_minutes:
        description:
          - Minutes within which it is done, an hour more than O(rules[].start_window_minutes) at least.
        type: int
        default: 10080
      delete_after_days:
        description:
          - Days that recovery points are kept; V(0) for ever.
        type: int
        default: 35
      cold_after_days:
        description:
          - Days until they move to cold storage, where they stay 90 days at least; V(0) for never. Databases and
            buckets have none, and AWS leaves theirs where they are.
        type: int
        default: 0
      copies:
        description:
          - Regions in which a copy is kept, in a vault of the same name, which is made there.
        type: list
        elements: dict
        default: []
        suboptions:
          region:
            description: The region.
            type: str
            required: true
          delete_after_days:
            description: Days that copies are kept; V(0) for ever.
            type: int
            default: 35
          cold_after_days:
            description: Days until they move to cold storage; V(0) for never.
            type: int
            default: 0
  lock:
    description:
      - The vault's lock, within which recovery points can be kept and before whose end nobody deletes them. Without
        O(lock.compliance_after_days), whoever may change the vault can take the lock away (governance).
    type: dict
    suboptions:
      min_retention_days:
        description:
          - The fewest days that a recovery point is kept; V(0) for no limit.
        type: int
        default: 0
      max_retention_days:
        description:
          - The most days; V(0) for no limit.
        type: int
        default: 0
      compliance_after_days:
        description:
          - Days, three or more, after which the lock is for ever, whoever asks. V(0) for a lock that can be taken away.
        type: int
        default: 0
      compliance:
        description:
          - V(yes, for ever) is needed with O(lock.compliance_after_days).
        type: str
  opt_in:
    description:
      - Whether to let plans back up the O(kinds) in this region where the account's settings do not. They are the whole
        account's, so without it there is a warning only.
    type: bool
    default: false
  delete_recovery_points:
    description:
      - Whether O(state=absent) deletes recovery points, for good. What a lock still holds is refused by AWS.
    type: bool
    default: false
  tags:
    description:
      - Further tags of vault and plan.
    type: dict
    default: {}
  wait_timeout:
    description:
      - Seconds to wait until a vault is there, or its recovery points are gone.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also on an empty account.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Back up everything every day, with a copy in another region every month
  mydigitalstructure.aws.backups:
    platform: mds
    role_arn: arn:aws:iam::123456789012:role/mds/backups/mds-backups
    rules:
      - name: daily
        schedule: cron(0 15 ? * * *)
        delete_after_days: 35
      - name: monthly
        schedule: cron(0 17 1 * ? *)
        cold_after_days: 30
        delete_after_days: 400
        copies:
          - {region: ap-southeast-1, delete_after_days: 400}
    lock: {min_retention_days: 7, max_retention_days: 400}

- name: Remove them, and all recovery points for good
  mydigitalstructure.aws.backups:
    platform: mds
    state: absent
    delete_recovery_points: true
"""

RETURN = r"""
vault:
  description: The vault, null with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: What it is called.
      type: str
    arn:
      description: Its ARN.
      type: str
plan:
  description: The plan, null with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: What it is called.
      type: str
    id:
      description: Its id.
      type: str
not_backed_up:
  description: AWS Backup's types of O(kinds) that the account's settings keep plans from, such as V(S3); sorted.
  returned: success
  type: list
  elements: str
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(backup_vault), C(backup_vault_lock), C(backup_plan),
      C(backup_selection) or C(backup_resource_types).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: backup_vault
      name: mds-backups
      fields: {tags: {Name: mds-backups}}
diff:
  description: The fields that differ, C(before) and C(after), by kind and name.
  returned: success
  type: dict
done:
  description: Actions that were carried out before others failed.
  returned: when some actions failed
  type: list
  elements: dict
failed_actions:
  description: Actions that failed, each with its C(reason).
  returned: when some actions failed
  type: list
  elements: dict
not_done:
  description: Actions that were not reached.
  returned: when some actions failed
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backups import KINDS, work


def main():
    days = {"type": "int", "default": 0}
    kept = {"delete_after_days": {"type": "int", "default": 35}, "cold_after_days": days}
    rule = {
        "name": {"type": "str", "required": True},
        "schedule": {"type": "str", "required": True},
        "timezone": {"type": "str", "default": "Etc/UTC"},
        "start_window_minutes": {"type": "int", "default": 480},
        "completion_window_minutes": {"type": "int", "default": 10080},
        "copies": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"region": {"type": "str", "required": True}, **kept},
        },
        **kept,
    }
    lock = {
        "min_retention_days": days,
        "max_retention_days": days,
        "compliance_after_days": days,
        "compliance": {"type": "str"},
    }
    kinds = list(KINDS.values())
    module = set_module(
        {
            "role_arn": {"type": "str"},
            # the key's ARN is no secret
            "kms_key": {"type": "str", "no_log": False},
            "kinds": {"type": "list", "elements": "str", "choices": kinds, "default": kinds},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "rules": {"type": "list", "elements": "dict", "default": [], "options": rule},
            "lock": {"type": "dict", "options": lock},
            "opt_in": {"type": "bool", "default": False},
            "delete_recovery_points": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 600},
        },
        purge=False,
        required_if=[("state", "present", ["role_arn"])],
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
