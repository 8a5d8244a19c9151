# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: access_point_records
short_description: The alias records that lead domains to their balancers
version_added: 1.0.0
description:
  - Gives the DNS records of all domains of the access points, as the module M(mydigitalstructure.aws.dns_zones) takes
    them.
  - A domain that one balancer serves has a plain alias. One that an array serves has a weighted alias for each
    balancer, all of the same weight, with the balancer's name as C(set_identifier).
  - There are A records, and AAAA records for balancers with IPv6 addresses; those without IPv4 have AAAA records only.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: access_points, zones
options:
  _input:
    description:
      - What the module M(mydigitalstructure.aws.load_balancers) returned.
    type: dict
    required: true
  access_points:
    description:
      - The access points, as the role C(balancers) has them.
    type: list
    elements: dict
    required: true
  zones:
    description:
      - The names of the hosted zones. When it is given, the records are grouped by zone, and a domain in none fails.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show the records of each zone
  ansible.builtin.debug:
    msg: >-
      {{ balancers_result | mydigitalstructure.aws.access_point_records(
         balancers_access_points, zones=dns_zones | map(attribute='name')) }}
"""

RETURN = r"""
_value:
  description:
    - Records with C(name), C(type), C(alias) and, in an array, C(set_identifier) and C(weight).
    - With O(zones), one item for each zone that has records, with C(name) and C(records).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_points import alias_records, by_zone
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def access_point_records(result, access_points, zones=None):
    try:
        records = alias_records(result, access_points)
        return records if zones is None else by_zone(records, zones)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"access_point_records": access_point_records}
