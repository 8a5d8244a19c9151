# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dns_records
short_description: The records of one scope in the platform's hosted zones, beside everybody else's
version_added: 1.0.0
description:
  - Makes and keeps a set of records that lie in many hosted zones, and are not the zones' only ones. Zones have to be
    the platform's already, as M(mydigitalstructure.aws.dns_zones) makes or adopts them; nothing but records is changed.
  - Route 53 cannot tag a record. So each record is the only member of a weighted set, whose set identifier names scope
    and owner. Only records that have it are ever changed or removed, and dns_zones leaves them alone, also when it
    purges.
  - Another's record that says the same already is as good; one that says something else makes the module fail before
    anything is changed.
  - Changes go in as few requests as AWS's limits allow, and are read back.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only public zones that carry its tag C(mydigitalstructure:platform) are looked at.
    type: str
    required: true
  state:
    description:
      - With V(absent), all records of the scope are removed.
    type: str
    choices: [present, absent]
    default: present
  scope:
    description:
      - Whose records these are; 1 to 32 letters and digits.
    type: str
    required: true
  records:
    description:
      - The wanted records. Each goes to the zone with the longest name that its own name ends with.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The record's complete name. International names may be given as they are read.
        type: str
        required: true
      type:
        description: The record's type, as M(mydigitalstructure.aws.dns_zones) has it.
        type: str
        required: true
      ttl:
        description: Seconds for which others may keep the record. 300 when it is left out.
        type: int
      values:
        description: The record's values, as M(mydigitalstructure.aws.dns_zones) has them.
        type: list
        elements: str
        required: true
      owner:
        description: Whom the record is for, such as a tenant.
        type: str
        default: ""
      if_free:
        description: Whether another's record of that name and type is left in peace, instead of refused.
        type: bool
        default: false
  purge:
    description:
      - Whether to remove records of the scope that are not declared.
    type: bool
    default: false
  keep:
    description:
      - Owners whose records are not removed by O(purge), although they are not declared.
    type: list
    elements: str
    default: []
  wait:
    description:
      - Whether to wait until all servers of Route 53 have the changes.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also where names and values are C((known after apply)).
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Keep what the tenants need in the platform's zones
  mydigitalstructure.aws.dns_records:
    platform: mds
    scope: tenants
    records:
      - {name: acme.mydigitalstructure.com, type: CNAME, values: [app.1blankspace.com], owner: acme}
      - {name: _dmarc.acme.example, type: TXT, values: ["v=DMARC1; p=none"], owner: acme, if_free: true}
    purge: true
    region: ap-southeast-2

- name: Remove them all
  mydigitalstructure.aws.dns_records:
    platform: mds
    scope: tenants
    state: absent
    region: ap-southeast-2
"""

RETURN = r"""
zone_ids:
  description: The ids of the zones that have declared records, by name.
  returned: success
  type: dict
  sample: {mydigitalstructure.com: Z0123456789ABCDEFGHIJ}
elsewhere:
  description: The declared records that lie in no zone of the platform, as they were given.
  returned: success
  type: list
  elements: dict
batches:
  description: How many change requests were sent, or in check mode would be sent.
  returned: success
  type: int
  sample: 1
actions:
  description: What was done, or in check mode would be done, sorted by kind and name.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: record
      name: acme.mydigitalstructure.com CNAME [mydigitalstructure:tenants:acme]
      fields: {ttl: 300, values: [app.1blankspace.com.], weight: 1}
diff:
  description: The fields that differ, C(before) and C(after), by kind and name.
  returned: success
  type: dict
done:
  description: Actions that were carried out before others failed.
  returned: when some actions failed
  type: list
  elements: dict
failed_actions:
  description: Actions that failed, each with its C(reason).
  returned: when some actions failed
  type: list
  elements: dict
not_done:
  description: Actions that were not reached.
  returned: when some actions failed
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_scope import work


def main():
    record = {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "required": True},
        "ttl": {"type": "int"},
        "values": {"type": "list", "elements": "str", "required": True},
        "owner": {"type": "str", "default": ""},
        "if_free": {"type": "bool", "default": False},
    }
    module = set_module(
        {
            "scope": {"type": "str", "required": True},
            "records": {"type": "list", "elements": "dict", "default": [], "options": record},
            "purge": {"type": "bool", "default": False},
            "keep": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 300},
        },
        purge=False,
        tags=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
