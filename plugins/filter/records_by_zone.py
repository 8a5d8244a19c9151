# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: records_by_zone
short_description: Hosted zones with further records put where they belong
version_added: 1.0.0
description:
  - Takes hosted zones as the module M(mydigitalstructure.aws.dns_zones) takes them, and adds each record to the zone
    with the longest name that its own name ends with.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: records
options:
  _input:
    description: The zones.
    type: list
    elements: dict
    required: true
  records:
    description: Records with complete names.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the zones with the access points' records
  ansible.builtin.debug:
    msg: >-
      {{ dns_zones | mydigitalstructure.aws.records_by_zone(
         balancers_result | mydigitalstructure.aws.access_point_records(balancers_access_points)) }}
"""

RETURN = r"""
_value:
  description: The zones with all records.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_points import by_zone
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def records_by_zone(zones, records):
    try:
        added = {item["name"]: item["records"] for item in by_zone(records, [zone["name"] for zone in zones])}
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error
    return [{**zone, "records": [*(zone.get("records") or []), *added.get(zone["name"], [])]} for zone in zones]


class FilterModule:
    def filters(self):
        return {"records_by_zone": records_by_zone}
