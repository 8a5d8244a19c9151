# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mail_records
short_description: The DNS records of mail domains, each with its owner
version_added: 1.0.0
description:
  - Gives the records of all domains, as the module M(mydigitalstructure.aws.dns_records) takes them, with the domain as
    C(owner).
  - A DMARC record has C(if_free), because a domain may have one of its own already.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  _input:
    description:
      - The domains by name, as the module M(mydigitalstructure.aws.mail_domains) returned them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the records of all mail domains
  ansible.builtin.debug:
    msg: "{{ mail_result.domains | mydigitalstructure.aws.mail_records }}"
"""

RETURN = r"""
_value:
  description: Records with C(name), C(type), C(ttl), C(values), C(owner) and C(if_free).
  type: list
  elements: dict
"""


def mail_records(domains):
    return [
        {**record, "owner": name, "if_free": record["name"] == f"_dmarc.{name}"}
        for name in sorted(domains)
        for record in domains[name]["records"]
    ]


class FilterModule:
    def filters(self):
        return {"mail_records": mail_records}
