# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: fleet_hosts
short_description: Hosts of their own as the module instances takes them
version_added: 1.0.0
description:
  - Turns the names of subnets, security groups, addresses and instance profiles into ids and the names that AWS has.
    An unknown name fails.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: platform, subnets, security_groups, addresses, profiles
options:
  _input:
    description:
      - The hosts, as the role C(fleet) has them in C(fleet_instances).
    type: list
    elements: dict
    required: true
  platform:
    description:
      - The platform's name.
    type: str
    required: true
  subnets:
    description:
      - The subnets, keyed by name.
    type: dict
    required: true
  security_groups:
    description:
      - The security groups, keyed by name.
    type: dict
    required: true
  addresses:
    description:
      - The elastic IP addresses, keyed by name. A host goes without one that is null.
    type: dict
    required: true
  profiles:
    description:
      - The names of the instance profiles.
    type: list
    elements: str
    required: true
  defaults:
    description:
      - What hosts have that do not set it themselves.
    type: dict
    default: {}
  variable:
    description:
      - The variable that has the hosts, for the message.
    type: str
    default: fleet_instances
"""

EXAMPLES = r"""
- name: Show the hosts
  ansible.builtin.debug:
    msg: >-
      {{ fleet_instances | mydigitalstructure.aws.fleet_hosts(platform_name, network_result.subnets,
         security_result.security_groups, {'admin': network_result.admin_address}, ['file', 'admin']) }}
"""

RETURN = r"""
_value:
  description:
    - The hosts.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_names import hosts
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def fleet_hosts(
    instances, platform, subnets, security_groups, addresses, profiles, defaults=None, variable="fleet_instances"
):
    try:
        return hosts(instances, platform, subnets, security_groups, addresses, profiles, defaults or {}, variable)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"fleet_hosts": fleet_hosts}
