# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: zone_files
short_description: DNS records written for operators of zones elsewhere, as zone-file snippets and CSV
version_added: 1.0.0
description:
  - Writes the records of each name to C(NAME.zone), a snippet that can be included in a zone file, and to C(NAME.csv).
  - The snippet is written with dnspython, so what no name server would read is refused. Long texts are split into
    strings of 255 characters there, and whole in the CSV.
  - A file is written as a whole or not at all. Files that do not begin as those of this module are left alone.
requirements:
  - dnspython
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  path:
    description:
      - The directory; it is made when it is not there.
    type: path
    required: true
  files:
    description:
      - The wanted pairs of files.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The files' name without the part behind the dot. Letters, digits, underscores and hyphens.
        type: str
        required: true
      records:
        description: Records with complete names.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: The record's complete name.
            type: str
            required: true
          type:
            description: Its type.
            type: str
            required: true
          ttl:
            description: Its time to live in seconds. 300 when it is left out.
            type: int
          values:
            description: Its values, as M(mydigitalstructure.aws.dns_zones) has them.
            type: list
            elements: str
            required: true
  purge:
    description:
      - Whether to remove pairs of this module's files that are not declared.
    type: bool
    default: false
attributes:
  check_mode:
    description: Makes the same plan and writes nothing, also where names are C((known after apply)).
    support: full
  diff_mode:
    description: Returns the records before and after, by file.
    support: full
"""

EXAMPLES = r"""
- name: Write what a tenant's DNS operator has to enter
  mydigitalstructure.aws.zone_files:
    path: /srv/tenants
    files:
      - name: acme
        records:
          - {name: mail.acme.example, type: MX, ttl: 3600, values: [10 feedback-smtp.eu-west-1.amazonses.com]}
          - {name: mail.acme.example, type: TXT, ttl: 3600, values: ["v=spf1 include:amazonses.com ~all"]}
    purge: true
"""

RETURN = r"""
files:
  description: The snippets' paths by name; the CSV lies beside each.
  returned: success
  type: dict
  sample: {acme: /srv/tenants/acme.zone}
actions:
  description: What was done, or in check mode would be done, sorted by name.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: zone_file
      name: acme
      fields: {records: [mail.acme.example. 3600 IN MX 10 feedback-smtp.eu-west-1.amazonses.com.]}
diff:
  description: The records, C(before) and C(after), by file.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._zone_files import work


def main():
    record = {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "required": True},
        "ttl": {"type": "int"},
        "values": {"type": "list", "elements": "str", "required": True},
    }
    file = {
        "name": {"type": "str", "required": True},
        "records": {"type": "list", "elements": "dict", "required": True, "options": record},
    }
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "dict", "default": [], "options": file},
            "purge": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        plan, result = work(module)
    except InputError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(plan), diff=plan.as_diff(), actions=plan.as_list(), **result)


if __name__ == "__main__":
    main()
