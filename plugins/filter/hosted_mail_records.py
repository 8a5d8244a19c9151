# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: hosted_mail_records
short_description: The DNS records of mail domains that lie in given zones
version_added: 1.0.0
description:
  - Gives the records that mail domains need, as the module M(mydigitalstructure.aws.dns_zones) takes them, for the
    domains that lie in one of the zones. Records of other domains are for whoever runs their DNS.
  - In check mode the DKIM records of a domain that does not exist yet have names that begin with
    V((known after apply\)).
author:
  - mydigitalstructure (@mydigitalstructure)
positional: zones
options:
  _input:
    description:
      - The domains by name, as the module M(mydigitalstructure.aws.mail_domains) returned them.
    type: dict
    required: true
  zones:
    description:
      - The names of the hosted zones.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the records that belong into our zones
  ansible.builtin.debug:
    msg: >-
      {{ mail_domains_result.domains
         | mydigitalstructure.aws.hosted_mail_records(dns_zones | map(attribute='name')) }}
"""

RETURN = r"""
_value:
  description:
    - Records with C(name), C(type), C(ttl) and C(values).
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import in_zones


def hosted_mail_records(domains, zones):
    return [record for name in in_zones(domains, zones) for record in domains[name]["records"]]


class FilterModule:
    def filters(self):
        return {"hosted_mail_records": hosted_mail_records}
