# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: volumes
short_description: The platform's EBS data volumes as one set
version_added: 1.0.0
description:
  - Makes the platform's data volumes, always encrypted, and keeps their size, type, IOPS, throughput and tags. They
    change in place while they are in use.
  - A volume is never shrunk and never replaced, so a change that would need it is refused before anything is done.
  - A volume is deleted only when its name is in O(delete_with_data).
  - The file system on a volume is not touched. It sees the growth once the module has returned.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only volumes that carry its tag C(mydigitalstructure:platform) and are tagged as data
        volumes are changed or removed.
    type: str
    required: true
  state:
    description:
      - With V(absent), every data volume of the platform is removed, provided that all are in O(delete_with_data) or
        O(ignore); O(volumes) does not matter.
    type: str
    choices: [present, absent]
    default: present
  volumes:
    description:
      - The wanted volumes.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the volume is called in variables and results.
        type: str
        required: true
      zone:
        description:
          - Its availability zone, which cannot be changed later. V((known after apply)) is accepted in check mode.
        type: str
        required: true
      size:
        description:
          - Its size in GiB, 1 to 65536. It only grows.
        type: int
        required: true
      type:
        description:
          - The volume type.
        type: str
        choices: [gp3, gp2, io1, io2]
        default: gp3
      iops:
        description:
          - Operations a second, from 3000 for V(gp3) (AWS's default, free of charge). Left as they are without it.
        type: int
      throughput:
        description:
          - MiB a second, V(gp3) only, from 125 to a quarter of O(volumes[].iops). Left as it is without it.
        type: int
      kms_key_id:
        description:
          - The ARN of the key that encrypts it, which cannot be changed. Without it, the account's default for EBS.
        type: str
      snapshot_id:
        description:
          - A snapshot that a new volume starts from. It does not matter once the volume is there.
        type: str
      tags:
        description:
          - Further tags of this volume.
        type: dict
        default: {}
  delete_with_data:
    description:
      - Names of volumes that may be deleted with what they hold, by O(purge) or O(state=absent).
    type: list
    elements: str
    default: []
  final_snapshot:
    description:
      - Whether a snapshot is made, and waited for, before a volume is deleted. It carries no tag of the platform, so
        nothing here ever removes it.
    type: bool
    default: true
  tags:
    description:
      - Tags of every volume. Other tags of the platform's data volumes are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether volumes that are not declared any more are deleted. One that is not in O(delete_with_data) is a refusal.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names of volumes that are neither changed nor deleted.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds to wait for each volume, modification and snapshot.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: The plan is made and returned; nothing is changed.
    support: full
  diff_mode:
    description: The fields that differ, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: The volume that the app hosts share
  mydigitalstructure.aws.volumes:
    platform: mds
    volumes:
      - name: files
        zone: ap-southeast-2a
        size: 200
        iops: 4000
        throughput: 250
  register: files_volumes

- name: Remove a volume that is not needed any more, and keep a snapshot of it
  mydigitalstructure.aws.volumes:
    platform: mds
    purge: true
    delete_with_data: [scratch]
    volumes:
      - name: files
        zone: ap-southeast-2a
        size: 200
"""

RETURN = r"""
volumes:
  description: The declared volumes, keyed by name.
  returned: success
  type: dict
  contains:
    id:
      description: The volume's id, V((known after apply)) for one that check mode would make.
      type: str
      sample: vol-0a1b2c3d4e5f60718
    zone:
      description: Its availability zone.
      type: str
    size:
      description: GiB.
      type: int
    type:
      description: The volume type.
      type: str
    iops:
      description: Operations a second, null where AWS tells none.
      type: int
    throughput:
      description: MiB a second, null where AWS tells none.
      type: int
    state:
      description: Its state, such as V(available) or V(in-use).
      type: str
    instances:
      description: The instances that it is attached to.
      type: list
      elements: str
    path:
      description: Where Linux shows it on an instance of the Nitro kind, whatever device it is attached as.
      type: str
      sample: /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0a1b2c3d4e5f60718
actions:
  description: What the plan does, sorted. An action's C(kind) is C(volume).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: volume
      name: files
      fields: {size: {before: 100, after: 200}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._volumes import TYPES, work


def main():
    volume = {
        "name": {"type": "str", "required": True},
        "zone": {"type": "str", "required": True},
        "size": {"type": "int", "required": True},
        "type": {"type": "str", "choices": list(TYPES), "default": "gp3"},
        "iops": {"type": "int"},
        "throughput": {"type": "int"},
        # the key's name is none itself
        "kms_key_id": {"type": "str", "no_log": False},
        "snapshot_id": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
    }
    module = set_module(
        {
            "volumes": {"type": "list", "elements": "dict", "default": [], "options": volume},
            "delete_with_data": {"type": "list", "elements": "str", "default": []},
            "final_snapshot": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 600},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
