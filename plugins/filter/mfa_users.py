# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mfa_users
short_description: Users of whom a group asks for MFA
version_added: 1.0.0
description:
  - Picks the users of whom at least one group has the guard V(mfa), as the module
    M(mydigitalstructure.aws.mfa_devices) takes them.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  _input:
    description:
      - The users, as the role C(access) has them.
    type: list
    elements: dict
    required: true
  groups:
    description:
      - The groups, as the role C(access) has them; one without C(guards) has both.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show who needs MFA
  ansible.builtin.debug:
    msg: "{{ [{'name': 'alice', 'groups': ['readers']}] | mydigitalstructure.aws.mfa_users([{'name': 'readers'}]) }}"
"""

RETURN = r"""
_value:
  description: The users, each with C(name) alone.
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_input import GUARDS


def mfa_users(users, groups):
    guarded = {group["name"] for group in groups if "mfa" in group.get("guards", GUARDS)}
    return [{"name": user["name"]} for user in users if guarded & set(user["groups"])]


class FilterModule:
    def filters(self):
        return {"mfa_users": mfa_users}
