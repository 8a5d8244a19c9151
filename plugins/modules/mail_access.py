# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mail_access
short_description: How the platform's hosts may send mail, by SMTP or by SES's API
version_added: 1.0.0
description:
  - By SMTP, an IAM user may C(ses:SendRawEmail) from the platform's domains and from given addresses alone. The SMTP
    password of its one access key is kept in Secrets Manager, where the hosts' role may read it.
  - By the API, the hosts' role may send from the platform's domains, and there is no user, key or secret.
  - What lets the hosts send is there before what let them send goes. IAM and hosts need a while all the same, so change
    by way of O(transport=both).
  - The platform's domains and streams are told by their tag C(mydigitalstructure:platform), so policies do not change
    with them.
  - A key whose password the secret does not hold, such as one that an interrupted run left, is deleted and another is
    made. So it is when somebody changes the secret or disables the key, or when O(host) or O(port) change.
  - The password and the secret access key are in no result and no message, and are never read back.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. User, secret and role are called C(<platform>-smtp), C(<platform>/mail/smtp) and
        C(<platform>-<role>). Only what carries its tag C(mydigitalstructure:platform) is changed or deleted.
    type: str
    required: true
  state:
    description:
      - With V(absent), neither way is open, and nothing is left.
    type: str
    choices: [present, absent]
    default: present
  transport:
    description:
      - How the hosts send. V(both) leaves the other way open while they change from one to the other.
    type: str
    choices: [smtp, api, both]
    default: smtp
  role:
    description:
      - The hosts' IAM role, by its name without the platform's.
    type: str
    default: app
  source_ranges:
    description:
      - Addresses and ranges, as the internet sees them, from which the SMTP user may send.
    type: list
    elements: str
    default: []
  vpc_id:
    description:
      - The VPC from whose endpoint for SES's SMTP the user may send too.
    type: str
  host:
    description:
      - The SMTP endpoint that the secret tells; that of the region unless set.
    type: str
  port:
    description:
      - Its port with STARTTLS.
    type: int
    default: 587
  tags:
    description:
      - Tags of the user and the secret. Other tags of them are removed.
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also on an empty account.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name; a key by its id, never a secret.
    support: full
"""

EXAMPLES = r"""
- name: Let the hosts send by SMTP, through the NAT gateway
  mydigitalstructure.aws.mail_access:
    platform: mds
    source_ranges: [203.0.113.7]
    vpc_id: vpc-0123456789abcdef0

- name: Let them send by the API as well, while they change to it
  mydigitalstructure.aws.mail_access:
    platform: mds
    transport: both
    source_ranges: [203.0.113.7]

- name: Take the SMTP user, its key and its secret away
  mydigitalstructure.aws.mail_access:
    platform: mds
    transport: api
"""

RETURN = r"""
smtp:
  description: How to send by SMTP, null when that way is not open.
  returned: success
  type: dict
  contains:
    host:
      description: The endpoint.
      type: str
    port:
      description: Its port.
      type: int
    user:
      description: The IAM user's name.
      type: str
    access_key_id:
      description: The SMTP user name, which is the id of the user's access key.
      type: str
    secret:
      description:
        - The C(name) and C(arn) of the secret, a JSON object with C(host), C(port), C(username) and C(password).
      type: dict
role:
  description: What AWS calls the hosts' role, null when it may do nothing.
  returned: success
  type: str
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(smtp_user), C(smtp_key), C(smtp_secret) or C(mail_grant), the
      role's policy.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: smtp_key
      name: mds-smtp
      fields: {}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mail_access import TRANSPORTS, work


def main():
    module = set_module(
        {
            "transport": {"type": "str", "choices": list(TRANSPORTS), "default": "smtp"},
            "role": {"type": "str", "default": "app"},
            "source_ranges": {"type": "list", "elements": "str", "default": []},
            "vpc_id": {"type": "str"},
            "host": {"type": "str"},
            "port": {"type": "int", "default": 587},
        },
        purge=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
