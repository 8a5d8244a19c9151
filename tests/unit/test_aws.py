"""What set modules share: regions, ownership, and one sentence for each failure."""

from __future__ import annotations

import socket

import botocore.exceptions
import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _aws
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    ApplyError,
    InputError,
    compare,
)


def tagged(**tags):
    return {"Tags": [{"Key": key.replace("__", ":"), "Value": value} for key, value in tags.items()]}


def ours(name, platform="mds"):
    return tagged(mydigitalstructure__platform=platform, mydigitalstructure__name=name)


def test_a_region_that_aws_lacks_is_refused_with_those_near_to_it():
    with pytest.raises(InputError, match="region: 'ap-southeast-22' is not a region .* ap-southeast-2"):
        _aws.check_region("ap-southeast-22")


@pytest.mark.parametrize("region", ["ap-southeast-2", "us-gov-west-1", "cn-north-1"])
def test_regions_of_every_partition_are_known(region):
    _aws.check_region(region)


def test_no_region_says_how_to_set_one():
    with pytest.raises(InputError, match="region: none is set"):
        _aws.check_region(None)


def test_only_what_carries_the_platforms_tag_is_ours():
    items = [ours("a"), ours("b", platform="other"), tagged(Name="c"), {}]
    assert list(_aws.by_declared_name(items, "mds", "subnet")) == ["a"]


def test_two_of_one_name_are_refused_rather_than_one_orphaned():
    with pytest.raises(InputError, match="subnet a: two of them carry"):
        _aws.by_declared_name([ours("a"), ours("a")], "mds", "subnet")


def test_declared_tags_cannot_take_the_ownership_tags_away():
    tags = _aws.owned_tags("mds", "app-a", {"Name": "mine", "mydigitalstructure:platform": "other"})
    assert tags == {"Name": "mine", "mydigitalstructure:platform": "mds", "mydigitalstructure:name": "app-a"}


def test_unknown_values_are_for_check_mode_only():
    _aws.require_known(True, vpc_id=KNOWN_AFTER_APPLY)
    with pytest.raises(InputError, match="vpc_id: .* only in check mode"):
        _aws.require_known(False, vpc_id=KNOWN_AFTER_APPLY)


def test_an_address_where_nothing_listens_is_said_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(InputError, match=f"endpoint_url: 'http://127.0.0.1:{port}' does not answer"):
        _aws.check_endpoint(f"http://127.0.0.1:{port}")


def client_error(code, message):
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "CreateVpc")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (botocore.exceptions.NoCredentialsError(), "AWS credentials: none were found; set"),
        (botocore.exceptions.ProfileNotFound(profile="x"), "profile: 'x' is not in the AWS configuration"),
        (client_error("VpcLimitExceeded", "too many"), "AWS refused CreateVpc: too many (VpcLimitExceeded)"),
    ],
)
def test_failures_are_one_sentence(error, sentence):
    assert _aws.explain(error, {"profile": "x"}).startswith(sentence)


def test_an_items_refusal_is_told_in_awss_words():
    plan = compare("vpc", {"a": {"cidr": "10.0.0.0/16"}}, {})

    def refuse(action):
        raise client_error("VpcLimitExceeded", "too many")

    with pytest.raises(ApplyError, match=r"create vpc a: AWS refused CreateVpc: too many \(VpcLimitExceeded\)"):
        _aws.application(plan).run(list(plan), refuse)
