# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: buckets
short_description: The platform's S3 buckets as one set
version_added: 1.0.0
description:
  - Makes and keeps S3 buckets with versions, encryption, public access block, ownership of objects, a policy (over TLS
    only, from the platform's networks only, log deliveries, statements of your own), lifecycle, CORS, access log,
    object lock, notifications and tags.
  - Each of these aspects is a field of the plan, and only what differs is written. A setting that is not declared is
    set back to what the option's default says; replication, inventories and other settings without an option are left
    alone.
  - A bucket that holds objects, versions or unfinished uploads is never deleted, unless O(delete_with_objects) names
    it.
  - A name that somebody else has is refused in the plan, before anything is changed.
requirements:
  - a botocore that knows the tags of CreateBucket, so that no bucket is ever there without them
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only buckets that carry its tag C(mydigitalstructure:platform) are changed or deleted.
    type: str
    required: true
  state:
    description:
      - With V(absent), the buckets that are named in O(buckets) are deleted; without any, all of the platform's in the
        region.
    type: str
    choices: [present, absent]
    default: present
  buckets:
    description:
      - The wanted buckets.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the bucket is called in the variables, and after O(prefix) in S3.
        type: str
        required: true
      bucket:
        description:
          - The whole name in S3 in place of O(prefix) and O(buckets[].name), with the same places as O(prefix). It
            cannot be changed.
        type: str
      versioning:
        description:
          - Whether former versions are kept. S3 never turns it off once it was on; it suspends it.
        type: bool
        default: true
      encryption:
        description:
          - How objects are encrypted that come without a wish of their own.
        type: dict
        default: {}
        suboptions:
          type:
            description:
              - V(s3) with keys of S3, V(kms) with a KMS key, V(dsse) with one in two layers.
            type: str
            choices: [s3, kms, dsse]
            default: s3
          key:
            description:
              - The KMS key's ARN, id or alias; AWS's own for S3 when it is not set.
            type: str
          bucket_key:
            description:
              - Whether a key of the bucket saves most calls of KMS. With V(kms) only.
            type: bool
            default: true
      public_access_block:
        description:
          - What of public access is blocked.
        type: dict
        default: {}
        suboptions:
          block_public_acls:
            description: Whether to refuse public ACLs.
            type: bool
            default: true
          ignore_public_acls:
            description: Whether to ignore public ACLs.
            type: bool
            default: true
          block_public_policy:
            description: Whether to refuse public policies.
            type: bool
            default: true
          restrict_public_buckets:
            description: Whether only the account and AWS's services come into a bucket with a public policy.
            type: bool
            default: true
      ownership:
        description:
          - Who owns objects that others write. V(BucketOwnerEnforced) is the bucket's account, without ACLs.
        type: str
        choices: [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter]
        default: BucketOwnerEnforced
      tls_only:
        description:
          - Whether requests without TLS are denied.
        type: bool
        default: true
      access:
        description:
          - From where data may be read, listed and changed; from anywhere, as far as IAM lets, when it is not set. The
            bucket's settings are left to IAM, so that a wrong range locks nobody out of setting it right.
          - What AWS's services do (log deliveries, calls with a caller's rights, service-linked roles) is let through.
            A service that takes a role of yours, as AWS Backup does, needs it in O(buckets[].access.exempt_principals).
        type: dict
        suboptions:
          vpc_endpoints:
            description: Ids of VPC endpoints.
            type: list
            elements: str
            default: []
          source_ranges:
            description: Public address ranges, such as those of the operators.
            type: list
            elements: str
            default: []
          exempt_principals:
            description:
              - Who may come from anywhere. ARNs of roles and users, or C(role/NAME) and C(user/NAME) of the account;
                C(*) stands for any text.
            type: list
            elements: str
            default: []
      log_sources:
        description:
          - What of AWS may write logs into the bucket. Access logs of other buckets are let in by their
            O(buckets[].logging).
        type: list
        elements: str
        choices: [load_balancers, flow_logs]
        default: []
      statements:
        description:
          - Further statements of the policy, as AWS writes them. The text C({arn}) stands for the bucket's ARN.
        type: list
        elements: dict
        default: []
      lifecycle:
        description:
          - When objects move to colder storage and when they go. Rules that are not declared are removed.
        type: list
        elements: dict
        default: []
        suboptions:
          id:
            description: The rule's name.
            type: str
            required: true
          enabled:
            description: Whether the rule is followed.
            type: bool
            default: true
          prefix:
            description: The beginning of the keys that it is for; all without it.
            type: str
          tags:
            description: Tags that the objects have.
            type: dict
            default: {}
          object_size_greater_than:
            description: Bytes; smaller objects and those of this size are left alone.
            type: int
          object_size_less_than:
            description: Bytes; larger objects and those of this size are left alone.
            type: int
          transitions:
            description: Moves to colder storage.
            type: list
            elements: dict
            default: []
            suboptions:
              days:
                description: Days after the object was made, or after a version was replaced.
                type: int
                required: true
              storage_class:
                description: Where to.
                type: str
                required: true
                choices: &classes [STANDARD_IA, INTELLIGENT_TIERING, ONEZONE_IA, GLACIER_IR, GLACIER, DEEP_ARCHIVE]
          expiration_days:
            description: Days after which objects expire; with versions, they get a delete marker.
            type: int
          expired_object_delete_marker:
            description: Whether delete markers go that have no version left.
            type: bool
            default: false
          noncurrent_transitions:
            description: Moves of former versions.
            type: list
            elements: dict
            default: []
            suboptions:
              days:
                description: Days after the version was replaced.
                type: int
                required: true
              storage_class:
                description: Where to.
                type: str
                required: true
                choices: *classes
              newer_versions:
                description: How many newer former versions stay where they are.
                type: int
          noncurrent_expiration_days:
            description: Days after which former versions are deleted.
            type: int
          noncurrent_newer_versions:
            description: How many newer former versions are kept all the same.
            type: int
          abort_multipart_days:
            description: Days after which unfinished uploads are deleted.
            type: int
      cors:
        description:
          - Which web pages of other origins browsers let in; the first rule that fits counts.
        type: list
        elements: dict
        default: []
        suboptions:
          id:
            description: The rule's name.
            type: str
          methods:
            description: Methods that are allowed.
            type: list
            elements: str
            choices: [GET, PUT, HEAD, POST, DELETE]
            required: true
          origins:
            description: Origins such as C(https://example.com), with at most one C(*).
            type: list
            elements: str
            required: true
          headers:
            description: Headers that a request may have.
            type: list
            elements: str
            default: []
          expose_headers:
            description: Headers that the page may see of the answer.
            type: list
            elements: str
            default: []
          max_age:
            description: Seconds that a browser keeps the answer.
            type: int
      logging:
        description:
          - Where the access log is written; nowhere when it is not set.
        type: dict
        suboptions:
          bucket:
            description:
              - The declared name of another of O(buckets), whose policy then lets it in, or the name in S3 of another
                bucket of the account and region.
            type: str
            required: true
          prefix:
            description: The beginning of the log's keys.
            type: str
            default: ""
      object_lock:
        description:
          - Whether versions can be locked against deletion, and for how long those are that come without a wish of
            their own. It cannot be turned off again.
        type: dict
        suboptions:
          enabled:
            description: Whether there is a lock.
            type: bool
            default: true
          mode:
            description: V(governance) can be lifted by those who may, V(compliance) by nobody.
            type: str
            choices: [governance, compliance]
          days:
            description: Days that a version is locked.
            type: int
          years:
            description: Years that a version is locked, in place of days.
            type: int
      notifications:
        description:
          - What is told when objects change. What is not declared is removed.
        type: dict
        default: {}
        suboptions:
          eventbridge:
            description: Whether EventBridge gets all events of the bucket.
            type: bool
            default: false
          rules:
            description: What goes to queues, topics and functions. They have to let S3 in.
            type: list
            elements: dict
            default: []
            suboptions:
              id:
                description: The rule's name.
                type: str
                required: true
              to:
                description: The ARN of an SQS queue, an SNS topic or a Lambda function in the bucket's region.
                type: str
                required: true
              events:
                description: Kinds of events, such as C(s3:ObjectCreated:*).
                type: list
                elements: str
                required: true
              prefix:
                description: The beginning of the keys.
                type: str
              suffix:
                description: The end of the keys.
                type: str
      tags:
        description:
          - Further tags of this bucket.
        type: dict
        default: {}
  prefix:
    description:
      - The beginning of the buckets' names in S3, which are the whole world's. C({platform}), C({account}) and
        C({region}) stand for the platform's name, the account's id and the region.
    type: str
    default: "{platform}-{account}-"
  tags:
    description:
      - Tags of every bucket. Other tags of the platform's buckets are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to delete the platform's buckets in the region that are not declared any more.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names of buckets that are neither changed nor deleted.
    type: list
    elements: str
    default: []
  delete_with_objects:
    description:
      - Names of buckets that may be deleted with all objects, versions and unfinished uploads that they hold, where
        O(state) or O(purge) deletes them. Objects under an object lock keep their bucket all the same.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds to wait until S3 tells what was written, and while another change of a bucket is on its way.
    type: int
    default: 60
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
- name: Keep the platform's buckets
  mydigitalstructure.aws.buckets:
    platform: mds
    buckets:
      - name: attachments
        access:
          vpc_endpoints: [vpce-0a1b2c3d4e5f60718]
          source_ranges: [203.0.113.0/24]
          exempt_principals: [role/mds-backup]
        logging: {bucket: logs, prefix: attachments/}
        lifecycle:
          - id: versions
            noncurrent_expiration_days: 90
            abort_multipart_days: 7
          - id: archive
            prefix: old/
            transitions:
              - {days: 30, storage_class: STANDARD_IA}
              - {days: 90, storage_class: GLACIER_IR}
      - name: logs
        versioning: false
        log_sources: [load_balancers]
        lifecycle:
          - {id: expire, expiration_days: 400}
  register: buckets_result

- name: Delete one that is no longer needed, with all that it holds
  mydigitalstructure.aws.buckets:
    platform: mds
    state: absent
    buckets:
      - name: exports
    delete_with_objects: [exports]
"""

RETURN = r"""
buckets:
  description: The declared buckets, keyed by name. All of it is known in check mode, too.
  returned: success
  type: dict
  contains:
    bucket:
      description: The name in S3.
      type: str
    arn:
      description: The bucket's ARN.
      type: str
    region:
      description: Its region.
      type: str
    log_sources:
      description: What of AWS may write logs into it.
      type: list
      elements: str
  sample:
    logs:
      bucket: mds-123456789012-logs
      arn: arn:aws:s3:::mds-123456789012-logs
      region: ap-southeast-2
      log_sources: [load_balancers]
actions:
  description:
    - What the plan does, sorted by name. The fields are C(bucket), C(region) and the aspects C(tags), C(ownership),
      C(public_access_block), C(encryption), C(versioning), C(object_lock), C(lifecycle), C(cors), C(policy), C(logging)
      and C(notifications). A removal has C(objects) when what the bucket holds goes with it.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: bucket
      name: attachments
      fields: {versioning: {before: false, after: true}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._buckets import work
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._buckets_forms import ALGORITHMS, PUBLIC_ACCESS
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._buckets_input import CLASSES, METHODS


def dictionary(options, **settings):
    return {"type": "dict", "options": options, **settings}


def items(options=None, **settings):
    return {"type": "list", **({"elements": "dict", "options": options} if options else {}), **settings}


def main():
    text, number = {"type": "str"}, {"type": "int"}
    needed = {"type": "str", "required": True}
    on, off = {"type": "bool", "default": True}, {"type": "bool", "default": False}
    texts = {"type": "list", "elements": "str", "default": []}
    transition = {
        "days": {"type": "int", "required": True},
        "storage_class": {**needed, "choices": list(CLASSES[1:])},
    }
    lifecycle = {
        "id": needed,
        "enabled": on,
        "prefix": text,
        "tags": {"type": "dict", "default": {}},
        "object_size_greater_than": number,
        "object_size_less_than": number,
        "transitions": items(transition, default=[]),
        "expiration_days": number,
        "expired_object_delete_marker": off,
        "noncurrent_transitions": items({**transition, "newer_versions": number}, default=[]),
        "noncurrent_expiration_days": number,
        "noncurrent_newer_versions": number,
        "abort_multipart_days": number,
    }
    cors = {
        "id": text,
        "methods": {"type": "list", "elements": "str", "choices": list(METHODS), "required": True},
        "origins": {"type": "list", "elements": "str", "required": True},
        "headers": texts,
        "expose_headers": texts,
        "max_age": number,
    }
    notification = {
        "id": needed,
        "to": needed,
        "events": {"type": "list", "elements": "str", "required": True},
        "prefix": text,
        "suffix": text,
    }
    encryption = {
        "type": {"type": "str", "choices": list(ALGORITHMS), "default": "s3"},
        # no_log: the name of a key is no secret
        "key": {"type": "str", "no_log": False},
        "bucket_key": {**on, "no_log": False},
    }
    lock = {
        "enabled": on,
        "mode": {"type": "str", "choices": ["governance", "compliance"]},
        "days": number,
        "years": number,
    }
    ownerships = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]
    bucket = {
        "name": needed,
        "bucket": text,
        "versioning": on,
        "encryption": dictionary(encryption, default={}),
        "public_access_block": dictionary(dict.fromkeys(PUBLIC_ACCESS, on), default={}),
        "ownership": {"type": "str", "choices": ownerships, "default": ownerships[0]},
        "tls_only": on,
        "access": dictionary(dict.fromkeys(("vpc_endpoints", "source_ranges", "exempt_principals"), texts)),
        "log_sources": {**texts, "choices": ["load_balancers", "flow_logs"]},
        "statements": {"type": "list", "elements": "dict", "default": []},
        "lifecycle": items(lifecycle, default=[]),
        "cors": items(cors, default=[]),
        "logging": dictionary({"bucket": needed, "prefix": {"type": "str", "default": ""}}),
        "object_lock": dictionary(lock),
        "notifications": dictionary({"eventbridge": off, "rules": items(notification, default=[])}, default={}),
        "tags": {"type": "dict", "default": {}},
    }
    module = set_module(
        {
            "buckets": items(bucket, default=[]),
            "prefix": {"type": "str", "default": "{platform}-{account}-"},
            "delete_with_objects": texts,
            "wait_timeout": {"type": "int", "default": 60},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
