# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: validation_records
short_description: The DNS records that validate certificates
version_added: 1.0.0
description:
  - Gives the validation records of certificates, each once, as the module M(mydigitalstructure.aws.dns_zones) takes
    them.
  - In check mode the records of a certificate that does not exist yet have names that begin with
    V((known after apply\)).
author:
  - mydigitalstructure (@mydigitalstructure)
positional: zones
options:
  _input:
    description:
      - The certificates by name, as the module M(mydigitalstructure.aws.certificates) returned them.
    type: dict
    required: true
  zones:
    description:
      - The names of the hosted zones. When it is given, the records are grouped by zone, and a domain in none fails.
    type: list
    elements: str
  ttl:
    description:
      - The records' time to live in seconds.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Show the validation records of each zone
  ansible.builtin.debug:
    msg: >-
      {{ balancers_certificates.certificates | mydigitalstructure.aws.validation_records(
         zones=dns_zones | map(attribute='name')) }}
"""

RETURN = r"""
_value:
  description:
    - Records with C(name), C(type), C(ttl) and C(values).
    - With O(zones), one item for each zone that has records, with C(name) and C(records).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_points import by_zone
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def validation_records(certificates, zones=None, ttl=300):
    records = {}
    for certificate in certificates.values():
        for record in certificate["validation_records"]:
            records[record["name"]] = {
                "name": record["name"],
                "type": record["type"],
                "ttl": ttl,
                "values": [record["value"]],
            }
    found = [records[name] for name in sorted(records)]
    try:
        return found if zones is None else by_zone(found, zones)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"validation_records": validation_records}
