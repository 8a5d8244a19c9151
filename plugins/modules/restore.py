# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore
short_description: Restores a volume, a database, a table or a part of a bucket, and swaps it in
version_added: 1.0.0
description:
  - Takes the newest recovery point of the platform's vault that is not later than the moment, restores it beside the
    live one, and swaps it in when O(swap) is true.
  - A I(volume) gets the live one's zone, type, tags and host. The old volume is taken off its host first, which has to
    be stopped, or to have unmounted it (O(if_running)), and is kept without the platform's tags as C(NAME-before-...).
  - A I(database) gets the live one's settings and name, so its address stays. The old one is kept as
    C(NAME-before-...). One with read replicas is refused.
  - Of a I(table), which cannot be renamed, the items are written back where they differ, and others are deleted. So it
    keeps its name, indexes, stream and settings. A backup of what it held is made before.
  - Of a I(bucket), objects below the prefix are copied back where they differ, and others are deleted, with the former
    versions kept. A bucket without versioning is refused.
  - Interrupted anywhere, the next run goes on.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Its vault is C(PLATFORM-backups), as M(mydigitalstructure.aws.backups) makes it.
    type: str
    required: true
  kind:
    description:
      - What is restored.
    type: str
    choices: [volume, database, table, bucket]
    required: true
  name:
    description:
      - Its name in the variables; a database's identifier.
    type: str
    required: true
  prefix:
    description:
      - The beginning of the keys that are restored, an empty text for all. Needed for a bucket, refused for others.
    type: str
  moment:
    description:
      - The moment to go back to, such as V(2026-11-25T21:30:00+11:00) (UTC without an offset), or V(latest).
    type: str
    default: latest
  swap:
    description:
      - Whether the copy takes the live one's place. Otherwise it is left beside it, to be looked at.
    type: bool
    default: true
  if_running:
    description:
      - What is done when the volume's host runs, as O(mydigitalstructure.aws.volume_attachment#module:if_running).
    type: str
    choices: [refuse, stop, detach]
    default: refuse
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
- name: Put the file volume back to yesterday evening; its host is stopped for it
  mydigitalstructure.aws.restore:
    platform: mds
    kind: volume
    name: files
    moment: "2026-11-24T20:00:00+11:00"
    if_running: stop

- name: Restore the database beside the live one, to look at it
  mydigitalstructure.aws.restore:
    platform: mds
    kind: database
    name: mds-database
    swap: false

- name: Bring back what a space's attachments were
  mydigitalstructure.aws.restore:
    platform: mds
    kind: bucket
    name: attachments
    prefix: spaces/1234/
"""

RETURN = r"""
restored:
  description: What was restored.
  returned: success
  type: dict
  contains:
    kind:
      description: V(volume), V(database), V(table) or V(bucket).
      type: str
    name:
      description: Its name.
      type: str
    id:
      description: What AWS calls the restored one.
      type: str
    recovery_point:
      description: The ARN of the recovery point.
      type: str
    created:
      description: The moment that it is of (UTC).
      type: str
      sample: "2026-11-25T21:30:00Z"
    kept:
      description: What is left of how it was before, by id, name or ARN.
      type: list
      elements: str
    notes:
      description: What people have to know or to do.
      type: list
      elements: str
    seconds:
      description: How long AWS Backup took; V(0) where an earlier run had waited for it.
      type: int
actions:
  description:
    - The copy, of kind C(restored_copy), and with O(swap) what changes of the live one, of the kind C(volume),
      C(database), C(table) or C(bucket).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: volume
      name: files
      fields: {id: {before: vol-0a1b2c3d4e5f60718, after: (known after apply)}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backups import KINDS
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._restore import work


def main():
    module = set_module(
        {
            "kind": {"type": "str", "choices": list(KINDS.values()), "required": True},
            "name": {"type": "str", "required": True},
            "prefix": {"type": "str"},
            "moment": {"type": "str", "default": "latest"},
            "swap": {"type": "bool", "default": True},
            "if_running": {"type": "str", "choices": ["refuse", "stop", "detach"], "default": "refuse"},
            "role_arn": {"type": "str"},
            "wait_timeout": {"type": "int", "default": 14400},
        },
        state=False,
        purge=False,
        tags=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
