# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: bucket_access
short_description: Buckets with the networks that reach them
version_added: 1.0.0
description:
  - Turns the variable C(buckets_declared) into what the module M(mydigitalstructure.aws.buckets) takes, with the option
    C(access) in the place of C(restricted).
author:
  - mydigitalstructure (@mydigitalstructure)
positional: access, restricted
options:
  _input:
    description:
      - The buckets, as the role C(buckets) has them.
    type: list
    elements: dict
    required: true
  access:
    description:
      - The option C(access) of buckets that are restricted and have none of their own.
    type: dict
    required: true
  restricted:
    description:
      - Whether buckets are restricted that do not say it.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show what the module is asked for
  ansible.builtin.debug:
    msg: >-
      {{ [{'name': 'attachments'}, {'name': 'public', 'restricted': false}]
         | mydigitalstructure.aws.bucket_access({'source_ranges': ['203.0.113.0/24']}) }}
"""

RETURN = r"""
_value:
  description: The value of the module's option C(buckets).
  type: list
  elements: dict
"""


def bucket_access(buckets, access, restricted=True):
    made = []
    for bucket in buckets:
        item = {key: value for key, value in bucket.items() if key != "restricted"}
        if bucket.get("restricted", restricted) and not item.get("access"):
            item["access"] = access
        made.append(item)
    return made


class FilterModule:
    def filters(self):
        return {"bucket_access": bucket_access}
