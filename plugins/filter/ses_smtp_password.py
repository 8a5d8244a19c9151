# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: ses_smtp_password
short_description: The password for SES's SMTP endpoint that belongs to a secret access key
version_added: 1.0.0
description:
  - Derives the SMTP password of an IAM user from the secret access key, as AWS describes it. The SMTP user name is the
    access key's id. The password is that of one region.
  - The result is a secret; use it in tasks with C(no_log).
author:
  - mydigitalstructure (@mydigitalstructure)
positional: region
options:
  _input:
    description:
      - The secret access key.
    type: str
    required: true
  region:
    description:
      - The region whose SMTP endpoint is used, such as V(ap-southeast-2).
    type: str
    required: true
seealso:
  - name: Obtaining Amazon SES SMTP credentials
    description: AWS's description of the algorithm.
    link: https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
"""

EXAMPLES = r"""
- name: Keep the SMTP credentials
  community.aws.secretsmanager_secret:
    name: mds/mail/smtp
    json_secret:
      username: "{{ key.access_key_id }}"
      password: "{{ key.secret_access_key | mydigitalstructure.aws.ses_smtp_password('ap-southeast-2') }}"
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - The password, 44 characters of base64.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import check_region
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._smtp_password import smtp_password


def ses_smtp_password(secret, region):
    if not isinstance(secret, str) or not secret:
        raise AnsibleFilterError("ses_smtp_password: the secret access key is empty; the text that IAM gave is needed.")
    try:
        check_region(region)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error
    return smtp_password(secret, region)


class FilterModule:
    def filters(self):
        return {"ses_smtp_password": ses_smtp_password}
