# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: database_problem
short_description: What keeps the database from lying where it is declared
version_added: 1.0.0
description:
  - Looks for names in the variables of the role C(database) that nothing has, for subnets that the world reaches, and
    for subnets in one zone alone. Does not ask AWS.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: network, security
options:
  _input:
    description:
      - The values of the role's variables C(database_subnets), C(database_subnet_tier) and C(database_security_groups),
        keyed by their names.
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
"""

EXAMPLES = r"""
- name: Refuse a place that the world reaches
  ansible.builtin.assert:
    that: problem == ''
    fail_msg: "{{ problem }}"
  vars:
    problem: >-
      {{ {'database_subnets': [], 'database_subnet_tier': 'data', 'database_security_groups': ['database']}
         | mydigitalstructure.aws.database_problem(network_result, security_result) }}
"""

RETURN = r"""
_value:
  description: One sentence that names the variable, the value and what is allowed; empty when there is no problem.
  type: str
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_input import check_place
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def database_problem(variables, network, security):
    try:
        check_place(variables, network["subnets"], security["security_groups"])
    except InputError as error:
        return str(error)
    return ""


class FilterModule:
    def filters(self):
        return {"database_problem": database_problem}
