# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: access_points_problem
short_description: What keeps access points from working
version_added: 1.0.0
description:
  - Looks for what cannot work in the variable C(balancers_access_points) without asking AWS; names that are not known,
    domains in no zone, AWS names that are too long, and values that AWS does not allow.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: platform, zones, subnets, security_groups, defaults, buckets
options:
  _input:
    description:
      - The access points, as the role C(balancers) has them.
    type: list
    elements: dict
    required: true
  platform:
    description:
      - The platform's name.
    type: str
    required: true
  zones:
    description:
      - The names of the hosted zones.
    type: list
    elements: str
    required: true
  subnets:
    description:
      - The subnets by name, each with C(id) and C(tier), as C(network_result.subnets) has them.
    type: dict
    required: true
  security_groups:
    description:
      - The security groups by name, each with C(id), as C(security_result.security_groups) has them.
    type: dict
    required: true
  defaults:
    description:
      - Options of every access point that does not set them itself.
    type: dict
    default: {}
  buckets:
    description:
      - The buckets by name, each with C(bucket) and C(log_sources), as C(buckets_result.buckets) has them. Access logs
        may name one of them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refuse access points that cannot work
  ansible.builtin.assert:
    that: problem == ''
    fail_msg: "{{ problem }}"
  vars:
    problem: >-
      {{ balancers_access_points | mydigitalstructure.aws.access_points_problem(
         platform_name, ['example.com'], network_result.subnets, security_result.security_groups) }}
"""

RETURN = r"""
_value:
  description: One sentence that names the variable, the access point and the value; empty when there is no problem.
  type: str
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_points import (
    balancers,
    by_zone,
    certificates,
    domain_records,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def access_points_problem(points, platform, zones, subnets, security_groups, defaults=None, buckets=None):
    try:
        certificates(points)
        by_zone(domain_records(points), zones)
        balancers(points, platform, subnets, security_groups, defaults=defaults, buckets=buckets)
    except InputError as error:
        return str(error)
    return ""


class FilterModule:
    def filters(self):
        return {"access_points_problem": access_points_problem}
