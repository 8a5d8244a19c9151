# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: volume_attachment
short_description: The instance that one of the platform's EBS volumes is attached to
version_added: 1.0.0
description:
  - Attaches a volume, moves it from a dead or stopped host to another one in the same zone, or takes it off.
  - Before a volume leaves an instance, that instance is known to be stopped or terminated. One that runs is left alone
    unless O(if_running) says what is to be done, because two hosts that write to one file system destroy it.
  - Waits for each step. A run that was killed between two is completed by the next.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only volumes that carry its tag C(mydigitalstructure:platform) are attached or taken off.
    type: str
    required: true
  state:
    description:
      - With V(absent), the volume is to be attached to nothing.
    type: str
    choices: [present, absent]
    default: present
  volume_id:
    description:
      - The volume. V((known after apply)) is accepted in check mode.
    type: str
    required: true
  name:
    description:
      - What actions call a volume whose id is not known yet.
    type: str
  instance_id:
    description:
      - The instance. V((known after apply)) is accepted in check mode.
    type: str
  device:
    description:
      - The name that the attachment gets. Without it, the first free one of C(/dev/sdf) to C(/dev/sdp). An instance of
        the Nitro kind shows the volume under another one, so use RV(attachment.path) there.
      - It does not matter once the volume is attached.
    type: str
  if_running:
    description:
      - What is done when another instance has the volume and runs.
      - V(refuse) fails and changes nothing.
      - V(stop) stops it by force and waits until it is stopped. The volume is then as after a power cut.
      - V(detach) takes the volume off, which is safe only when its file system is unmounted there.
    type: str
    choices: [refuse, stop, detach]
    default: refuse
  wait_timeout:
    description:
      - Seconds to wait for the host to stop, for the volume to come off, and for it to be attached, each.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also where the volume or the instance does not exist yet.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Attach the shared volume to the file host
  mydigitalstructure.aws.volume_attachment:
    platform: mds
    volume_id: vol-0a1b2c3d4e5f60718
    instance_id: i-0a1b2c3d4e5f60718

- name: Move it from a host that hangs to another one
  mydigitalstructure.aws.volume_attachment:
    platform: mds
    volume_id: vol-0a1b2c3d4e5f60718
    instance_id: i-0f9e8d7c6b5a43210
    if_running: stop
"""

RETURN = r"""
attachment:
  description: Where the volume is.
  returned: success
  type: dict
  contains:
    volume_id:
      description: The volume.
      type: str
    instance_id:
      description: The instance, null without one.
      type: str
    device:
      description: The attachment's name, null without one.
      type: str
    path:
      description: Where Linux shows the volume on an instance of the Nitro kind; null with O(state=absent).
      type: str
      sample: /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0a1b2c3d4e5f60718
actions:
  description: What the plan does, at most one. Its C(kind) is C(volume_attachment), its C(name) that of the volume.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: volume_attachment
      name: files
      fields: {instance_id: {before: i-0a1b2c3d4e5f60718, after: i-0f9e8d7c6b5a43210}}
diff:
  description: The fields that differ, C(before) and C(after), by kind and name.
  returned: success
  type: dict
failed_actions:
  description: The action that failed, with its C(reason).
  returned: when it failed
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._volume_attachment import work


def main():
    module = set_module(
        {
            "volume_id": {"type": "str", "required": True},
            "name": {"type": "str"},
            "instance_id": {"type": "str"},
            "device": {"type": "str"},
            "if_running": {"type": "str", "choices": ["refuse", "stop", "detach"], "default": "refuse"},
            "wait_timeout": {"type": "int", "default": 300},
        },
        purge=False,
        tags=False,
        required_if=[("state", "present", ["instance_id"])],
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
