# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: certificates
short_description: The platform's ACM certificates as one set
version_added: 1.0.0
description:
  - Requests public TLS certificates from AWS Certificate Manager, validated through DNS, and keeps their tags.
  - ACM cannot change the domains or the key algorithm of a certificate, so such a change requests another one
    (verb C(replace) in the plan). The former one stays until nothing uses it.
  - A certificate that failed, expired, was revoked or whose validation timed out is requested anew.
  - Domains are compared whatever their case, order, trailing dot or form (international names or punycode).
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only certificates that carry its tag C(mydigitalstructure:platform) are changed or deleted.
    type: str
    required: true
  state:
    description:
      - With V(absent), every certificate of the platform is deleted, and O(certificates) does not matter.
      - A certificate that is in use cannot be deleted. The module then fails before it changes anything and names
        what uses it; with O(wait=true) it first waits up to O(wait_timeout) seconds for that to end.
    type: str
    choices: [present, absent]
    default: present
  certificates:
    description:
      - The wanted certificates.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the certificate is called in variables and results. Letters, digits, dots, hyphens and underscores.
        type: str
        required: true
      domain:
        description:
          - The first domain, of at most 64 characters. V(*.example.com) covers one level below V(example.com).
        type: str
        required: true
      alternative_names:
        description:
          - Further domains. An account may have 10 domains in a certificate unless AWS has raised its quota.
        type: list
        elements: str
        default: []
      key_algorithm:
        description:
          - The algorithm of the key pair.
        type: str
        choices: [RSA_2048, EC_prime256v1, EC_secp384r1]
        default: RSA_2048
      transparency_logging:
        description:
          - Whether the certificate is recorded in a public certificate transparency log, as browsers want it.
        type: bool
        default: true
      tags:
        description:
          - Further tags of this certificate.
        type: dict
        default: {}
  tags:
    description:
      - Tags of every certificate. Other tags of the platform's certificates are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to delete the platform's certificates that are superseded or not declared any more, and that nothing
        uses. Those in use are kept and returned in RV(superseded); a later run deletes them.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names that are neither changed nor deleted.
    type: list
    elements: str
    default: []
  wait:
    description:
      - Whether to wait until every declared certificate is issued. Its validation records must be in the public DNS.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait with O(wait=true).
    type: int
    default: 1800
  expiry_days:
    description:
      - A certificate with fewer days left is listed in RV(expiring). ACM renews 60 days ahead what is in use and
        whose validation records are still there.
    type: int
    default: 30
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
- name: Request certificates for two access points
  mydigitalstructure.aws.certificates:
    platform: mds
    certificates:
      - name: webapi
        domain: example.com
        alternative_names:
          - "*.example.com"
      - name: retail
        domain: retail.example.com
        key_algorithm: EC_prime256v1
  register: balancers_certificates

- name: Wait until they are issued, once their validation records are in the zone
  mydigitalstructure.aws.certificates:
    platform: mds
    certificates:
      - name: webapi
        domain: example.com
        alternative_names:
          - "*.example.com"
    wait: true
    wait_timeout: 900

- name: Delete every certificate of the platform
  mydigitalstructure.aws.certificates:
    platform: mds
    state: absent
"""

RETURN = r"""
actions:
  description: What was changed, or would be in check mode, sorted by kind and name.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: One of C(create), C(update), C(replace) and C(delete).
      returned: always
      type: str
    kind:
      description: Always C(certificate).
      returned: always
      type: str
    name:
      description: The declared name; for a deletion followed by the identifier that ends the ARN.
      returned: always
      type: str
    fields:
      description: The values that are made or deleted, or C(before) and C(after) of each changed field.
      returned: always
      type: dict
certificates:
  description:
    - The declared certificates, keyed by name.
    - In check mode a certificate that does not exist yet has C((known after apply)) as its values.
  returned: success
  type: dict
  contains:
    arn:
      description: The certificate's ARN.
      returned: always
      type: str
    domain:
      description: The first domain.
      returned: always
      type: str
    alternative_names:
      description: The further domains, sorted.
      returned: always
      type: list
      elements: str
    key_algorithm:
      description: The key pair's algorithm.
      returned: always
      type: str
    status:
      description: The status in ACM, such as C(PENDING_VALIDATION) or C(ISSUED).
      returned: always
      type: str
    validation_records:
      description: The DNS records that must exist for validation and for every renewal, each once.
      returned: always
      type: list
      elements: dict
      contains:
        domain:
          description: The domain that the record validates, without C(*.).
          returned: always
          type: str
        name:
          description: The record's name, without a trailing dot.
          returned: always
          type: str
        type:
          description: The record's type, C(CNAME).
          returned: always
          type: str
        value:
          description: The record's value, without a trailing dot.
          returned: always
          type: str
    in_use_by:
      description: ARNs of the resources that use it.
      returned: always
      type: list
      elements: str
    not_after:
      description: When it expires (ISO 8601); null before it is issued.
      returned: always
      type: str
    renewal_status:
      description: The status of ACM's renewal; null when none has begun.
      returned: always
      type: str
superseded:
  description: The platform's certificates that no declared name needs any more and that are still there.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The declared name that it had.
      returned: always
      type: str
    arn:
      description: Its ARN.
      returned: always
      type: str
    status:
      description: Its status in ACM.
      returned: always
      type: str
    reason:
      description: C(replaced), C(undeclared), or the status that makes it useless, such as C(failed).
      returned: always
      type: str
    in_use_by:
      description: ARNs of the resources that use it.
      returned: always
      type: list
      elements: str
expiring:
  description: Declared certificates with fewer than O(expiry_days) days left.
  returned: success
  type: list
  elements: dict
  contains: &renewal
    name:
      description: The declared name.
      returned: always
      type: str
    arn:
      description: Its ARN.
      returned: always
      type: str
    not_after:
      description: When it expires (ISO 8601).
      returned: always
      type: str
    days:
      description: Whole days left.
      returned: always
      type: int
    renewal_status:
      description: The status of ACM's renewal, null when none has begun.
      returned: always
      type: str
    renewal_reason:
      description: Why the renewal failed, null when it did not.
      returned: always
      type: str
renewal_failures:
  description: Declared certificates whose last renewal failed.
  returned: success
  type: list
  elements: dict
  contains: *renewal
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import client, run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._certificates import KEY_ALGORITHMS, ensure


def main():
    module = set_module(
        {
            "certificates": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "domain": {"type": "str", "required": True},
                    "alternative_names": {"type": "list", "elements": "str", "default": []},
                    # no_log: "key" in the name is no secret
                    "key_algorithm": {
                        "type": "str",
                        "choices": list(KEY_ALGORITHMS),
                        "default": "RSA_2048",
                        "no_log": False,
                    },
                    "transparency_logging": {"type": "bool", "default": True},
                    "tags": {"type": "dict", "default": {}},
                },
            },
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 1800},
            "expiry_days": {"type": "int", "default": 30},
        }
    )
    run(module, lambda: ensure(client(module, "acm"), module.params, module.check_mode))


if __name__ == "__main__":
    main()
