# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: tenant_zone_files
short_description: Records by tenant, to be written to files
version_added: 1.0.0
description:
  - Puts records, whose C(owner) is a mail domain, together by the tenant of the domain, as the module
    M(mydigitalstructure.aws.zone_files) takes them.
author:
  - mydigitalstructure (@mydigitalstructure)
positional: domains
options:
  _input:
    description:
      - The records, as the module M(mydigitalstructure.aws.dns_records) returned those that lie elsewhere.
    type: list
    elements: dict
    required: true
  domains:
    description:
      - The domains by name, as the module M(mydigitalstructure.aws.mail_domains) returned them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what each tenant's DNS operator has to enter
  ansible.builtin.debug:
    msg: "{{ records_result.elsewhere | mydigitalstructure.aws.tenant_zone_files(mail_result.domains) }}"
"""

RETURN = r"""
_value:
  description: One item for each tenant, with C(name) and C(records).
  type: list
  elements: dict
"""

FIELDS = ("name", "type", "ttl", "values")


def tenant_zone_files(records, domains):
    files = {}
    for record in records:
        owner = domains.get(record["owner"])
        if owner is not None:
            files.setdefault(owner["tenant"], []).append({field: record[field] for field in FIELDS})
    return [{"name": name, "records": files[name]} for name in sorted(files)]


class FilterModule:
    def filters(self):
        return {"tenant_zone_files": tenant_zone_files}
