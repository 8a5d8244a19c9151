# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: access_point_balancers
short_description: Access points with ids in the place of names
version_added: 1.0.0
description:
  - Turns the variable C(balancers_access_points) into what the module M(mydigitalstructure.aws.load_balancers) takes.
  - Fails with one sentence for a name that is not known, which names the variable and what is known, and for whatever
    the module would refuse without asking AWS.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: platform, subnets, security_groups
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
  certificates:
    description:
      - The certificates by name, each with C(arn), as C(balancers_certificates.certificates) has them. Without it the
        answer has no ARNs of certificates and serves to find wrong input early.
    type: dict
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
- name: Show what the module is asked for
  ansible.builtin.debug:
    msg: >-
      {{ balancers_access_points | mydigitalstructure.aws.access_point_balancers(
         platform_name, network_result.subnets, security_result.security_groups,
         certificates=balancers_certificates.certificates) }}
"""

RETURN = r"""
_value:
  description: The value of the module's option C(access_points).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_points import balancers
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def access_point_balancers(points, platform, subnets, security_groups, certificates=None, defaults=None, buckets=None):
    try:
        return balancers(points, platform, subnets, security_groups, certificates, defaults, buckets)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"access_point_balancers": access_point_balancers}
