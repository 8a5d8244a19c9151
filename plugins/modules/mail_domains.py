# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mail_domains
short_description: The domains that tenants send mail from (SES identities) as one set
version_added: 1.0.0
description:
  - Makes and keeps SES v2 domain identities with DKIM, MAIL FROM, default configuration set and feedback forwarding,
    and an SES tenant a space, so that one space's reputation cannot pause the others.
  - Tells the DNS records that each domain needs, in the form of M(mydigitalstructure.aws.dns_zones), and whether they
    were found.
  - A run that changes nothing reads lists and batches of 100, not domain by domain. What those do not tell (key,
    configuration set, feedback forwarding, tenant, streams) is recorded as a hash in a tag of the domain; a change of
    them by hand is seen with O(verify_settings=true).
requirements:
  - publicsuffixlist
  - cryptography (for keys of your own)
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only identities that carry its tag C(mydigitalstructure:platform) are changed or deleted; a
        declared domain that is in the account without it is refused. SES's tenants are called by it, a hyphen and their
        own name.
    type: str
    required: true
  state:
    description:
      - With V(absent), the domains of the platform that are named in O(domains) are deleted, and tenants that have no
        domain left; without any, all of them.
    type: str
    choices: [present, absent]
    default: present
  domains:
    description:
      - The wanted domains.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The domain. Case does not matter; international names may be in Unicode.
        type: str
        required: true
      tenant:
        description:
          - The SES tenant of the domain. Several domains may have one. Letters, digits, underscores and hyphens.
        type: str
      configuration_set:
        description:
          - The stream that mail without a stream of its own goes by, as M(mydigitalstructure.aws.mail_streams) has it.
        type: str
      dkim:
        description:
          - How mail is signed.
        type: dict
        default: {}
        suboptions:
          type:
            description:
              - V(easy) has SES make and rotate the key, V(external) signs with a key of your own.
            type: str
            choices: [easy, external]
            default: easy
          key_length:
            description:
              - Bits of the key that SES makes.
            type: int
            choices: [1024, 2048]
            default: 2048
          selector:
            description:
              - The selector of a key of your own, the first label of its DNS record.
            type: str
          private_key:
            description:
              - Your own RSA key of 1024 to 2048 bits without a passphrase, as PEM or as base64 of its DER form.
            type: str
          private_key_secret:
            description:
              - The name or the complete ARN of a secret of Secrets Manager whose text is such a key, instead of
                O(domains[].dkim.private_key).
            type: str
      mail_from:
        description:
          - The domain that bounces go to, which makes SPF align.
        type: dict
        default: {}
        suboptions:
          subdomain:
            description:
              - One label below the domain; empty for none.
            type: str
            default: mail
          on_mx_failure:
            description:
              - What SES does while the MX record is not there, to send from its own domain (V(use_default)) or not at
                all.
            type: str
            choices: [use_default, reject]
            default: use_default
      feedback_forwarding:
        description:
          - Whether SES forwards bounces and complaints by mail.
        type: bool
        default: true
      dmarc:
        description:
          - The text of the domain's DMARC record; empty for none. It is only told in RV(domains), not made.
        type: str
        default: v=DMARC1; p=none
      paused:
        description:
          - Whether SES stops sending for the tenant. All domains of a tenant need the same.
        type: bool
        default: false
      tags:
        description:
          - Further tags of this domain.
        type: dict
        default: {}
      declared_at:
        description:
          - Where the domain is declared, such as a file and a line; a refusal of the domain begins with it.
        type: str
  streams:
    description:
      - Streams that every tenant may send through, as M(mydigitalstructure.aws.mail_streams) has them. A tenant sends
        only with what is associated with it.
    type: list
    elements: str
    default: []
  tags:
    description:
      - Tags of every domain. Other tags of the platform's domains are removed.
    type: dict
    default: {}
  scope:
    description:
      - Which set of the platform's domains this is. Domains and tenants carry it as C(mydigitalstructure:scope), and a
        purge, or O(state=absent) without O(domains), goes no further. Without it, the set is that of those without one.
    type: str
  purge:
    description:
      - Whether to delete the platform's domains and tenants of the O(scope) that are not declared any more.
    type: bool
    default: false
  grace_days:
    description:
      - How many days O(purge) leaves a domain that is not declared any more. Until then the domain carries the day on
        which it was found so as C(mydigitalstructure:leaving), and its tenant is paused when no other domain of it is
        declared. A domain that is declared again in time is resumed.
    type: int
    default: 0
  offboard:
    description:
      - Tenants, or domains, that are meant to leave, and do not count for O(max_leaving).
    type: list
    elements: str
    default: []
  offboard_now:
    description:
      - Those for which O(grace_days) does not count either.
    type: list
    elements: str
    default: []
  max_leaving:
    description:
      - The percentage of the set's domains that may begin to leave in one run, at least one and never all; V(100) is no
        limit. So an emptied list of tenants does not delete them.
    type: int
    default: 100
  ignore:
    description:
      - Shell patterns of names of domains and tenants that are neither changed nor deleted.
    type: list
    elements: str
    default: []
  verify_settings:
    description:
      - Whether to read every domain's settings with calls of its own, and so find what was changed by hand.
    type: bool
    default: false
  calls_per_second:
    description:
      - How often each operation on identities is called, in calls a second; V(0) is no limit. AWS allows one unless it
        has raised your quota.
    type: float
    default: 1
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
- name: Let two spaces send from their own domains
  mydigitalstructure.aws.mail_domains:
    platform: mds
    streams: [adhoc, campaign]
    domains:
      - name: spaceone.com
        tenant: spaceone
        configuration_set: adhoc
      - name: spacetwo.com.au
        tenant: spacetwo
        mail_from: {subdomain: bounce, on_mx_failure: reject}
        dmarc: v=DMARC1; p=quarantine
  register: mail_result

