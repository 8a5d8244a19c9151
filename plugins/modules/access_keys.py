# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: access_keys
short_description: Access keys of users as one set, replaced before they grow old
version_added: 1.0.0
description:
  - Gives each declared user one access key, in a secret of Secrets Manager, and replaces it by age without an
    interruption for whoever reads the secret.
  - A key that is due gets a second one beside it. It becomes the secret's current version as soon as AWS takes it; the
    old key is deactivated when nobody has used it for O(unused_hours), and deleted O(grace_days) later. A run never
    waits for that; it takes each user as far as it can go, so run it by a schedule.
  - What is left to do is told by the keys and the secret alone, so a run that was killed anywhere is completed by the
    next one. A key whose secret half was lost so is deleted and made anew.
  - A key that the secret does not hold, such as one made by hand, is treated as the old one.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only users and secrets that carry its tag C(mydigitalstructure:platform) are touched; a
        declared user without it is refused.
    type: str
    required: true
  state:
    description:
      - With V(absent), all access keys of O(users) are deleted, and their secrets.
    type: str
    choices: [present, absent]
    default: present
  users:
    description:
      - The users who are to have a key. One that IAM does not know is an error, except in check mode.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of the IAM user.
        type: str
        required: true
      kind:
        description:
          - What the secret holds. V(api) is C(access_key_id) and C(secret_access_key); V(smtp) is C(host), C(port),
            C(username) and C(password) for SES's SMTP endpoint.
        type: str
        choices: [api, smtp]
        default: api
      secret:
        description:
          - The name of the secret. By default the platform's name, C(/keys/) and the user's name.
        type: str
      region:
        description:
          - The region of the SMTP endpoint, whose password differs from region to region. By default that of the
            module.
        type: str
      host:
        description:
          - The SMTP endpoint. By default SES's in the region.
        type: str
      port:
        description:
          - The port of the SMTP endpoint. By default 587.
        type: int
  max_age_days:
    description:
      - The age at which a key is replaced.
    type: float
    default: 90
  unused_hours:
    description:
      - How long the old key must not have been used, and the new one must have been there, before the old one is
        deactivated. AWS records use some minutes, sometimes hours, late.
    type: float
    default: 24
  grace_days:
    description:
      - How long the old key stays, deactivated, so that it can be activated again.
    type: float
    default: 7
  renew:
    description:
      - Names of users whose key is replaced in this run, whatever its age.
    type: list
    elements: str
    default: []
  kms_key:
    description:
      - Id, alias or ARN of the KMS key that encrypts new secrets; AWS's own without one.
    type: str
  tags:
    description:
      - Tags of new secrets.
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
    description: Returns what differs before and after, by kind and name; no secret is in it.
    support: full
"""

EXAMPLES = r"""
- name: Keep the keys of two users young
  mydigitalstructure.aws.access_keys:
    platform: mds
    max_age_days: 60
    users:
      - name: deploy
      - name: mds-smtp
        kind: smtp
        secret: mds/mail/smtp
  register: rotate_result

- name: Replace a key that somebody may have seen
  mydigitalstructure.aws.access_keys:
    platform: mds
    users:
      - name: deploy
    renew: [deploy]
"""

RETURN = r"""
users:
  description: The declared users' keys at the end of the run, keyed by user. No secret is in it.
  returned: success
  type: dict
  contains:
    current:
      description: The id of the key that the secret holds, null when it holds none.
      type: str
    secret:
      description: The name of the secret.
      type: str
    secret_arn:
      description: Its ARN.
      type: str
    keys:
      description: All keys of the user, each with C(id), C(status), C(created) and C(last_used) (ISO 8601, or null).
      type: list
      elements: dict
waiting:
  description: What has to be waited for, a sentence by user; a user of whom nothing is waited for is not in it.
  returned: success
  type: dict
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(access_key) or C(access_key_secret). A new key is called by
      its user, another by its user, a slash and its id.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: access_key
      name: deploy/AKIAIOSFODNN7EXAMPLE
      fields: {status: {before: active, after: inactive}}
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

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_keys import work
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module


def main():
    user = {
        "name": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["api", "smtp"], "default": "api"},
        # no_log: the name of a secret or a key is no secret
        "secret": {"type": "str", "no_log": False},
        "region": {"type": "str"},
        "host": {"type": "str"},
        "port": {"type": "int"},
    }
    module = set_module(
        {
            "users": {"type": "list", "elements": "dict", "default": [], "options": user},
            "max_age_days": {"type": "float", "default": 90},
            "unused_hours": {"type": "float", "default": 24},
            "grace_days": {"type": "float", "default": 7},
            "renew": {"type": "list", "elements": "str", "default": []},
            "kms_key": {"type": "str", "no_log": False},
        },
        purge=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
