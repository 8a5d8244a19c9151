# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: access_point_certificates
short_description: The certificates that access points need
version_added: 1.0.0
description:
  - Turns the variable C(balancers_access_points) into what the module M(mydigitalstructure.aws.certificates) takes as
    its option C(certificates). There is one certificate an access point, with its name, for all of its domains.
  - Fails with one sentence that names the access point for a domain that a certificate cannot hold.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  _input:
    description:
      - The access points, as the role C(balancers) has them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the certificates
  ansible.builtin.debug:
    msg: "{{ balancers_access_points | mydigitalstructure.aws.access_point_certificates }}"
"""

RETURN = r"""
_value:
  description: One item an access point, with C(name), C(domain), C(alternative_names) and what else it sets.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_points import certificates
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def access_point_certificates(points):
    try:
        return certificates(points)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"access_point_certificates": access_point_certificates}
