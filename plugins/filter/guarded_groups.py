# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: guarded_groups
short_description: Groups with the policies that guard them
version_added: 1.0.0
description:
  - Turns each group's C(guards), V(mfa) and V(source) unless it has others, into the policies C(guard-mfa) and
    C(guard-source), and gives every group the policy C(self-service), as the module M(mydigitalstructure.aws.access)
    takes them.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  _input:
    description:
      - The groups, as the role C(access) has them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the groups with their guards
  ansible.builtin.debug:
    msg: "{{ [{'name': 'readers', 'policies': ['look']}] | mydigitalstructure.aws.guarded_groups }}"
"""

RETURN = r"""
_value:
  description: The groups, each with C(name) and C(policies).
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_input import GUARDS


def guarded_groups(groups):
    return [
        {
            "name": group["name"],
            "policies": [
                *(f"guard-{guard}" for guard in group.get("guards", GUARDS)),
                "self-service",
                *(group.get("policies") or []),
            ],
        }
        for group in groups
    ]


class FilterModule:
    def filters(self):
        return {"guarded_groups": guarded_groups}