- name: Put the records of one into its zone
  mydigitalstructure.aws.dns_zones:
    platform: mds
    zones:
      - name: spaceone.com
        records: "{{ mail_result.domains['spaceone.com'].records }}"

- name: Let spaces that are not declared any more leave after a month, a tenth of them in a run at most
  mydigitalstructure.aws.mail_domains:
    platform: mds
    scope: tenants
    purge: true
    grace_days: 30
    max_leaving: 10
    domains:
      - name: spaceone.com
        tenant: spaceone

- name: Pause a space
  mydigitalstructure.aws.mail_domains:
    platform: mds
    domains:
      - name: spaceone.com
        tenant: spaceone
        paused: true
"""

RETURN = r"""
domains:
  description: The declared domains, keyed by name (punycode).
  returned: success
  type: dict
  contains:
    arn:
      description: The identity's ARN.
      type: str
    tenant:
      description: The declared name of its tenant, null without one.
      type: str
    configuration_set:
      description: What SES calls its default configuration set, null without one.
      type: str
    verified:
      description: Whether SES sends for it.
      type: bool
    dkim_status:
      description: V(pending), V(success), V(failed), V(temporaryfailure) or V(notstarted).
      type: str
    mail_from:
      description: Its MAIL FROM domain, null without one.
      type: str
    mail_from_status:
      description: The same words for it, null without one.
      type: str
    paused:
      description: Whether its tenant is paused.
      type: bool
    waiting_since:
      description: When it was made (ISO 8601), null when nothing is waited for.
      type: str
    records:
      description:
        - The DNS records that it needs, each with C(name), C(type), C(ttl) in seconds and C(values). In check mode the
          names of the DKIM records of a new domain are not known yet.
      type: list
      elements: dict
leaving:
  description: The domains that are not declared any more and not deleted yet, with O(purge); keyed by name.
  returned: success
  type: dict
  contains:
    tenant:
      description: Its tenant, null without one.
      type: str
    since:
      description: The day on which it was found to be no longer declared (ISO 8601, UTC).
      type: str
    until:
      description: The day from which on a run deletes it.
      type: str
waiting:
  description: The declared domains whose records were not found yet, sorted.
  returned: success
  type: list
  elements: str
account:
  description: What SES lets the account send in the region.
  returned: success
  type: dict
  contains:
    sandbox:
      description: Whether only verified addresses get mail.
      type: bool
    sending:
      description: Whether the account may send.
      type: bool
    max_24_hours:
      description: Mails a day.
      type: float
    max_per_second:
      description: Mails a second.
      type: float
    sent_24_hours:
      description: Mails sent in the last 24 hours.
      type: float
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(mail_domain) or C(mail_tenant).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: mail_tenant
      name: spaceone
      fields: {paused: {before: false, after: true}}
diff:
  description: The fields that differ, C(before) and C(after), by kind and name. Keys are shown by a fingerprint.
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mail_domains import work


def main():
    dkim = {
        "type": {"type": "str", "choices": ["easy", "external"], "default": "easy"},
        # no_log: "key" in the name is no secret
        "key_length": {"type": "int", "choices": [1024, 2048], "default": 2048, "no_log": False},
        "selector": {"type": "str"},
        "private_key": {"type": "str", "no_log": True},
        # the secret's name is none itself
        "private_key_secret": {"type": "str", "no_log": False},
    }
    mail_from = {
        "subdomain": {"type": "str", "default": "mail"},
        "on_mx_failure": {"type": "str", "choices": ["use_default", "reject"], "default": "use_default"},
    }
    domain = {
        "name": {"type": "str", "required": True},
        "tenant": {"type": "str"},
        "configuration_set": {"type": "str"},
        "dkim": {"type": "dict", "default": {}, "options": dkim},
        "mail_from": {"type": "dict", "default": {}, "options": mail_from},
        "feedback_forwarding": {"type": "bool", "default": True},
        "dmarc": {"type": "str", "default": "v=DMARC1; p=none"},
        "paused": {"type": "bool", "default": False},
        "tags": {"type": "dict", "default": {}},
        "declared_at": {"type": "str"},
    }
    module = set_module(
        {
            "domains": {"type": "list", "elements": "dict", "default": [], "options": domain},
            "streams": {"type": "list", "elements": "str", "default": []},
            "scope": {"type": "str"},
            "grace_days": {"type": "int", "default": 0},
            "offboard": {"type": "list", "elements": "str", "default": []},
            "offboard_now": {"type": "list", "elements": "str", "default": []},
            "max_leaving": {"type": "int", "default": 100},
            "verify_settings": {"type": "bool", "default": False},
            "calls_per_second": {"type": "float", "default": 1},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
