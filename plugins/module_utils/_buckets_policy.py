# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy of a bucket: over TLS only, from the platform's networks only, what may write logs, and statements given.

Sources: "Bucket policy examples" and "Enable server access logging" of the S3 User Guide, "Enable access logs" of the
Application Load Balancer Guide, "Publish flow logs to Amazon S3" of the VPC Guide, and the list of AWS's global
condition keys.
"""

from __future__ import annotations

import json
import typing as t

VERSION = "2012-10-17"
MAX_BYTES = 20 * 1024
"""What S3 allows of a bucket's policy."""
OWN_SIDS = frozenset(
    {
        "OverTlsOnly",
        "FromOurNetworksOnly",
        "LoadBalancerLogs",
        "FlowLogs",
        "FlowLogsCheck",
        "ServerAccessLogs",
    }
)
ARN_PLACE = "{arn}"
"""Stands for the bucket's ARN in statements that are given."""

# What reads, lists or changes data. A bucket's own settings are left to IAM: were they denied from outside, a range
# that is written wrongly would lock out whoever could set it right.
DATA_ACTIONS = (
    "s3:GetObject*",
    "s3:PutObject*",
    "s3:DeleteObject*",
    "s3:UpdateObject*",
    "s3:RestoreObject",
    "s3:Replicate*",
    "s3:ObjectOwnerOverrideToBucketOwner",
    "s3:BypassGovernanceRetention",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
)


class Place(t.NamedTuple):
    """Where a bucket lies: AWS's partition, the account's id and the region."""

    partition: str
    account: str
    region: str

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:{self.partition}:s3:::{bucket}"

    def principal(self, given: str) -> str:
        """The ARN of a principal that is given as one, or as ``role/NAME`` of this account."""
        return given if given.startswith("arn:") else f"arn:{self.partition}:iam::{self.account}:{given}"


def build(
    bucket: str, item: t.Mapping[str, t.Any], place: Place, log_sources: t.Iterable[str] = ()
) -> dict[str, t.Any] | None:
    """The policy of a bucket as declared, None when it has no statement.

    :arg bucket: its name in AWS.
    :arg item: the declared bucket.
    :arg log_sources: the ARNs of the buckets that write their access logs into it.
    """
    arn = place.bucket_arn(bucket)
    everything = [arn, f"{arn}/*"]
    statements: list[dict[str, t.Any]] = []
    if item["tls_only"]:
        statements.append(
            {
                "Sid": "OverTlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": everything,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        )
    if item.get("access"):
        statements.append(networks_only(item["access"], everything, place))
    statements += deliveries(arn, item["log_sources"], place)
    sources = sorted(log_sources)
    if sources:
        statements.append(
            {
                "Sid": "ServerAccessLogs",
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": f"{arn}/*",
                "Condition": {
                    "ArnLike": {"aws:SourceArn": sources},
                    "StringEquals": {"aws:SourceAccount": place.account},
                },
            }
        )
    statements += given(item["statements"], arn)
    return {"Version": VERSION, "Statement": statements} if statements else None


def given(statements: t.Iterable[t.Mapping[str, t.Any]], arn: str) -> list[dict[str, t.Any]]:
    """The user's own statements with the bucket's ARN in its place."""
    return json.loads(json.dumps(list(statements)).replace(ARN_PLACE, arn))


def networks_only(access: t.Mapping[str, t.Any], resources: list[str], place: Place) -> dict[str, t.Any]:
    """Deny data to whoever comes neither by the endpoints nor from the ranges.

    All conditions have to hold for the denial. A request by an endpoint has no public address, and one from the
    internet no endpoint: a negated comparison holds where its key is absent. What AWS's services do themselves, or with
    a caller's rights, comes from their addresses. AWS's service-linked roles and the exempt principals pass anywhere.
    """
    exempt = [place.principal("role/aws-service-role/*"), *map(place.principal, access["exempt_principals"])]
    condition: dict[str, t.Any] = {
        "BoolIfExists": {"aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false"},
        "ArnNotLikeIfExists": {"aws:PrincipalArn": sorted(set(exempt))},
    }
    if access["vpc_endpoints"]:
        condition["StringNotEqualsIfExists"] = {"aws:SourceVpce": sorted(set(access["vpc_endpoints"]))}
    if access["source_ranges"]:
        condition["NotIpAddressIfExists"] = {"aws:SourceIp": sorted(set(access["source_ranges"]))}
    return {
        "Sid": "FromOurNetworksOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(DATA_ACTIONS),
        "Resource": resources,
        "Condition": condition,
    }


def deliveries(arn: str, kinds: t.Collection[str], place: Place) -> t.Iterator[dict[str, t.Any]]:
    """What lets AWS's log deliveries write, for this account only."""
    logs = [f"{arn}/AWSLogs/{place.account}/*", f"{arn}/*/AWSLogs/{place.account}/*"]
    if "load_balancers" in kinds:
        yield {
            "Sid": "LoadBalancerLogs",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": logs,
        }
    if "flow_logs" in kinds:
        service = {"Service": "delivery.logs.amazonaws.com"}
        ours = {"aws:SourceAccount": place.account}
        source = {"aws:SourceArn": f"arn:{place.partition}:logs:{place.region}:{place.account}:*"}
        yield {
            "Sid": "FlowLogs",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": logs,
            "Condition": {
                "StringEquals": {**ours, "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": source,
            },
        }
        yield {
            "Sid": "FlowLogsCheck",
            "Effect": "Allow",
            "Principal": service,
            "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
            "Resource": arn,
            "Condition": {"StringEquals": ours, "ArnLike": source},
        }


def is_public(statement: t.Mapping[str, t.Any]) -> bool:
    """Whether a statement lets everybody in, so that S3 refuses it while it blocks public policies."""
    principal = statement.get("Principal")
    if isinstance(principal, t.Mapping):
        principal = principal.get("AWS")
    everybody = principal == "*" or (isinstance(principal, list) and "*" in principal)
    return statement.get("Effect") == "Allow" and everybody and not statement.get("Condition")
