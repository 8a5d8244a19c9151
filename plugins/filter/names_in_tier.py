# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: names_in_tier
short_description: The names of the subnets of a tier
version_added: 1.0.0
description:
  - Lists the subnets of one tier of the network. A tier without a subnet fails.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: tier, variable
options:
  _input:
    description:
      - The subnets, keyed by name, as the module C(network) returns them.
    type: dict
    required: true
  tier:
    description:
      - The tier.
    type: str
    required: true
  variable:
    description:
      - The variable that has the tier, for the message.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the subnets of the app tier
  ansible.builtin.debug:
    msg: "{{ network_result.subnets | mydigitalstructure.aws.names_in_tier('app', 'my_tier') }}"
"""

RETURN = r"""
_value:
  description:
    - The names, sorted.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_names import in_tier
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def names_in_tier(subnets, tier, variable):
    try:
        return in_tier(tier, subnets, variable)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"names_in_tier": names_in_tier}
