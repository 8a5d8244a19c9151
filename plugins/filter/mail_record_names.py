# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mail_record_names
short_description: The names of the DNS records that declared mail domains have in given zones
version_added: 1.0.0
description:
  - Tells which records of a zone are those of mail domains, without asking SES, for the removal of zones. The DKIM
    records of SES's own keys are not among them, because SES chooses their names; the module
    M(mydigitalstructure.aws.dns_zones) knows them by their values.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: zones
options:
  _input:
    description:
      - The domains, as the module M(mydigitalstructure.aws.mail_domains) takes them.
    type: list
    elements: dict
    required: true
  zones:
    description:
      - The names of the hosted zones.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ mail_domains | mydigitalstructure.aws.mail_record_names(dns_zones | map(attribute='name')) }}"
"""

RETURN = r"""
_value:
  description:
    - Items with C(name) and C(type).
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import in_zones, normal

MAIL_FROM = "mail"
"""The module's default for a domain's MAIL FROM subdomain."""


def mail_record_names(domains, zones):
    names = []
    for domain in domains:
        name = normal(domain["name"])
        if not in_zones([name], zones):
            continue
        subdomain = (domain.get("mail_from") or {}).get("subdomain", MAIL_FROM)
        selector = (domain.get("dkim") or {}).get("selector")
        names.append({"name": f"_dmarc.{name}", "type": "TXT"})
        if subdomain:
            names += [{"name": f"{subdomain}.{name}", "type": kind} for kind in ("MX", "TXT")]
        if selector:
            names.append({"name": f"{selector}._domainkey.{name}", "type": "TXT"})
    return names


class FilterModule:
    def filters(self):
        return {"mail_record_names": mail_record_names}
