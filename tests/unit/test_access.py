"""Access: what is refused, from where one may call, and the plan, with plain data."""

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mydigitalstructure.aws.plugins.filter.access_problem import access_problem
from ansible_collections.mydigitalstructure.aws.plugins.filter.guarded_groups import guarded_groups
from ansible_collections.mydigitalstructure.aws.plugins.filter.mfa_users import mfa_users
from ansible_collections.mydigitalstructure.aws.plugins.filter.policies_problem import policies_problem
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _access as access
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _access_input as given
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from ansible_collections.mydigitalstructure.aws.plugins.modules import access as module

PLACE = access.Place("mds", "access", "123456789012", "aws")
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}
SAME = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:Describe*"], "Resource": ["*"]}]}
LOOK = "arn:aws:iam::123456789012:policy/mds/access/mds-look"
SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


@pytest.fixture(scope="module")
def options():
    """The module's options as it sees them, with what was not given filled in."""
    taken = {}

    def set_module(spec, **settings):
        taken.update(spec)
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "set_module", set_module)
        with pytest.raises(SystemExit):
            module.main()

    def made(**values):
        result = ArgumentSpecValidator(taken).validate({"scope": "access", **values})
        assert not result.error_messages
        return {"platform": "mds", "tags": {}, **result.validated_parameters}

    return made


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"users": [{"name": "a b"}]}, ["users: name 'a b'", "1 to 64 letters"]),
        ({"users": [{"name": "x" * 65}]}, ["has 65 characters"]),
        ({"roles": [{"name": "x" * 61, "trust": {}}]}, ["roles: name", "1 to 60"]),
        ({"groups": [{"name": "x" * 125}]}, ["groups: name", "1 to 124"]),
        ({"users": [{"name": "alice"}, {"name": "Alice"}]}, ["'alice' and 'Alice' differ only in case"]),
        ({"users": [{"name": "alice"}, {"name": "alice"}]}, ["'alice' is there twice"]),
        ({"users": [{"name": "alice", "groups": ["ops"]}]}, ["alice: groups", "'ops' is not a group", "are none"]),
        ({"users": [{"name": "alice", "boundary": "no"}]}, ["alice: boundary 'no' is neither"]),
        ({"groups": [{"name": "ops", "policies": [SSM, SSM]}]}, ["ops: policies names", "twice"]),
        ({"policies": [{"name": "p", "document": {"a": "x" * 6145}}]}, ["policies: p: document has", "allows 6144"]),
        ({"roles": [{"name": "r", "trust": {"a": "x" * 2049}}]}, ["roles: r: trust has", "allows 2048"]),
        ({"roles": [{"name": "r", "trust": {}, "max_session_duration": 60}]}, ["60 is not between 3600 and 43200"]),
        ({"account_alias": "My"}, ["account_alias: 'My'"]),
        ({"account_alias": "123456789012"}, ["other than an account's number"]),
        ({"account_alias": "a--b"}, ["single hyphens"]),
        ({"password_policy": {"minimum_length": 5}}, ["minimum_length: 5 is not between 6 and 128"]),
        ({"password_policy": {"reuse_prevention": 25}}, ["reuse_prevention: 25", "0 and 24"]),
        ({"scope": "a/b"}, ["scope: 'a/b'"]),
    ],
)
def test_what_iam_would_refuse_is_one_sentence(options, values, words):
    with pytest.raises(InputError) as refused:
        given.validate(options(**values))
    text = str(refused.value)
    assert [word for word in words if word not in text] == [], text
    assert text.endswith(".") and ". " not in text


def test_quotas_that_aws_has_raised_can_be_told(options):
    groups = [{"name": f"g{n}"} for n in range(12)]
    user = {"name": "alice", "groups": [group["name"] for group in groups]}
    with pytest.raises(InputError, match="may be in 10"):
        given.validate(options(groups=groups, users=[user]))
    given.validate(options(groups=groups, users=[user], groups_of_user_limit=20))
    with pytest.raises(InputError, match="there are 12; an account may have 11"):
        given.validate(options(groups=groups, groups_limit=11))


def test_white_space_does_not_count():
    assert given.policy_size({"a": "b c"}) == len('{"a":"b c"}')


