# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: fleet_problem
short_description: What keeps the fleet's variables from working
version_added: 1.0.0
description:
  - Looks for names in the variables of the role C(fleet) that nothing has. Does not ask AWS.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: network, security, balancers, profiles
options:
  _input:
    description:
      - The values of the role's variables C(fleet_security_groups), C(fleet_subnets), C(fleet_subnet_tier),
        C(fleet_access_points), C(fleet_scaling), C(fleet_instances) and C(fleet_instance_profile), keyed by their
        names.
    type: dict
    required: true
  network:
    description:
      - What the module M(mydigitalstructure.aws.network) returned.
    type: dict
    required: true
  security:
    description:
      - What the module M(mydigitalstructure.aws.security_groups) returned.
    type: dict
    required: true
  balancers:
    description:
      - What the module M(mydigitalstructure.aws.load_balancers) returned.
    type: dict
    required: true
  profiles:
    description:
      - The names of the instance profiles.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse an unknown access point
  ansible.builtin.assert:
    that: problem == ''
    fail_msg: "{{ problem }}"
  vars:
    problem: >-
      {{ {'fleet_access_points': ['platform']} | mydigitalstructure.aws.fleet_problem(
         network_result, security_result, balancers_result, ['app']) }}
"""

RETURN = r"""
_value:
  description: One sentence that names the variable, the value and what is allowed; empty when there is no problem.
  type: str
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_names import check
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def fleet_problem(variables, network, security, balancers, profiles):
    try:
        check(variables, network, security, balancers, profiles)
    except InputError as error:
        return str(error)
    return ""


class FilterModule:
    def filters(self):
        return {"fleet_problem": fleet_problem}
