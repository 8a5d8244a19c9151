# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mail_streams
short_description: The platform's mail streams (SES configuration sets) as one set
version_added: 1.0.0
description:
  - Makes and keeps SES v2 configuration sets, one for each kind of mail, so that campaigns and ad hoc mail do not
    hurt each other.
  - A stream has its TLS policy, suppression, reputation metrics, dedicated IP pool and event destinations. Those event
    destinations that are not declared are removed from the platform's streams.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Configuration sets are called by it, a hyphen and the stream's name. Only those that carry
        its tag C(mydigitalstructure:platform) are changed or deleted; a name that somebody else's has is refused.
    type: str
    required: true
  state:
    description:
      - With V(absent), every stream of the platform is deleted, and O(streams) does not matter.
    type: str
    choices: [present, absent]
    default: present
  streams:
    description:
      - The wanted streams.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the stream is called in variables and results. Letters, digits, underscores and hyphens; with the
            platform's name and a hyphen at most 64.
        type: str
        required: true
      tls:
        description:
          - Whether mail is sent only to servers that speak TLS (V(require)), or also in the clear where they do not.
        type: str
        choices: [require, optional]
        default: require
      reputation_metrics:
        description:
          - Whether CloudWatch gets the stream's own bounce and complaint rates.
        type: bool
        default: true
      sending:
        description:
          - Whether mail may be sent through the stream.
        type: bool
        default: true
      suppression:
        description:
          - After which events an address gets no more mail. It takes the place of what the account has.
        type: list
        elements: str
        choices: [bounce, complaint]
        default: [bounce, complaint]
      dedicated_ip_pool:
        description:
          - The dedicated IP pool that sends. Without one, SES's shared addresses do.
        type: str
      tracking_domain:
        description:
          - A verified domain for the links that record opens and clicks. Without one, SES's own.
        type: str
      event_destinations:
        description:
          - Where SES tells what became of the mail. Each has exactly one of O(streams[].event_destinations[].sns),
            O(streams[].event_destinations[].eventbridge) and O(streams[].event_destinations[].cloudwatch).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The destination's name. Letters, digits, underscores and hyphens, at most 64.
            type: str
            required: true
          events:
            description:
              - What is told.
            type: list
            elements: str
            choices:
              - bounce
              - click
              - complaint
              - delivery
              - delivery_delay
              - open
              - reject
              - rendering_failure
              - send
              - subscription
            required: true
          enabled:
            description:
              - Whether it is told now.
            type: bool
            default: true
          sns:
            description:
              - The ARN of an SNS topic. V((known after apply)) is accepted in check mode.
            type: str
          eventbridge:
            description:
              - The ARN of the event bus C(default), the only one that SES takes.
            type: str
          cloudwatch:
            description:
              - Dimensions by which CloudWatch counts.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - The dimension's name.
                type: str
                required: true
              source:
                description:
                  - Where its value comes from.
                type: str
                choices: [message_tag, email_header, link_tag]
                default: message_tag
              default:
                description:
                  - Its value for mail that has none.
                type: str
                required: true
      tags:
        description:
          - Further tags of this stream.
        type: dict
        default: {}
  tags:
    description:
      - Tags of every stream. Other tags of the platform's streams are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to delete the platform's streams that are not declared any more.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names of streams that are neither changed nor deleted.
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
- name: Keep campaigns apart from ad hoc mail
  mydigitalstructure.aws.mail_streams:
    platform: mds
    streams:
      - name: adhoc
      - name: campaign
        dedicated_ip_pool: campaigns
        event_destinations:
          - name: feedback
            events: [bounce, complaint]
            sns: arn:aws:sns:ap-southeast-2:123456789012:mds-mail-feedback
          - name: counts
            events: [send, delivery, open, click]
            cloudwatch:
              - name: space
                default: none
  register: mail_streams

- name: Stop a stream
  mydigitalstructure.aws.mail_streams:
    platform: mds
    streams:
      - name: adhoc
      - name: campaign
        sending: false

- name: Delete all streams of the platform
  mydigitalstructure.aws.mail_streams:
    platform: mds
    state: absent
"""

RETURN = r"""
streams:
  description: The declared streams, keyed by name.
  returned: success
  type: dict
  contains:
    name:
      description: What SES calls the configuration set.
      type: str
    arn:
      description: The configuration set's ARN.
      type: str
    tls:
      description: V(require) or V(optional).
      type: str
    reputation_metrics:
      description: Whether CloudWatch gets its rates.
      type: bool
    sending:
      description: Whether mail may be sent through it.
      type: bool
    suppression:
      description: The events after which an address gets no more mail.
      type: list
      elements: str
    dedicated_ip_pool:
      description: The pool that sends, null for SES's shared addresses.
      type: str
    tracking_domain:
      description: The domain of tracking links, null for SES's own.
      type: str
    tags:
      description: The stream's tags.
      type: dict
    event_destinations:
      description: Keyed by name, each with C(enabled), C(events) and one of C(sns), C(eventbridge) and C(cloudwatch).
      type: dict
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(mail_stream) or C(event_destination). The C(name) of the
      latter is the stream's and its own, with a space between them.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: mail_stream
      name: campaign
      fields: {sending: {before: true, after: false}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mail_streams import (
    EVENTS,
    SOURCES,
    SUPPRESSION,
    work,
)


def main():
    dimension = {
        "name": {"type": "str", "required": True},
        "source": {"type": "str", "choices": list(SOURCES), "default": "message_tag"},
        "default": {"type": "str", "required": True},
    }
    destination = {
        "name": {"type": "str", "required": True},
        "events": {"type": "list", "elements": "str", "choices": list(EVENTS), "required": True},
        "enabled": {"type": "bool", "default": True},
        "sns": {"type": "str"},
        "eventbridge": {"type": "str"},
        "cloudwatch": {"type": "list", "elements": "dict", "options": dimension},
    }
    stream = {
        "name": {"type": "str", "required": True},
        "tls": {"type": "str", "choices": ["require", "optional"], "default": "require"},
        "reputation_metrics": {"type": "bool", "default": True},
        "sending": {"type": "bool", "default": True},
        "suppression": {
            "type": "list",
            "elements": "str",
            "choices": list(SUPPRESSION),
            "default": list(SUPPRESSION),
        },
        "dedicated_ip_pool": {"type": "str"},
        "tracking_domain": {"type": "str"},
        "event_destinations": {"type": "list", "elements": "dict", "default": [], "options": destination},
        "tags": {"type": "dict", "default": {}},
    }
    module = set_module({"streams": {"type": "list", "elements": "dict", "default": [], "options": stream}})
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