@pytest.mark.parametrize(
    ("ranges", "caller", "more", "words"),
    [
        ([], "203.0.113.7", {}, "it is empty"),
        (["203.0.113.0"], "203.0.113.0", {}, None),
        (["203.0.113.1/24"], "203.0.113.7", {}, "the aligned range is 203.0.113.0/24"),
        (["office"], "203.0.113.7", {}, "'office' is not a range of addresses; a range is written like"),
        (["203.0.113.0/33"], "203.0.113.7", {}, "'203.0.113.0/33'"),
        (["0.0.0.0/0"], "203.0.113.7", {}, "every IPv4 address"),
        (["0.0.0.0/1", "128.0.0.0/1"], "203.0.113.7", {}, "every IPv4 address"),
        (["203.0.113.0/24", "::/0"], "203.0.113.7", {}, "every IPv6 address"),
        (["0.0.0.0/0"], "203.0.113.7", {"anywhere": "yes"}, "yes, from anywhere"),
        (["0.0.0.0/0"], "203.0.113.7", {"anywhere": "yes, from anywhere"}, None),
        (["203.0.113.0/24"], "203.0.113.7", {}, None),
        (["203.0.113.0/24"], "203.0.114.7", {}, "does not hold your own address 203.0.114.7"),
        (["203.0.113.0/24"], "203.0.114.7", {"force": True}, None),
        (["203.0.113.0/24"], "", {}, "access_caller_address: ''"),
        (["203.0.113.0/24"], "", {"force": True}, None),
        (["203.0.113.0/24", "2001:db8::/32"], "2001:db8::7", {}, None),
        (["203.0.113.0/24", "2001:db8::/32"], "2001:db9::7", {}, "locked out"),
        (["203.0.113.0/24"], "<html>", {}, "'<html>' is not an address"),
    ],
)
def test_source_ranges(ranges, caller, more, words):
    variables = {"access_source_ranges": ranges}
    variables |= {f"access_source_{key}": value for key, value in more.items()}
    sentence = access_problem(variables, caller)
    assert sentence == "" if words is None else words in sentence, sentence
    assert sentence == "" or (sentence.endswith(".") and "\n" not in sentence)


def test_groups_are_guarded_unless_they_say_otherwise():
    groups = [{"name": "ops", "policies": ["platform"]}, {"name": "scripts", "guards": ["source"]}]
    assert guarded_groups(groups) == [
        {"name": "ops", "policies": ["guard-mfa", "guard-source", "self-service", "platform"]},
        {"name": "scripts", "policies": ["guard-source", "self-service"]},
    ]
    users = [{"name": "alice", "groups": ["scripts", "ops"]}, {"name": "deploy", "groups": ["scripts"]}]
    assert mfa_users(users, groups) == [{"name": "alice"}]
    everything = {"access_source_ranges": ["203.0.113.0/24"], "access_groups": [{"name": "a", "guards": ["none"]}]}
    assert "'none' is not one of mfa, source" in access_problem(everything, "203.0.113.7")
    nobody = {"access_source_ranges": ["203.0.113.0/24"], "access_users": [{"name": "alice", "groups": []}]}
    assert access_problem(nobody, "203.0.113.7").startswith("access_users: alice: groups is empty")


def test_the_first_problem_of_several_policies():
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    policies = [{"name": "look", "document": ALLOW}, {"name": "wide", "document": wide}]
    assert policies_problem(policies[:1], "access_policies") == ""
    assert policies_problem(policies, "access_policies").startswith("access_policies: wide: statement 1")


def test_policies_are_named_by_themselves_by_another_scope_and_by_arn(options):
    trust = {"Version": "2012-10-17", "Statement": []}
    role = {"name": "r", "trust": trust, "policies": ["look", "hosts/app", SSM], "boundary": "hosts/bound"}
    wanted = access.desired(options(policies=[{"name": "look", "document": ALLOW}], roles=[role]), PLACE)
    hosts = "arn:aws:iam::123456789012:policy/mds/hosts/mds"
    assert wanted.roles["r"]["policies"] == sorted([LOOK, f"{hosts}-app", SSM])
    assert wanted.roles["r"]["boundary"] == f"{hosts}-bound"


