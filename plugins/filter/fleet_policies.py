# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: fleet_policies
short_description: Scaling policies with the ARNs of their load balancers
version_added: 1.0.0
description:
  - Turns each policy's C(load_balancer), a balancer's name, into C(load_balancer_arn) and C(target_group_arn), as the
    module M(mydigitalstructure.aws.fleet) takes them. An unknown name fails.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: load_balancers, variable
options:
  _input:
    description:
      - The policies, as the role C(fleet) has them.
    type: list
    elements: dict
    required: true
  load_balancers:
    description:
      - What the module M(mydigitalstructure.aws.load_balancers) returned under C(load_balancers).
    type: dict
    required: true
  variable:
    description:
      - The variable that has the policies, for the message.
    type: str
    default: fleet_scaling
"""

EXAMPLES = r"""
- name: Show the policies
  ansible.builtin.debug:
    msg: "{{ fleet_scaling | mydigitalstructure.aws.fleet_policies(balancers_result.load_balancers) }}"
"""

RETURN = r"""
_value:
  description:
    - The policies.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_names import policies
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def fleet_policies(scaling, load_balancers, variable="fleet_scaling"):
    try:
        return policies(scaling, load_balancers, variable)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"fleet_policies": fleet_policies}
