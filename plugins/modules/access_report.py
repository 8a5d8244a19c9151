# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: access_report
short_description: Who may do what in an account, who does, and what is wrong with it
version_added: 1.0.0
description:
  - Reads IAM and tells users with their MFA and keys, the last use of passwords, keys, roles and services, the root
    account's use, the password policy, whom roles let in, and policies that are too wide or cannot work.
  - Reads only. It has AWS make a credential report; AWS makes a new one after four hours, so RV(account.generated) is
    the time that all ages are counted to.
  - Which permissions are used AWS tells by service, for each user and role with two calls or more.
requirements:
  - policy-sentry
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. What carries its tag C(mydigitalstructure:platform), or lies beneath the path of its name,
        is marked as C(owned).
    type: str
    required: true
  key_days:
    description:
      - How many days old an active access key may be.
    type: int
    default: 90
  unused_days:
    description:
      - After how many days without use a password, a key, a role or a permission is called unused.
    type: int
    default: 90
  root_days:
    description:
      - A use of the root account within so many days is a finding; V(0) is none.
    type: int
    default: 90
  password_length:
    description:
      - How many characters the password policy should ask for.
    type: int
    default: 14
  trusted_accounts:
    description:
      - Numbers of other accounts that roles may let in.
    type: list
    elements: str
    default: []
  break_glass:
    description:
      - Shell patterns of subjects, such as V(role mds-break-glass), that may do everything.
    type: list
    elements: str
    default: []
  ignore:
    description:
      - Shell patterns of subjects, such as V(user legacy-*), that nothing is found of.
    type: list
    elements: str
    default: []
  last_accessed:
    description:
      - Names of users and roles whose unused permissions are looked for; without any, all.
    type: list
    elements: str
    default: []
  last_accessed_limit:
    description:
      - In how many users and roles at most unused permissions are looked for; V(0) asks for none.
    type: int
    default: 100
  timeout:
    description:
      - How many seconds to wait for the credential report and for each report on permissions.
    type: int
    default: 120
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Reads the same and changes nothing.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
"""

EXAMPLES = r"""
- name: Look at the account's access
  mydigitalstructure.aws.access_report:
    platform: mds
    key_days: 60
    break_glass: [role mds-break-glass]
  register: access

- name: Fail for what is grave
  ansible.builtin.assert:
    that: access.findings | selectattr('severity', 'eq', 'high') | length == 0

- name: Look at one user, quickly
  mydigitalstructure.aws.access_report:
    platform: mds
    last_accessed: [backup]
"""

RETURN = r"""
account:
  description: The account.
  returned: success
  type: dict
  contains:
    id:
      description: Its number.
      type: str
    alias:
      description: Its alias, null without one.
      type: str
    generated:
      description: When AWS made the credential report (ISO 8601).
      type: str
    users:
      description: How many users there are.
      type: int
    groups:
      description: How many groups.
      type: int
    roles:
      description: How many roles.
      type: int
root:
  description: The root account.
  returned: success
  type: dict
  contains:
    access_keys:
      description: How many active keys it has.
      type: int
    last_used:
      description: When its password or a key was last used (ISO 8601), null if never.
      type: str
    mfa:
      description: Whether it has MFA.
      type: bool
    password_last_used:
      description: When its password was last used, null if never.
      type: str
password_policy:
  description: The account's password policy, null without one.
  returned: success
  type: dict
  contains:
    allow_change:
      description: Whether users may change their own passwords.
      type: bool
    max_age_days:
      description: After how many days a password expires, null if never.
      type: int
    minimum_length:
      description: How many characters it asks for.
      type: int
    remembered:
      description: How many old passwords may not be used again.
      type: int
users:
  description: The users, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
    arn:
      description: The ARN.
      type: str
    owned:
      description: Whether it is the platform's.
      type: bool
    created:
      description: When it was made (ISO 8601).
      type: str
    groups:
      description: Its groups.
      type: list
      elements: str
    policies:
      description: Names of its own policies, attached and inline.
      type: list
      elements: str
    boundary:
      description: The ARN of its permission boundary, null without one.
      type: str
    password:
      description: Whether it has a password; null for a user that is newer than the credential report.
      type: bool
    password_last_used:
      description: When it was last used, null if never.
      type: str
    mfa:
      description: Whether it has MFA of any kind; null when that is not known yet.
      type: bool
    mfa_devices:
      description: Serial numbers of its virtual devices.
      type: list
      elements: str
    access_keys:
      description:
        - Its keys, each with C(number) (1 or 2, as in the credential report, which tells no ids), C(active),
          C(age_days), C(last_used), C(unused_days) and C(service).
      type: list
      elements: dict
    last_used:
      description: When its password or a key was last used, null if never.
      type: str
    unused_services:
      description: Services that it may use and did not for O(unused_days), null when AWS was not asked.
      type: list
      elements: str
groups:
  description: The groups, sorted by name, each with C(name), C(arn), C(owned), C(policies) and C(users).
  returned: success
  type: list
  elements: dict
roles:
  description:
    - The roles, sorted by name, each with C(name), C(arn), C(owned), C(created), C(last_used), C(policies),
      C(boundary), C(service_linked), C(trusts) (whom it lets in) and C(unused_services).
  returned: success
  type: list
  elements: dict
policies:
  description: The account's own managed policies, sorted by name, each with C(name), C(arn), C(owned) and C(uses).
  returned: success
  type: list
  elements: dict
findings:
  description: What is wrong, the gravest first.
  returned: success
  type: list
  elements: dict
  contains:
    severity:
      description: V(high), V(medium), V(low) or V(info).
      type: str
    subject:
      description: What it is found of, such as V(user kim), V(role mds-app), V(root).
      type: str
    sentence:
      description: What is wrong.
      type: str
    owned:
      description: Whether the subject is the platform's; null for what is the account's, such as V(root).
      type: bool
  sample:
    - severity: high
      subject: user kim
      sentence: It has a password and no MFA.
      owned: true
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_report import work
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module


def main():
    module = set_module(
        {
            # no_log: "key" and "password" in the names are no secrets
            "key_days": {"type": "int", "default": 90, "no_log": False},
            "unused_days": {"type": "int", "default": 90},
            "root_days": {"type": "int", "default": 90},
            "password_length": {"type": "int", "default": 14, "no_log": False},
            "trusted_accounts": {"type": "list", "elements": "str", "default": []},
            "break_glass": {"type": "list", "elements": "str", "default": []},
            "ignore": {"type": "list", "elements": "str", "default": []},
            "last_accessed": {"type": "list", "elements": "str", "default": []},
            "last_accessed_limit": {"type": "int", "default": 100},
            "timeout": {"type": "int", "default": 120},
        },
        state=False,
        purge=False,
        tags=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
