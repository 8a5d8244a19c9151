# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: access_problem
short_description: What keeps the variables of role access from working
version_added: 1.0.0
description:
  - Looks whether C(access_source_ranges) let in whoever runs this and not everybody, whether the guards of
    C(access_groups) are known, and whether all C(access_users) are guarded by a group. Does not ask AWS.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: caller
options:
  _input:
    description:
      - The values of the role's variables C(access_source_ranges), C(access_source_anywhere), C(access_source_force),
        C(access_groups) and C(access_users), keyed by their names.
    type: dict
    required: true
  caller:
    description:
      - The address that AWS sees of whoever runs this; empty when it is not known.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse to lock oneself out
  ansible.builtin.assert:
    that: problem == ''
    fail_msg: "{{ problem }}"
  vars:
    problem: "{{ {'access_source_ranges': ['203.0.113.0/24']} | mydigitalstructure.aws.access_problem('203.0.113.7') }}"
"""

RETURN = r"""
_value:
  description: One sentence that names the variable, the value and what is allowed; empty when there is no problem.
  type: str
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_input import check_guards, check_sources
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def access_problem(variables, caller):
    try:
        check_sources(
            variables.get("access_source_ranges") or [],
            caller,
            anywhere=variables.get("access_source_anywhere") or "",
            force=bool(variables.get("access_source_force")),
        )
        check_guards(variables.get("access_groups") or [], variables.get("access_users") or [])
    except InputError as error:
        return str(error)
    return ""


class FilterModule:
    def filters(self):
        return {"access_problem": access_problem}
