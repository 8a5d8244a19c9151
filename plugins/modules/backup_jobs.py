# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_jobs
short_description: Backs up a platform's volumes, databases, tables and buckets now
version_added: 1.0.0
description:
  - Starts backup jobs of AWS Backup into the platform's vault, for everything that carries the platform's tag and a
    name or for what is named, at the same time, and waits for them.
  - A backup of the same thing that is under way already is waited for instead, so a run that was killed makes no
    second.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Its vault is C(PLATFORM-backups), as M(mydigitalstructure.aws.backups) makes it.
    type: str
    required: true
  resources:
    description:
      - What it is about; everything that is backed up when it is empty.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description:
          - Its kind.
        type: str
        choices: [volume, database, table, bucket]
        required: true
      name:
        description:
          - Its name in the variables (for a database its identifier), or what AWS calls it.
        type: str
        required: true
  role_arn:
    description:
      - The role with which AWS Backup works; the one that role C(backups) makes when it is not given.
    type: str
  delete_after_days:
    description:
      - Days that the recovery points are kept; V(0) for ever. The vault's lock may ask for others.
    type: int
    default: 35
  wait_timeout:
    description:
      - Seconds to wait for each backup.
    type: int
    default: 7200
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, so it tells what would happen.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Back up everything before a migration
  mydigitalstructure.aws.backup_jobs:
    platform: mds

- name: Back up the database alone, for a week
  mydigitalstructure.aws.backup_jobs:
    platform: mds
    resources:
      - {kind: database, name: mds-database}
    delete_after_days: 7
"""

RETURN = r"""
backups:
  description: What was backed up; empty in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(volume), V(database), V(table) or V(bucket).
      type: str
    name:
      description: Its name.
      type: str
    recovery_point:
      description: The ARN of the recovery point.
      type: str
    created:
      description: The moment that it is of (UTC).
      type: str
      sample: "2026-11-25T21:30:00Z"
    size:
      description: Bytes, as far as AWS says.
      type: int
    seconds:
      description: How long it took.
      type: int
actions:
  description:
    - The backups that are started. An action's C(kind) is C(recovery_point), its C(name) such as C(volume files).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: recovery_point
      name: volume files
      fields: {resource: "arn:aws:ec2:eu-west-1:123456789012:volume/vol-0a1b2c3d4e5f60718", delete_after_days: 35}
diff:
  description: The same, C(before) and C(after), by kind and name.
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backup_points import RESOURCES, work


def main():
    module = set_module(
        {
            "resources": RESOURCES,
            "role_arn": {"type": "str"},
            "delete_after_days": {"type": "int", "default": 35},
            "wait_timeout": {"type": "int", "default": 7200},
        },
        state=False,
        purge=False,
        tags=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
