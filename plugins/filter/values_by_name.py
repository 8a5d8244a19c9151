# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: values_by_name
short_description: What a result has for each of some names
version_added: 1.0.0
description:
  - Looks names up in a set that one of the modules of this collection returned.
  - An unknown name fails, with a sentence that has the variable, the name, and the names that there are.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: items, variable, key
options:
  _input:
    description:
      - The names.
    type: list
    elements: str
    required: true
  items:
    description:
      - The set, keyed by name.
    type: dict
    required: true
  variable:
    description:
      - The variable that has the names, for the message.
    type: str
    required: true
  key:
    description:
      - What is wanted of each item. Lists are joined to one.
    type: str
    default: id
"""

EXAMPLES = r"""
- name: Show the ids of two security groups
  ansible.builtin.debug:
    msg: >-
      {{ ['app', 'files'] | mydigitalstructure.aws.values_by_name(security_result.security_groups, 'my_groups') }}
"""

RETURN = r"""
_value:
  description:
    - The values in the order of the names.
  type: list
  elements: raw
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_names import values
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def values_by_name(names, items, variable, key="id"):
    try:
        return values(names, items, variable, key)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"values_by_name": values_by_name}
