#!/usr/bin/python
# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: access
short_description: IAM policies, groups, users and roles as one set
version_added: 1.0.0
description:
  - Makes and keeps the customer managed policies, groups, users with their memberships, and roles with their instance
    profiles that a platform declares, and the account's alias and password policy.
  - Everything is read with one list of the whole account's IAM, documents included, so that a run that changes nothing
    costs a few calls, however many people there are.
  - IAM lists nothing by tag, so the path C(/platform/scope/) says what is the platform's. Users keep their names; all
    else is called by the platform's name, a hyphen and its own. A name that is taken outside of the path is refused.
  - What was added by hand to something of the platform's, be it an attached or an inline policy or a membership, is
    taken away again.
  - A user who is removed goes with password, access keys, MFA devices and all else that belongs to the user, and with
    the secrets by which M(mydigitalstructure.aws.access_keys) and M(mydigitalstructure.aws.mfa_devices) handed them
    over. The user whose credentials run this is never removed.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name, 1 to 15 lower-case letters, digits and hyphens.
    type: str
    required: true
  scope:
    description:
      - The part of the platform whose set this is. Each scope is a set of its own, with its own path.
    type: str
    required: true
  state:
    description:
      - V(present) makes and keeps the set; V(absent) removes everything beneath the path. The account's alias and
        password policy stay.
    type: str
    choices: [present, absent]
    default: present
  policies:
    description:
      - Customer managed policies.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the policy is called.
        type: str
        required: true
      document:
        description:
          - The policy document.
        type: dict
        required: true
  groups:
    description:
      - Groups of users.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the group is called.
        type: str
        required: true
      policies:
        description:
          - The policies of all users in it, each the name of one of O(policies), C(scope/name) of another scope, or an
            ARN.
        type: list
        elements: str
        default: []
  users:
    description:
      - Users. Their passwords, access keys and MFA devices are not made here.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The user's name, with which a person signs in.
        type: str
        required: true
      groups:
        description:
          - Names of O(groups).
        type: list
        elements: str
        default: []
      policies:
        description:
          - Policies of this user alone, named as those of O(groups).
        type: list
        elements: str
        default: []
      boundary:
        description:
          - The policy that bounds the user's permissions, named in the same way.
        type: str
      tags:
        description:
          - Further tags of this user.
        type: dict
        default: {}
  roles:
    description:
      - Roles.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the role is called.
        type: str
        required: true
      trust:
        description:
          - The document that says who may assume the role.
        type: dict
        required: true
      policies:
        description:
          - The role's policies, named as those of O(groups).
        type: list
        elements: str
        default: []
      boundary:
        description:
          - The policy that bounds the role's permissions, named in the same way.
        type: str
      description:
        description:
          - What the role is for.
        type: str
        default: ""
      max_session_duration:
        description:
          - Seconds that a session of the role may last, from 3600 to 43200.
        type: int
        default: 3600
      instance_profile:
        description:
          - Whether to make an instance profile of the same name with it.
        type: bool
        default: false
      tags:
        description:
          - Further tags of this role.
        type: dict
        default: {}
  account_alias:
    description:
      - The account's alias, in the address at which its users sign in. An account has one; another is replaced.
    type: str
  password_policy:
    description:
      - The account's password policy. What is not given stays as it is.
    type: dict
    suboptions:
      minimum_length:
        description:
          - The fewest characters, 6 to 128.
        type: int
      require_symbols:
        description:
          - Whether a symbol is needed.
        type: bool
      require_numbers:
        description:
          - Whether a digit is needed.
        type: bool
      require_uppercase:
        description:
          - Whether a capital letter is needed.
        type: bool
      require_lowercase:
        description:
          - Whether a small letter is needed.
        type: bool
      allow_change:
        description:
          - Whether users may change their own password.
        type: bool
      max_age:
        description:
          - Days until a password expires, up to 1095; 0 for never.
        type: int
      reuse_prevention:
        description:
          - How many former passwords may not come again, up to 24; 0 for none.
        type: int
      hard_expiry:
        description:
          - Whether only an administrator can renew an expired password.
        type: bool
  tags:
    description:
      - Tags of users, roles, policies and instance profiles; groups have none. Other tags of the platform's users and
        roles are removed. IAM lists policies and instance profiles without tags, so they get these at creation, and
        policies again with a new document.
    type: dict
    default: {}
  purge:
    description:
      - Whether to remove what lies beneath the path and is not declared any more.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names that are neither changed nor removed.
    type: list
    elements: str
    default: []
  groups_limit:
    description:
      - How many groups the account may have.
    type: int
    default: 300
  groups_of_user_limit:
    description:
      - How many groups a user may be in.
    type: int
    default: 10
  policies_limit:
    description:
      - How many policies may be attached to a group, a user or a role.
    type: int
    default: 10
  keep_inline_policies:
    description:
      - Names of inline policies that something else manages and that stay where they are, such as C(mail), which
        module M(mydigitalstructure.aws.mail_access) gives to the hosts' role.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also on an empty account.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: People who may look
  mydigitalstructure.aws.access:
    platform: mds
    scope: access
    policies:
      - name: invoices
        document:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: s3:GetObject
              Resource: arn:aws:s3:::mds-invoices/*
    groups:
      - name: readers
        policies:
          - invoices
          - arn:aws:iam::aws:policy/job-function/ViewOnlyAccess
    users:
      - name: alice
        groups: [readers]
    password_policy:
      minimum_length: 14
    purge: true

- name: A role for hosts
  mydigitalstructure.aws.access:
    platform: mds
    scope: hosts
    roles:
      - name: app
        trust:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: sts:AssumeRole
              Principal: {Service: ec2.amazonaws.com}
        policies: [arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore]
        instance_profile: true

- name: Remove a scope
  mydigitalstructure.aws.access:
    platform: mds
    scope: hosts
    state: absent
"""

RETURN = r"""
policies:
  description: The declared policies, keyed by name.
  returned: success
  type: dict
  contains:
    name:
      description: What IAM calls it.
      type: str
    arn:
      description: Its ARN.
      type: str
    document:
      description: The policy document.
      type: dict
groups:
  description: The declared groups, keyed by name.
  returned: success
  type: dict
  contains:
    name:
      description: What IAM calls it.
      type: str
    arn:
      description: Its ARN.
      type: str
    policies:
      description: ARNs of the attached policies.
      type: list
      elements: str
    inline_policies:
      description: Always empty; those that were there are removed.
      type: list
      elements: str
users:
  description: The declared users, keyed by name.
  returned: success
  type: dict
  contains:
    name:
      description: The user's name.
      type: str
    arn:
      description: Its ARN.
      type: str
    groups:
      description: What IAM calls the user's groups.
      type: list
      elements: str
    policies:
      description: ARNs of the attached policies.
      type: list
      elements: str
    inline_policies:
      description: Always empty; those that were there are removed.
      type: list
      elements: str
    boundary:
      description: The ARN of the permissions boundary, null without one.
      type: str
    tags:
      description: The user's tags.
      type: dict
roles:
  description: The declared roles, keyed by name.
  returned: success
  type: dict
  contains:
    name:
      description: What IAM calls it.
      type: str
    arn:
      description: Its ARN.
      type: str
    instance_profile:
      description: The name of its instance profile, null without one.
      type: str
    trust:
      description: Who may assume it.
      type: dict
    policies:
      description: ARNs of the attached policies.
      type: list
      elements: str
    inline_policies:
      description: Always empty; those that were there are removed.
      type: list
      elements: str
    boundary:
      description: The ARN of the permissions boundary, null without one.
      type: str
    description:
      description: What it is for.
      type: str
    max_session_duration:
      description: Seconds that a session may last.
      type: int
    tags:
      description: The role's tags.
      type: dict
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(policy), C(group), C(user), C(role), C(instance_profile) or
      C(account_setting).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: user
      name: alice
      fields: {groups: {before: [mds-readers], after: [mds-operators, mds-readers]}}
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

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access import PASSWORD, work
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module


def main():
    name = {"name": {"type": "str", "required": True}}
    attached = {"policies": {"type": "list", "elements": "str", "default": []}}
    more = {"boundary": {"type": "str"}, "tags": {"type": "dict", "default": {}}}
    numbers = ("minimum_length", "max_age", "reuse_prevention")

    def items(**options):
        return {"type": "list", "elements": "dict", "default": [], "options": {**name, **options}}

    module = set_module(
        {
            "scope": {"type": "str", "required": True},
            "policies": items(document={"type": "dict", "required": True}),
            "groups": items(**attached),
            "users": items(groups={"type": "list", "elements": "str", "default": []}, **attached, **more),
            "roles": items(
                trust={"type": "dict", "required": True},
                **attached,
                **more,
                description={"type": "str", "default": ""},
                max_session_duration={"type": "int", "default": 3600},
                instance_profile={"type": "bool", "default": False},
            ),
            "account_alias": {"type": "str"},
            "password_policy": {
                "type": "dict",
                "no_log": False,
                "options": {key: {"type": "int" if key in numbers else "bool"} for key in PASSWORD},
            },
            "groups_limit": {"type": "int", "default": 300},
            "groups_of_user_limit": {"type": "int", "default": 10},
            "policies_limit": {"type": "int", "default": 10},
            "keep_inline_policies": {"type": "list", "elements": "str", "default": []},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
