# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lifecycle_actions
short_description: What lifecycle hooks of auto-scaling groups wait for, answered or kept alive
version_added: 1.0.0
description:
  - Tells Auto Scaling to go on with, or to give up, the launch or the termination of instances that lifecycle hooks
    hold; or sends heartbeats, so that the hooks hold them longer.
  - Finds each instance's group and hooks itself, and answers all hooks of the transition.
  - An instance that no hook holds is left alone. So is one that Auto Scaling does not know any more.
  - Instances of a warm pool are treated like others.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only instances of auto-scaling groups that carry its tag C(mydigitalstructure:platform) are
        answered for; others are refused.
    type: str
    required: true
  instances:
    description:
      - The ids of the instances. V((known after apply)) is accepted in check mode.
    type: list
    elements: str
    required: true
  transition:
    description:
      - Whether it is about instances that wait while they are launched, or while they are terminated.
    type: str
    choices: [launching, terminating]
    required: true
  result:
    description:
      - With V(continue), a launched instance goes into service, and one that is terminated ends.
      - With V(abandon), a launched instance is terminated and replaced, and one that is terminated ends without waiting
        for other hooks.
      - With V(heartbeat), the hooks wait for their whole heartbeat timeout again, time after time. The module ends as
        soon as none of the instances waits or is about to, or O(seconds) are over.
    type: str
    choices: [continue, abandon, heartbeat]
    required: true
  seconds:
    description:
      - For how long heartbeats are sent, at most 172800. AWS ends a wait after 100 times its hook's heartbeat timeout,
        or 48 hours, whatever is sent.
    type: int
  every:
    description:
      - Seconds between two heartbeats. It has to be less than the heartbeat timeout of each hook.
    type: int
    default: 60
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing. With heartbeats, it is that of the first.
    support: full
  diff_mode:
    description: Returns the lifecycle states before and after, by instance.
    support: full
notes:
  - Heartbeats are meant to be sent in the background, by C(async) and C(poll) of 0, while a playbook configures a host.
    Let C(async) be a little more than O(seconds). A heartbeat is a change each time.
seealso:
  - module: mydigitalstructure.aws.fleet
  - module: mydigitalstructure.aws.balancer_targets
"""

EXAMPLES = r"""
- name: Keep new hosts waiting while they are configured
  mydigitalstructure.aws.lifecycle_actions:
    platform: mds
    instances: [i-0a1b2c3d4e5f60718, i-0f9e8d7c6b5a43210]
    transition: launching
    result: heartbeat
    seconds: 3500
  async: 3600
  poll: 0

- name: Put them into service
  mydigitalstructure.aws.lifecycle_actions:
    platform: mds
    instances: [i-0a1b2c3d4e5f60718, i-0f9e8d7c6b5a43210]
    transition: launching
    result: continue

- name: Give up those that could not be configured, so that others take their place
  mydigitalstructure.aws.lifecycle_actions:
    platform: mds
    instances: "{{ failed_instances }}"
    transition: launching
    result: abandon
"""

RETURN = r"""
instances:
  description: Each of the instances that were given, by id.
  returned: success
  type: dict
  contains:
    lifecycle_state:
      description: AWS's lifecycle state of it, null when Auto Scaling does not know it, or not any more.
      type: str
    auto_scaling_group:
      description: Its group, null when Auto Scaling does not know it.
      type: str
    result:
      description: The O(result) that its hooks got, null when it was left alone.
      type: str
  sample:
    i-0a1b2c3d4e5f60718: {lifecycle_state: InService, auto_scaling_group: mds-webapi, result: continue}
actions:
  description:
    - What was done, one action for each instance that waited. Its C(kind) is C(lifecycle_action), its C(name) the
      instance.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: lifecycle_action
      name: i-0a1b2c3d4e5f60718
      fields: {lifecycle_state: {before: "Pending:Wait", after: "Pending:Proceed"}}
diff:
  description: The lifecycle states, C(before) and C(after), by kind and instance.
  returned: success
  type: dict
done:
  description: The actions that were carried out.
  returned: when it failed
  type: list
  elements: dict
failed_actions:
  description: The actions that failed, each with its C(reason).
  returned: when it failed
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._lifecycle_actions import work


def main():
    module = set_module(
        {
            "instances": {"type": "list", "elements": "str", "required": True},
            "transition": {"type": "str", "choices": ["launching", "terminating"], "required": True},
            "result": {"type": "str", "choices": ["continue", "abandon", "heartbeat"], "required": True},
            "seconds": {"type": "int"},
            "every": {"type": "int", "default": 60},
        },
        state=False,
        purge=False,
        tags=False,
        required_if=[("result", "heartbeat", ["seconds"])],
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