def user(**fields):
    return {"groups": [], "policies": [], "inline_policies": [], "boundary": None, "tags": {}, **fields}


def plan(wanted, present, **more):
    made = access.plan(access.Observed(**wanted), access.Observed(**present), PLACE, **more)
    return [(action.verb, action.kind, action.name) for action in made]


def test_documents_that_mean_the_same_are_the_same():
    present = {"policies": {"look": {"document": SAME, "spare_versions": ["v1"]}}}
    assert plan({"policies": {"look": {"document": ALLOW}}}, present) == []
    other = {**ALLOW, "Statement": [{**ALLOW["Statement"][0], "Effect": "Deny"}]}
    assert plan({"policies": {"look": {"document": other}}}, present) == [("update", "policy", "look")]


def test_nothing_goes_unless_it_is_to_be_purged():
    present = {"users": {"alice": user(), "bob": user()}}
    wanted = {"users": {"alice": user()}}
    assert plan(wanted, present) == []
    assert plan(wanted, present, purge=True) == [("delete", "user", "bob")]
    assert plan(wanted, present, purge=True, ignore=["b*"]) == []
    arn = "arn:aws:iam::123456789012:user/mds/access/bob"
    with pytest.raises(InputError, match="bob is whose credentials run this"):
        plan(wanted, present, purge=True, caller=arn)


def test_inline_policies_added_by_hand_are_a_difference():
    present = {"users": {"alice": user(inline_policies=["mine"])}}
    assert plan({"users": {"alice": user()}}, present) == [("update", "user", "alice")]


def test_names_that_are_taken_elsewhere_are_refused_in_any_case():
    with pytest.raises(InputError, match="the user Alice exists outside of the path /mds/access/"):
        plan({"users": {"Alice": user()}}, {"foreign": {"users": {"alice"}}})
    with pytest.raises(InputError, match="the instance profile mds-app exists"):
        plan({"profiles": {"app": {"roles": ["mds-app"]}}}, {"foreign": {"profiles": {"mds-app"}}})


def test_what_holds_a_policy_keeps_it():
    present = {"policies": {"look": {"document": ALLOW, "spare_versions": []}}}
    theirs, sibling = ("/", "user eve"), ("/mds/hosts/", "role mds-app")
    with pytest.raises(InputError, match="mds-look is still attached to user eve"):
        plan({}, {**present, "attached": {LOOK: [theirs]}}, purge=True, planning=True)
    with pytest.raises(InputError, match="role mds-app"):
        plan({}, {**present, "attached": {LOOK: [sibling]}}, purge=True)
    expected = [("delete", "policy", "look")]
    assert plan({}, {**present, "attached": {LOOK: [sibling]}}, purge=True, planning=True) == expected
    own = {"attached": {LOOK: [("/mds/access/", "group mds-readers")]}}
    assert plan({}, {**present, **own}, purge=True) == expected


def test_a_group_with_somebody_elses_members_stays():
    present = {"groups": {"ops": {"policies": [], "inline_policies": []}}, "members": {"mds-ops": [("/", "eve")]}}
    with pytest.raises(InputError, match="mds-ops still has eve"):
        plan({}, present, purge=True)


def test_only_policies_that_nobody_has_are_asked_for():
    wanted = access.Observed(groups={"ops": {"policies": [LOOK, SSM], "inline_policies": []}})
    made = access.plan(wanted, access.Observed(), PLACE)
    assert access.missing_policies(made, wanted, access.Observed(), PLACE) == [
        (LOOK, "groups: ops"),
        (SSM, "groups: ops"),
    ]
    present = access.Observed(customer_policies={LOOK}, attached={SSM: [("/", "user eve")]})
    assert access.missing_policies(made, wanted, present, PLACE) == []


def test_a_password_policy_is_compared_in_what_is_given():
    present = {"settings": {"password_policy": {"minimum_length": 14, "max_age": 90}}}
    assert plan({"settings": {"password_policy": {"minimum_length": 14}}}, present) == []
    assert plan({"settings": {"password_policy": {"minimum_length": 15}}}, present) == [
        ("update", "account_setting", "password_policy")
    ]
