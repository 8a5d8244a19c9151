# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: security_groups
short_description: The platform's security groups in a VPC as one set
version_added: 1.0.0
description:
  - Makes and keeps all security groups of a VPC and their rules. Groups refer to each other by name, to themselves
    and in circles, because all groups are made before any rule.
  - A declared rule is expanded to atomic rules, each of one protocol, one port range and one source. Those are compared
    by value, so the order and the grouping of rules do not matter, and each atomic rule is an action of its own.
  - For each group and direction the rules that are missing are added with one call and those not declared removed with
    another. What is missing is added first, so that nothing that stays allowed is cut off; only where the group has no
    room for both within O(rule_limit) are as many removed first as are needed.
  - Descriptions of rules are changed in place.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Groups are called by it, a hyphen and their own name. Only groups that carry its tag
        C(mydigitalstructure:platform) are changed or removed.
    type: str
    required: true
  state:
    description:
      - With V(absent), every security group of the platform is removed, and O(groups) does not matter.
    type: str
    choices: [present, absent]
    default: present
  vpc_id:
    description:
      - The VPC of the groups. Required with O(state=present). With O(state=absent) it confines the removal to that VPC.
      - V((known after apply)) is accepted in check mode, for a VPC that does not exist yet.
    type: str
  groups:
    description:
      - The wanted groups.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the group is called in variables, rules and results. It does not begin with C(sg-).
        type: str
        required: true
      description:
        description:
          - The group's description, at most 255 characters. AWS cannot change it later.
          - Without one it says the group's and the platform's name.
        type: str
      rules:
        description:
          - What may come in. A rule needs at least one of C(cidrs), C(groups) and C(prefix_lists).
        type: list
        elements: dict
        default: []
        suboptions: &rule
          protocol:
            description:
              - V(tcp), V(udp), V(icmp), V(icmpv6), V(all) or the number of another protocol.
            type: str
            default: tcp
          ports:
            description:
              - Ports and port ranges, such as V(80) and V(8000-8080). Needed for C(tcp) and C(udp), refused for others.
            type: list
            elements: str
          icmp_type:
            description:
              - The ICMP type from 0 to 255. Every type when it is left out.
            type: int
          icmp_code:
            description:
              - The ICMP code from 0 to 255. Every code when it is left out.
            type: int
          cidrs:
            description:
              - IPv4 and IPv6 address ranges, without host bits.
            type: list
            elements: str
          groups:
            description:
              - Names of declared groups, or ids of any others.
            type: list
            elements: str
          prefix_lists:
            description:
              - Ids of prefix lists.
            type: list
            elements: str
          description:
            description:
              - What the rule is for. At most 255 of the characters that AWS allows.
            type: str
      egress:
        description:
          - What may go out, as in O(groups[].rules). Everything, as AWS sets it in a new group, when it is left out.
            Nothing with an empty list.
        type: list
        elements: dict
        suboptions: *rule
      tags:
        description:
          - Further tags of this group.
        type: dict
        default: {}
  tags:
    description:
      - Tags of every group. Other tags of the platform's groups are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to remove the platform's groups in this VPC that are not declared any more. Rules of declared groups
        that refer to them are removed first.
      - A group that something still uses is waited for up to O(wait_timeout) seconds, then named with what uses it.
    type: bool
    default: false
  purge_rules:
    description:
      - Whether to remove rules of declared groups that are not declared.
    type: bool
    default: true
  ignore:
    description:
      - Shell patterns of names that are neither changed nor removed.
    type: list
    elements: str
    default: []
  rule_limit:
    description:
      - How many rules the account's quota allows in a group and direction. AWS counts IPv4 and IPv6 apart, a group in
        both, and a prefix list as many times as it has entries.
    type: int
    default: 60
  wait_timeout:
    description:
      - Seconds to wait for network interfaces that are going away and hold a group that is to be removed.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also for a VPC that does not exist yet.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Let the world reach the balancers, and the balancers the application
  mydigitalstructure.aws.security_groups:
    platform: mds
    vpc_id: vpc-0a1b2c3d4e5f60718
    groups:
      - name: balancers
        description: https from the world
        rules:
          - ports: [80, 443]
            cidrs: ["0.0.0.0/0", "::/0"]
            description: https, and http for the redirect
      - name: app
        rules:
          - ports: 80
            groups: balancers
          - ports: ["8000-8080"]
            groups: [app]
            description: between application hosts
          - protocol: icmp
            cidrs: 10.20.0.0/16
        egress:
          - ports: 443
            cidrs: 0.0.0.0/0
          - protocol: all
            groups: app
    tags:
      Environment: production
    purge: true
    ignore: ["legacy-*"]
  register: security_result

- name: Remove every security group of the platform
  mydigitalstructure.aws.security_groups:
    platform: mds
    state: absent
"""

RETURN = r"""
security_groups:
  description:
    - The declared groups, keyed by name, as they are after the plan. Empty with O(state=absent).
  returned: success
  type: dict
  sample:
    app:
      id: sg-0a1b2c3d4e5f60718
      arn: arn:aws:ec2:ap-southeast-2:123456789012:security-group/sg-0a1b2c3d4e5f60718
      name: app
      group_name: mds-app
      description: app of mds
      vpc_id: vpc-0a1b2c3d4e5f60718
      tags: {Name: mds-app}
      rules:
        - direction: ingress
          protocol: tcp
          ports: "80"
          group: balancers
          description: ""
  contains:
    id:
      description: The group's id; V((known after apply)) in check mode for a group that is not there yet. So is C(arn).
      type: str
    arn:
      description: The group's ARN.
      type: str
    name:
      description: The declared name.
      type: str
    group_name:
      description: What AWS calls the group.
      type: str
    description:
      description: The group's description.
      type: str
    vpc_id:
      description: The group's VPC.
      type: str
    tags:
      description: The group's tags.
      type: dict
    rules:
      description:
        - The atomic rules, sorted. Each has C(direction), C(protocol), C(ports), C(description), and its source or
          destination as one of C(cidr), C(group) and C(prefix_list). The type and code of ICMP stand in C(ports).
      type: list
      elements: dict
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(security_group) or C(security_group_rule). The C(name) of
      the latter reads like C(app ingress tcp 80 from balancers).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: security_group_rule
      name: app ingress tcp 80 from balancers
      fields: {direction: ingress, protocol: tcp, ports: "80", group: balancers, description: ""}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._security_groups import work


def main():
    texts = {"type": "list", "elements": "str"}
    rule = {
        "protocol": {"type": "str", "default": "tcp"},
        "ports": texts,
        "icmp_type": {"type": "int"},
        "icmp_code": {"type": "int"},
        "cidrs": texts,
        "groups": texts,
        "prefix_lists": texts,
        "description": {"type": "str"},
    }
    group = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "rules": {"type": "list", "elements": "dict", "default": [], "options": rule},
        "egress": {"type": "list", "elements": "dict", "options": rule},
        "tags": {"type": "dict", "default": {}},
    }
    module = set_module(
        {
            "vpc_id": {"type": "str"},
            "groups": {"type": "list", "elements": "dict", "default": [], "options": group},
            "purge_rules": {"type": "bool", "default": True},
            "rule_limit": {"type": "int", "default": 60},
            "wait_timeout": {"type": "int", "default": 300},
        },
        required_if=[("state", "present", ["vpc_id"])],
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
