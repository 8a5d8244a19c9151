# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore_drill
short_description: Tries whether a platform's backups can be restored, and how long it takes
version_added: 1.0.0
description:
  - Restores a recovery point of each thing that is backed up into a copy of its own, looks at the copy, and removes it.
    Nothing of the platform is changed.
  - A volume has to be available, encrypted, as large as the live one and made from the recovery point; a database
    available, encrypted, not public and of the same engine; a table active, with the same key and not empty unless the
    live one is; a bucket has to hold every object that was not written since.
  - A drill that does not pass is told, not failed for, so that the others go on; see RV(failed_drills).
  - What a run that was killed has left is removed by the next.
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
  moment:
    description:
      - The moment whose recovery points are tried, such as V(2026-11-25T21:30:00+11:00), or V(latest).
    type: str
    default: latest
  role_arn:
    description:
      - The role with which AWS Backup works; the one that role C(backups) makes when it is not given.
    type: str
  wait_timeout:
    description:
      - Seconds to wait for AWS Backup, and for each other step.
    type: int
    default: 14400
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
- name: Try the latest backup of everything
  mydigitalstructure.aws.restore_drill:
    platform: mds

- name: Try that of the database
  mydigitalstructure.aws.restore_drill:
    platform: mds
    resources:
      - {kind: database, name: mds-database}
"""

RETURN = r"""
drills:
  description: How each drill went; empty in check mode.
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
    point:
      description: The ARN of the recovery point, null when there was none.
      type: str
    created:
      description: The moment that it is of (UTC), null when there was none.
      type: str
    restore_seconds:
      description: How long AWS Backup took to restore it, null when it did not.
      type: int
    seconds:
      description: How long the whole drill took.
      type: float
    seen:
      description: What was seen of the copy, such as its id, its state, its size, its items or objects.
      type: dict
    problems:
      description: What was wrong; empty for a drill that passed.
      type: list
      elements: str
    passed:
      description: Whether nothing was wrong.
      type: bool
failed_drills:
  description: A sentence for each drill that did not pass.
  returned: success
  type: list
  elements: str
actions:
  description: The drills. An action's C(kind) is C(restore_drill), its C(name) such as C(volume files).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: restore_drill
      name: volume files
      fields: {moment: latest}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backup_points import RESOURCES
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._restore import drill_work


def main():
    module = set_module(
        {
            "resources": RESOURCES,
            "moment": {"type": "str", "default": "latest"},
            "role_arn": {"type": "str"},
            "wait_timeout": {"type": "int", "default": 14400},
        },
        state=False,
        purge=False,
        tags=False,
    )
    run(module, lambda: drill_work(module))


if __name__ == "__main__":
    main()
