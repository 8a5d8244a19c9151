# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: balancer_targets
short_description: Hosts put into, or taken out of, the target groups of load balancers as one set
version_added: 1.0.0
description:
  - Registers instances with target groups and waits until each of them is healthy in each group, or deregisters them
    and waits until each has drained.
  - All instances and all groups are one set. A group gets one call for all of its targets, the groups are changed at
    the same time, and the waits run together.
  - A run that was killed while it waited is completed by the next.
  - An auto-scaling group registers its own instances. This is for a host that leaves its balancers for a while, such as
    in a rolling deployment, and comes back.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only target groups that carry its tag C(mydigitalstructure:platform) are changed; another
        one is refused.
    type: str
    required: true
  state:
    description:
      - With V(present), what is not registered, or is being deregistered, is registered.
      - With V(absent), what is registered is deregistered.
    type: str
    choices: [present, absent]
    default: present
  targets:
    description:
      - The hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description:
          - The instance. V((known after apply)) is accepted in check mode.
        type: str
        required: true
      port:
        description:
          - The port that gets the requests. Without it, each group's own with O(state=present), and every port at which
            the group has the instance with O(state=absent).
        type: int
  target_group_arns:
    description:
      - The target groups, which take instances. V((known after apply)) is accepted in check mode.
    type: list
    elements: str
    required: true
  wait:
    description:
      - Whether to wait, also for what is under way already.
      - With O(state=present), until each target is healthy in each group. In a group that no balancer uses, nothing
        checks it, and it is enough that it is registered.
      - With O(state=absent), until no request is under way any more, or the group's deregistration delay is over.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait. With O(state=absent) it has to be longer than the groups' deregistration delay, as AWS takes
        that long where connections stay open.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also where a group or an instance does not exist yet.
    support: full
  diff_mode:
    description: Returns which targets each group registers, before and after.
    support: full
seealso:
  - module: mydigitalstructure.aws.load_balancers
  - module: mydigitalstructure.aws.lifecycle_actions
"""

EXAMPLES = r"""
- name: Take a batch of hosts out of its balancers
  mydigitalstructure.aws.balancer_targets:
    platform: mds
    state: absent
    targets:
      - id: i-0a1b2c3d4e5f60718
      - id: i-0f9e8d7c6b5a43210
    target_group_arns:
      - arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/mds-webapi-1/0123456789abcdef
      - arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/mds-webapi-2/fedcba9876543210
    wait_timeout: 360

- name: Put a batch into the balancers of an access point, and wait until all of it is healthy
  mydigitalstructure.aws.balancer_targets:
    platform: mds
    targets: "{{ targets_of_this_batch }}"
    target_group_arns: "{{ load_balancers_result.access_points.webapi.target_group_arns }}"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
targets:
  description:
    - The state of each target in each group, by the target's id (with C(:port) where one is given) and the group's name
      at AWS. It is one of AWS's states, such as V(healthy), V(initial), V(unhealthy), V(draining) and V(unused), or
      V(not registered).
  returned: success
  type: dict
  sample:
    i-0a1b2c3d4e5f60718: {mds-webapi-1: healthy, mds-webapi-2: healthy}
actions:
  description:
    - What the plan does, one action for each group. Its C(kind) is C(balancer_targets), its C(name) that of the group
      at AWS, its fields are the targets, which are C(registered), C(draining) or C(not registered).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: balancer_targets
      name: mds-webapi-1
      fields: {i-0a1b2c3d4e5f60718: {before: not registered, after: registered}}
diff:
  description: The targets that differ, C(before) and C(after), by kind and group.
  returned: success
  type: dict
done:
  description: The actions that were carried out.
  returned: when it failed
  type: list
  elements: dict
failed_actions:
  description: The groups that failed, or whose targets were waited for in vain, with the C(reason).
  returned: when it failed
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._balancer_targets import work


def main():
    module = set_module(
        {
            "targets": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"id": {"type": "str", "required": True}, "port": {"type": "int"}},
            },
            "target_group_arns": {"type": "list", "elements": "str", "required": True},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 300},
        },
        purge=False,
        tags=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
