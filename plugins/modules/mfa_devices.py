# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mfa_devices
short_description: Virtual MFA devices of users as one set, enrolled
version_added: 1.0.0
description:
  - Makes a virtual MFA device for each declared user who has no MFA device yet, hands its seed over, and enables it
    with two codes computed from the seed (TOTP, RFC 6238).
  - The seed is handed over once, before the device is enabled, as seed, C(otpauth) URI and QR code (PNG and for a
    terminal), into a secret of Secrets Manager or a file that Ansible Vault encrypts. It is never in a result or a log.
  - A device that was made and not enabled, because a run was killed, is replaced by the next run. A user who has
    enrolled a device otherwise is left alone.
requirements:
  - pyotp
  - segno
  - ansible-core, on the host that runs the module, for O(hand_over.to=file)
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only users and devices that carry its tag C(mydigitalstructure:platform) are touched; a
        declared user without it is refused.
    type: str
    required: true
  state:
    description:
      - With V(absent), the platform's devices of O(users) are deactivated and deleted, with the secrets of their seeds;
        without any users, all of the platform's devices. Enabled ones need O(force).
    type: str
    choices: [present, absent]
    default: present
  users:
    description:
      - The users who are to have MFA. One that IAM does not know is an error, except in check mode.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of the IAM user.
        type: str
        required: true
  hand_over:
    description:
      - How seeds get to their users. Needed to enrol.
    type: dict
    suboptions:
      to:
        description:
          - V(secret) is a secret of Secrets Manager called by the platform's name, C(/mfa/) and the user's name;
            V(file) is a file called by the user's name and C(.yml), which C(ansible-vault view) shows, with the QR
            code.
        type: str
        choices: [secret, file]
        required: true
      kms_key:
        description:
          - Id, alias or ARN of the KMS key that encrypts the secret; AWS's own without one.
        type: str
      directory:
        description:
          - Where the files go, on the host that runs the module.
        type: path
      vault_id:
        description:
          - Whose password encrypts the files, as C(ansible-vault --vault-id) takes it, such as V(alice@~/.vault-alice).
            Without it, what Ansible is configured with.
        type: str
  replace:
    description:
      - Names of users whose device of the platform's is lost, and is replaced in this run; each run that has it
        replaces again. Needs O(force).
    type: list
    elements: str
    default: []
  force:
    description:
      - Whether devices that are enabled may be deactivated. Without it a run that would do so is refused as a whole.
    type: bool
    default: false
  tags:
    description:
      - Tags of every device. Other tags of the platform's devices are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to deactivate and delete the platform's devices of users that are not declared.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names of users whose devices are neither made, changed nor deleted.
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
    description: Returns what differs before and after, by kind and name; no seed or code is in it.
    support: full
"""

EXAMPLES = r"""
- name: Give two users MFA
  mydigitalstructure.aws.mfa_devices:
    platform: mds
    users:
      - name: alice
      - name: bob
    hand_over: {to: secret}
  register: mfa_result

- name: Replace a lost device, for an operator who hands the file over
  mydigitalstructure.aws.mfa_devices:
    platform: mds
    users:
      - name: alice
      - name: bob
    replace: [alice]
    force: true
    hand_over:
      to: file
      directory: /root/mfa
      vault_id: operator@/root/.vault-operator
"""

RETURN = r"""
devices:
  description: What the declared users have, keyed by user.
  returned: success
  type: dict
  contains:
    serial:
      description: The serial number (ARN) of the enabled device that the platform made, null without one.
      type: str
    enabled_since:
      description: Since when (ISO 8601).
      type: str
    handed_over:
      description: The secret's name, or the file, that holds the seed of a device made in this run; null otherwise.
      type: str
    other_devices:
      description: Serial numbers of the user's further MFA devices.
      type: list
      elements: str
users_without_mfa:
  description: The declared users that IAM knows and that have no MFA device at the end of this run, sorted.
  returned: success
  type: list
  elements: str
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(mfa_device).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: mfa_device
      name: alice
      fields: {serial: (known after apply), enabled: true, tags: {}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mfa_devices import work


def main():
    hand_over = {
        "to": {"type": "str", "choices": ["secret", "file"], "required": True},
        # no_log: the name of a key is no secret
        "kms_key": {"type": "str", "no_log": False},
        "directory": {"type": "path"},
        "vault_id": {"type": "str"},
    }
    module = set_module(
        {
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": {"type": "str", "required": True}},
            },
            "hand_over": {"type": "dict", "options": hand_over},
            "replace": {"type": "list", "elements": "str", "default": []},
            "force": {"type": "bool", "default": False},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
