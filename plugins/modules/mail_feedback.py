# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mail_feedback
short_description: Topics for bounces and complaints, and a queue that keeps them
version_added: 1.0.0
description:
  - Makes an SNS topic for each kind of event, to which SES alone may publish, for the platform's streams and in this
    account, and one SQS queue, to which those topics alone may send. The queue gets what SES says as it is (raw).
  - The topics' ARNs are told in check mode too, as M(mydigitalstructure.aws.mail_streams) needs them.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Topics and queue are called C(<platform>-mail-<topic>) and C(<platform>-mail-feedback).
        Only those that carry its tag C(mydigitalstructure:platform) are changed or deleted, and such topics that are
        not declared are deleted.
    type: str
    required: true
  state:
    description:
      - With V(absent), the topics and the queue are deleted, with the messages in it.
    type: str
    choices: [present, absent]
    default: present
  topics:
    description:
      - The wanted topics. Small letters, digits, underscores and hyphens.
    type: list
    elements: str
    default: [bounce, complaint]
  retention_days:
    description:
      - For how many days the queue keeps a message that nobody takes, 1 to 14.
    type: int
    default: 14
  tags:
    description:
      - Tags of topics and queue. Other tags of them are removed.
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
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Keep bounces and complaints for a week
  mydigitalstructure.aws.mail_feedback:
    platform: mds
    retention_days: 7
  register: mail_feedback_result

- name: Have a stream tell of its bounces
  mydigitalstructure.aws.mail_streams:
    platform: mds
    streams:
      - name: campaign
        event_destinations:
          - name: bounce
            events: [bounce]
            sns: "{{ mail_feedback_result.topics.bounce }}"
"""

RETURN = r"""
topics:
  description: The topics' ARNs by name.
  returned: success
  type: dict
  sample: {bounce: "arn:aws:sns:ap-southeast-2:123456789012:mds-mail-bounce"}
queue:
  description: The C(name) and C(arn) of the queue, null when it is absent.
  returned: success
  type: dict
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(mail_topic) or C(mail_queue).
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: mail_queue
      name: mail-feedback
      fields: {retention_days: {before: 14, after: 7}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mail_feedback import work


def main():
    module = set_module(
        {
            "topics": {"type": "list", "elements": "str", "default": ["bounce", "complaint"]},
            "retention_days": {"type": "int", "default": 14},
        },
        purge=False,
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
