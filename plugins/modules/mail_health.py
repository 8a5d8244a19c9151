# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mail_health
short_description: Whether the platform's mail is well, and what needs a person
version_added: 1.0.0
description:
  - Tells of every mail domain of the platform whether it is verified, since when it waits and what fails, of its
    tenant whether somebody has paused it, of the account and of every stream the bounce and complaint rates, and how
    much of the sending quota is used.
  - Reads lists and batches of 100 and changes nothing. A domain that was made a moment ago may not be seen yet,
    because AWS's tagging service learns late.
  - Rates of tenants are those of the last 14 days, from SES's Virtual Deliverability Manager; without it they are not
    known, but AWS's own verdict on a tenant is.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only identities and configuration sets that carry its tag
        C(mydigitalstructure:platform) count.
    type: str
    required: true
  bounce_percent:
    description:
      - The bounce rate from which on a person is needed.
    type: float
    default: 5
  complaint_percent:
    description:
      - The complaint rate from which on a person is needed.
    type: float
    default: 0.1
  waiting_hours:
    description:
      - How long a domain may wait for its DNS records. SES gives up after 72 hours.
    type: float
    default: 48
  quota_percent:
    description:
      - How much of the mails a day that AWS allows may be used.
    type: float
    default: 80
  sandbox_allowed:
    description:
      - Whether an account in the sandbox is well.
    type: bool
    default: false
  tenant_rates:
    description:
      - Whether to read the rates of every tenant, three of them a call; otherwise only of those that are paused or that
        AWS finds at risk.
    type: bool
    default: false
  rows:
    description:
      - How many domains RV(table) names at most.
    type: int
    default: 50
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
    description: Reads the same; it never changes anything.
    support: full
  diff_mode:
    description: There is never a difference.
    support: none
"""

EXAMPLES = r"""
- name: Look at the platform's mail
  mydigitalstructure.aws.mail_health:
    platform: mds
    waiting_hours: 24
  register: mail_health_result

- name: Say what needs a person
  ansible.builtin.assert:
    that: mail_health_result.healthy
    fail_msg: "{{ mail_health_result.reasons | join(' ') }}"
"""

RETURN = r"""
healthy:
  description: Whether nothing needs a person.
  returned: success
  type: bool
reasons:
  description: Why a person is needed, one sentence a cause.
  returned: success
  type: list
  elements: str
  sample: ["DKIM fails for 1 domain, whose DNS records SES does not find: spaceone.com."]
table:
  description: The same for people, as lines of aligned columns; of the domains only those that need a person.
  returned: success
  type: list
  elements: str
totals:
  description: How many there are.
  returned: success
  type: dict
  contains:
    domains:
      description: Domains of the platform.
      type: int
    well:
      description: Domains whose records were all found.
      type: int
    waiting:
      description: Domains that wait for records.
      type: int
    failing:
      description: Domains of which DKIM or MAIL FROM fails.
      type: int
    tenants:
      description: Tenants of those domains.
      type: int
    paused_by_platform:
      description: Tenants that the platform has paused.
      type: int
    paused_by_aws:
      description: Tenants that AWS has paused.
      type: int
    at_risk:
      description: Tenants whose reputation AWS finds at risk.
      type: int
account:
  description: The account in the region.
  returned: success
  type: dict
  contains:
    sandbox:
      description: Whether only verified addresses get mail.
      type: bool
    sending:
      description: Whether the account may send.
      type: bool
    enforcement:
      description: V(healthy), V(probation) or V(shutdown).
      type: str
    max_24_hours:
      description: Mails a day that AWS allows; -1 for no quota.
      type: float
    max_per_second:
      description: Mails a second that AWS allows.
      type: float
    sent_24_hours:
      description: Mails sent in the last 24 hours.
      type: float
    quota_percent:
      description: How much of the mails a day is used; null without a quota.
      type: float
    bounce_percent:
      description: The bounce rate; null where none is known.
      type: float
    complaint_percent:
      description: The complaint rate; null where none is known.
      type: float
streams:
  description: The platform's streams by name, each with RV(account.bounce_percent) and RV(account.complaint_percent).
  returned: success
  type: dict
tenants:
  description: The tenants of the platform's domains by declared name.
  returned: success
  type: dict
  contains:
    sending:
      description: V(enabled), V(disabled) or V(reinstated).
      type: str
    paused_by:
      description: V(platform), V(aws) or null.
      type: str
    cause:
      description: What AWS says of it, null when nothing.
      type: str
    impact:
      description: V(low), or V(high) where AWS finds the reputation at risk.
      type: str
    bounce_percent:
      description: The bounce rate; null where it was not read or nothing was sent.
      type: float
    complaint_percent:
      description: The complaint rate, likewise.
      type: float
domains:
  description: The platform's domains by name.
  returned: success
  type: dict
  contains:
    tenant:
      description: The declared name of its tenant, null without one.
      type: str
    state:
      description: V(well), V(waiting) or V(failing).
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
    waiting_since:
      description: When it was made (ISO 8601), null when nothing is waited for.
      type: str
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mail_health import work


def main():
    module = set_module(
        {
            "bounce_percent": {"type": "float", "default": 5},
            "complaint_percent": {"type": "float", "default": 0.1},
            "waiting_hours": {"type": "float", "default": 48},
            "quota_percent": {"type": "float", "default": 80},
            "sandbox_allowed": {"type": "bool", "default": False},
            "tenant_rates": {"type": "bool", "default": False},
            "rows": {"type": "int", "default": 50},
            "calls_per_second": {"type": "float", "default": 1},
        },
        state=False,
        purge=False,
        tags=False,
    )
    run(module, lambda: (None, work(module)))


if __name__ == "__main__":
    main()
