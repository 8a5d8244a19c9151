# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: database_passwords
short_description: Master passwords of RDS databases, replaced by age
version_added: 1.0.0
description:
  - Has the master password of each of the platform's databases replaced when it is old. Nobody sees it here. Whoever
    uses it reads the secret again.
  - RDS replaces a password that it manages by itself every seven days, unless that was changed in Secrets Manager. This
    is for where it was, and for a password that somebody may have seen.
  - A password that is in a secret of the platform's is made anew, given to RDS, and becomes the secret's current
    version after that.
  - What waits for the maintenance window of a database goes on waiting.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only databases that the module M(mydigitalstructure.aws.databases) has made for it are
        looked at.
    type: str
    required: true
  max_age_days:
    description:
      - The age at which a password is replaced.
    type: float
    default: 90
  renew:
    description:
      - Identifiers of databases whose password is replaced in this run, whatever its age.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds to wait until the new password is in the secret.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing.
    support: full
  diff_mode:
    description: Returns since when the passwords that are replaced were in force.
    support: full
"""

EXAMPLES = r"""
- name: Replace passwords that are two months old
  mydigitalstructure.aws.database_passwords:
    platform: mds
    max_age_days: 60

- name: Replace a password that somebody may have seen
  mydigitalstructure.aws.database_passwords:
    platform: mds
    renew: [mds-database]
"""

RETURN = r"""
databases:
  description: The databases whose password is in a secret, by identifier, each with its C(secret_arn).
  returned: success
  type: dict
waiting:
  description: A sentence for each password that is due and cannot be replaced now, by identifier.
  returned: success
  type: dict
actions:
  description: What the plan does, in a set order. An action's C(kind) is C(database_password).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: database_password
      name: mds-database
      fields: {changed: {before: "2026-09-01T00:00:00Z", after: (known after apply)}}
diff:
  description: Since when each password was in force, C(before) and C(after).
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._database_passwords import work


def main():
    module = set_module(
        {
            "max_age_days": {"type": "float", "default": 90},
            "renew": {"type": "list", "elements": "str", "default": []},
            "wait_timeout": {"type": "int", "default": 300},
        },
        state=False,
        purge=False,
        tags=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
