# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: policies_problem
short_description: The first problem of several IAM policies
version_added: 1.0.0
description:
  - Looks at policies one after the other as P(mydigitalstructure.aws.policy_problems#filter) does. Does not ask AWS.
requirements:
  - policy-sentry
author:
  - mydigitalstructure (@mydigitalstructure)
positional: variable
options:
  _input:
    description:
      - The policies, each with C(name) and C(document). One that is called C(boundary) is looked at as a permissions
        boundary.
    type: list
    elements: dict
    required: true
  variable:
    description:
      - The variable that has them, for the message.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse policies that cannot work
  ansible.builtin.assert:
    that: problem == ''
    fail_msg: "{{ problem }}"
  vars:
    problem: "{{ fleet_iam_policies | mydigitalstructure.aws.policies_problem('fleet_iam_policies') }}"
"""

RETURN = r"""
_value:
  description: One sentence that names the variable, the policy and what is wrong; empty when there is no problem.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._policies import problems
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def policies_problem(policies, variable):
    try:
        for policy in policies:
            kind = "boundary" if policy["name"] == "boundary" else "managed"
            for sentence in problems(policy["document"], f"{variable}: {policy['name']}", kind=kind):
                return sentence
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error
    return ""


class FilterModule:
    def filters(self):
        return {"policies_problem": policies_problem}
