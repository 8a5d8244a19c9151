# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tenants_source
short_description: Tenants read from CSV, YAML or a DynamoDB table, and checked as a whole
version_added: 1.0.0
description:
  - Reads the list of tenants, and gives their domains as M(mydigitalstructure.aws.mail_domains) takes them and their
    friendly names as M(mydigitalstructure.aws.dns_records) takes them. Changes nothing.
  - Everything that is wrong is told at once, each in one sentence that begins with the file and line, or the table and
    its item's key.
  - A tenant has C(name), C(domains) and, if it wants, C(state) (V(active), V(suspended) or V(leaving)), C(friendly),
    C(configuration_set), C(dkim_selector) and C(dkim_secret), C(mail_from), C(on_mx_failure), C(dmarc) and C(tags).
    V(-) says that it has none of what it would have by default.
  - CSV is UTF-8 with a header and commas; several domains stand in one cell with spaces between them, tags are
    C(key=value;key=value).
  - YAML is a list of tenants, or a mapping whose key C(tenants) has the list.
  - Attributes of a table that are no field of a tenant are not looked at.
requirements:
  - publicsuffixlist
  - PyYAML (for YAML)
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name.
    type: str
    required: true
  source:
    description:
      - A file whose name ends with C(.csv), C(.yml), C(.yaml) or C(.json), or C(dynamodb:) and the name of a table.
    type: str
    required: true
  configuration_set:
    description:
      - The stream of tenants that name none, as M(mydigitalstructure.aws.mail_streams) has it.
    type: str
    default: ""
  mail_from:
    description:
      - The label of the MAIL FROM domain of tenants that name none; empty for none.
    type: str
    default: mail
  on_mx_failure:
    description:
      - What SES does while its MX record is not there.
    type: str
    choices: [use_default, reject]
    default: use_default
  dmarc:
    description:
      - The DMARC record of tenants that have none of their own; empty for none.
    type: str
    default: v=DMARC1; p=none
  friendly_zone:
    description:
      - The platform's domain below which every tenant has a name; without it they have none.
    type: str
    default: ""
  friendly_target:
    description:
      - Where those names lead, such as an access point's domain.
    type: str
    default: ""
  offboard_now:
    description:
      - Tenants that leave at once, and so may not be active or suspended in the source.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Reads and changes nothing, in check mode and otherwise.
    support: full
  diff_mode:
    description: There is nothing to differ.
    support: none
"""

EXAMPLES = r"""
- name: Read the tenants
  mydigitalstructure.aws.tenants_source:
    platform: mds
    source: /etc/platform/tenants.csv
    friendly_zone: mydigitalstructure.com
    friendly_target: app.1blankspace.com
    region: ap-southeast-2
  register: tenants

- name: Read them from a table
  mydigitalstructure.aws.tenants_source:
    platform: mds
    source: dynamodb:mds-tenants
    region: ap-southeast-2
"""

RETURN = r"""
tenants:
  description: The tenants by name.
  returned: success
  type: dict
  contains:
    state:
      description: V(active), V(suspended) or V(leaving).
      type: str
    domains:
      description: Its domains (punycode).
      type: list
      elements: str
    friendly:
      description: Its name below the platform's domain, null without one.
      type: str
    declared_at:
      description: The file and line, or the table and key.
      type: str
domains:
  description: The domains of all that are not leaving, as M(mydigitalstructure.aws.mail_domains) takes them.
  returned: success
  type: list
  elements: dict
records:
  description: Their friendly names, as M(mydigitalstructure.aws.dns_records) takes them.
  returned: success
  type: list
  elements: dict
leaving:
  description: The names of tenants whose state is V(leaving).
  returned: success
  type: list
  elements: str
problems:
  description: Everything that is wrong, a sentence each; the message has them too, a line each.
  returned: when something is wrong
  type: list
  elements: str
"""

import os

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import client, run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import normal
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, Plan
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tenants import (
    Defaults,
    Tenants,
    read_csv,
    read_table,
    read_yaml,
)

READERS = {".csv": read_csv, ".yml": read_yaml, ".yaml": read_yaml, ".json": read_yaml}
TABLE = "dynamodb:"


def rows_of(module):
    source = module.params["source"]
    if source.startswith(TABLE):
        return read_table(client(module, "dynamodb"), source.removeprefix(TABLE))
    reader = READERS.get(os.path.splitext(source)[1].lower())
    if reader is None:
        raise InputError(
            f"source: {source!r} is not allowed; it is a file whose name ends with {', '.join(READERS)}, or "
            f"{TABLE}TABLE."
        )
    try:
        with open(source, "rb") as file:
            data = file.read()
    except OSError as error:
        raise InputError(f"source: {source!r} cannot be read ({error.strerror}); it has to be a file.") from error
    return reader(data, os.path.basename(source))


def work(module):
    options = module.params
    zone, target = options["friendly_zone"], options["friendly_target"]
    if zone and not target:
        raise InputError("friendly_target: it is missing; with friendly_zone it says where the tenants' names lead.")
    rows, problems = rows_of(module)
    own = ("configuration_set", "mail_from", "on_mx_failure", "dmarc")
    defaults = Defaults(
        **{name: options[name] for name in own},
        friendly_zone=normal(zone, "friendly_zone") if zone else "",
        friendly_target=normal(target, "friendly_target") if target else "",
    )
    tenants = Tenants(options["platform"], defaults)
    for row in rows:
        tenants.add(row)
    tenants.leave_now(options["offboard_now"])
    problems += tenants.problems
    if problems:
        module.fail_json(msg="\n".join(problems), problems=problems)
    return Plan(), {
        "tenants": tenants.tenants,
        "domains": tenants.domains,
        "records": tenants.records,
        "leaving": sorted(name for name, item in tenants.tenants.items() if item["state"] == "leaving"),
    }


def main():
    module = set_module(
        {
            "source": {"type": "str", "required": True},
            "configuration_set": {"type": "str", "default": ""},
            "mail_from": {"type": "str", "default": "mail"},
            "on_mx_failure": {"type": "str", "choices": ["use_default", "reject"], "default": "use_default"},
            "dmarc": {"type": "str", "default": "v=DMARC1; p=none"},
            "friendly_zone": {"type": "str", "default": ""},
            "friendly_target": {"type": "str", "default": ""},
            "offboard_now": {"type": "list", "elements": "str", "default": []},
        },
        state=False,
        purge=False,
        tags=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
