"""What policies let their holder do: everything, what leads there, and what takes it away again."""

from __future__ import annotations

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._grants import (
    CONDITIONS,
    ESCALATIONS,
    NO,
    YES,
    Grants,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._iam_actions import matching

MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def allow(*actions, resource="*", **elements) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **elements}


def deny(*actions, resource="*", **elements) -> dict:
    return {**allow(*actions, resource=resource, **elements), "Effect": "Deny"}


def grants(*statements, boundary=None) -> Grants:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return Grants({"policy": document}, boundary and {"Version": "2012-10-17", "Statement": boundary})


def test_the_actions_are_those_that_aws_has():
    for action in {action for way in ESCALATIONS for action in way}:
        assert matching(action) == [action]


@pytest.mark.parametrize(
    ("statements", "how"),
    [
        ([allow("*")], YES),
        ([allow("*:*")], YES),
        ([{"Effect": "Allow", "Action": "*", "Resource": "*"}], YES),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::logs/*"}], YES),
        ([allow("*"), deny("s3:DeleteBucket")], YES),
        ([allow("*", Condition=MFA)], CONDITIONS),
        ([allow("*", Condition=MFA), allow("*")], YES),
        ([allow("*"), deny("iam:*")], NO),
        ([allow("*"), deny("iam:*", Condition=MFA)], YES),
        ([allow("*", resource="arn:aws:s3:::data/*")], NO),
        ([allow("ec2:*", "s3:*")], NO),
        ([deny("*")], NO),
        ([], NO),
    ],
)
def test_administrators(statements, how):
    assert grants(*statements).administrator()[0] == how


def test_a_boundary_takes_away():
    within = [allow("ec2:*", "iam:PassRole")]
    assert grants(allow("*"), boundary=within).administrator() == (NO, "")
    assert grants(allow("*"), boundary=[allow("*")]).administrator() == (YES, "policy")
    assert set(grants(allow("*"), boundary=within).escalations()) == {"iam:PassRole with ec2:RunInstances"}


@pytest.mark.parametrize(
    ("statements", "ways"),
    [
        ([allow("iam:CreatePolicyVersion")], {"iam:CreatePolicyVersion": YES}),
        ([allow("IAM:createpolicyv*")], {"iam:CreatePolicyVersion": YES}),
        ([allow("iam:PutRolePolicy", Condition=MFA)], {"iam:PutRolePolicy": CONDITIONS}),
        ([allow("iam:PutRolePolicy", resource="arn:aws:iam::123456789012:role/*")], {"iam:PutRolePolicy": YES}),
        ([allow("iam:PutRolePolicy", resource="arn:aws:iam::123456789012:role/mds-*")], {}),
        ([allow("iam:CreateAccessKey", resource="arn:aws:iam::*:user/${aws:username}")], {}),
        ([allow("iam:PassRole")], {}),
        ([allow("iam:PassRole"), allow("ec2:RunInstances")], {"iam:PassRole with ec2:RunInstances": YES}),
        (
            [allow("iam:PassRole"), allow("ec2:RunInstances", resource="arn:aws:ec2:*:*:instance/*", Condition=MFA)],
            {"iam:PassRole with ec2:RunInstances": CONDITIONS},
        ),
        ([allow("iam:PassRole", resource="arn:aws:iam::1:role/app"), allow("ec2:RunInstances")], {}),
        ([allow("iam:PassRole", "ec2:*"), deny("ec2:Run*")], {}),
        ([allow("iam:PassRole", "ec2:*"), deny("ec2:Run*", resource="arn:aws:ec2:*:*:subnet/x")], None),
        ([{"Effect": "Allow", "NotAction": ["iam:*", "ssm:*", "lambda:*"], "Resource": "*"}], {}),
    ],
)
def test_ways_to_more(statements, ways):
    ways = {"iam:PassRole with ec2:RunInstances": YES} if ways is None else ways
    assert {way: how for way, (how, _by) in grants(*statements).escalations().items()} == ways


def test_who_allows_is_told():
    documents = {"b": {"Statement": [allow("iam:PassRole")]}, "a": {"Statement": allow("ec2:*")}, "c": None}
    assert Grants(documents).escalations() == {"iam:PassRole with ec2:RunInstances": (YES, ["a", "b"])}
