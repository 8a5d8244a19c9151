"""EC2: what the platform's modules meet that moto lacks, does otherwise than AWS, or does too slowly.

Pages of DescribeInstances, the quota of rules of a security group, idempotent launch templates and NAT gateways, and
the dependencies that keep networks from being deleted. Instances' lives and the rest of security groups: hosts.py.
"""

from __future__ import annotations

import re

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    DependencyViolationError,
    EC2ClientError,
    InvalidParameterCombination,
    InvalidParameterValueError,
)
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.internet_gateways import InternetGatewayBackend
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.elbv2.models import elbv2_backends

MAX_PAGE = 1000
RULES = 60


# --- many instances -------------------------------------------------------------------------------------------------


def get_tags(self: TaggedEC2Resource) -> list[dict[str, str]]:
    """The tags of one resource; moto looks through the tags of all."""
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if self.id else ""
    tags = self.ec2_backend.tags.get(self.id) or {}
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": kind} for key, value in list(tags.items())
    ]


# Each instance as it was last written, until any call changes something: writing one takes moto over a millisecond.
_WRITTEN: dict[str, str] = {}


def changed() -> None:
    """Something may have changed: write instances anew."""
    _WRITTEN.clear()


reset = changed


def describe_instances(self: InstanceResponse) -> str:
    """Pages of instances (MaxResults counts them, not reservations), at most 1,000 each."""
    self.error_on_dryrun()
    ids, asked = self._get_param("InstanceIds", []), self._get_param("MaxResults")
    if ids and asked is not None:
        raise InvalidParameterCombination("The parameter instancesSet cannot be used with the parameter maxResults")
    if asked is not None and not 5 <= int(asked) <= MAX_PAGE:
        expected = f"Expecting a value between 5 and {MAX_PAGE}"
        raise InvalidParameterValueError(f"Value ( {asked} ) for parameter maxResults is invalid. {expected}")
    filters = self._filters_from_querystring()
    if ids:
        reservations = self.ec2_backend.get_reservations_by_instance_ids(ids, filters=filters)
    else:
        reservations = self.ec2_backend.describe_instances(filters=filters)
    rows = [(reservation, instance) for reservation in reservations for instance in reservation.instances]
    token = self._get_param("NextToken")
    start = 0
    if token:
        last = token.removeprefix("after-")
        start = next((number for number, (_reservation, instance) in enumerate(rows, 1) if instance.id == last), 0)
        if not start:
            raise InvalidParameterValueError(f"Unable to parse pagination token: {token}")
    page = rows[start : start + int(asked or MAX_PAGE)]
    following = f"after-{page[-1][1].id}" if start + len(page) < len(rows) else None
    return _document(self, page, following)


def _document(self: InstanceResponse, page: list, following: str | None) -> str:
    parts: list[str] = []
    current = None
    for reservation, instance in page:
        if instance.id not in _WRITTEN:
            _WRITTEN[instance.id] = _write(self, reservation, instance)
        if reservation is not current:
            if current is not None:
                parts.append("</instancesSet></item>")
            parts.append(
                f"<item><reservationId>{reservation.id}</reservationId><ownerId>{reservation.owner_id}</ownerId>"
                "<groupSet/><instancesSet>"
            )
            current = reservation
        parts.append(_WRITTEN[instance.id])
    if current is not None:
        parts.append("</instancesSet></item>")
    token = f"<nextToken>{following}</nextToken>" if following else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>request-id</requestId><reservationSet>{''.join(parts)}</reservationSet>{token}"
        "</DescribeInstancesResponse>"
    )


def _write(self: InstanceResponse, reservation, instance) -> str:
    all_instances, reservation.instances = reservation.instances, [instance]
    try:
        body = self.serialized(ActionResult({"Reservations": [reservation]}))[2]
    finally:
        reservation.instances = all_instances
    return re.search(r"<instancesSet>(.*)</instancesSet>", body, re.DOTALL).group(1)


# --- security groups ------------------------------------------------------------------------------------------------


def count_rules(rules: list) -> tuple[int, int]:
    """(IPv4, IPv6) rules as AWS counts them: a rule with a group or prefix list counts in both."""
    four = sum(not rule.cidr_ipv6 for rule in rules)
    six = sum(not rule.cidr_ipv4 for rule in rules)
    return four, six


def _authorize(direction: str):
    """AuthorizeSecurityGroup*: all permissions or none; returns every rule made (moto: of the last permission)."""
    attribute = f"{direction}_rules"

    def authorize(self: SecurityGroups) -> ActionResult:
        self.error_on_dryrun()
        named = self._get_param("GroupId") or self._get_param("GroupName")
        group = self.ec2_backend.get_security_group_by_name_or_id(named)
        before = list(getattr(group, attribute)) if group else []
        try:
            for options in self._process_rules_from_querystring():
                getattr(self.ec2_backend, f"authorize_security_group_{direction}")(**options)
            if group and max(count_rules(getattr(group, attribute))) > RULES:
                raise EC2ClientError(
                    "RulesPerSecurityGroupLimitExceeded",
                    "The maximum number of rules per security group has been reached.",
                )
        except Exception:
            if group:
                setattr(group, attribute, before)
            raise
        old = {rule.id for rule in before}
        made = [rule for rule in getattr(group, attribute) if rule.id not in old]
        return ActionResult({"Return": True, "SecurityGroupRules": made})

    return authorize


def _revoke(method, direction: str):
    """RevokeSecurityGroup*: all rules or none."""
    attribute = f"{direction}_rules"

    def revoke(self: SecurityGroups) -> ActionResult:
        group = self.ec2_backend.get_security_group_by_name_or_id(
            self._get_param("GroupId") or self._get_param("GroupName")
        )
        before = list(getattr(group, attribute)) if group else []
        try:
            return method(self)
        except Exception:
            if group:
                setattr(group, attribute, before)
            raise

    return revoke


def _describe_rules(method, direction: str):
    """UpdateSecurityGroupRuleDescriptions*, also by rule ids, which moto passes over."""

    def update(self: SecurityGroups) -> ActionResult:
        wanted = self._get_param("SecurityGroupRuleDescriptions") or []
        if not wanted:
            return method(self)
        self.error_on_dryrun()
        named = self._get_param("GroupId") or self._get_param("GroupName")
        group = self.ec2_backend.get_security_group_by_name_or_id(named)
        rules = {rule.id: rule for rule in getattr(group, f"{direction}_rules")} if group else {}
        for item in wanted:
            if item["SecurityGroupRuleId"] not in rules:
                raise EC2ClientError(
                    "InvalidSecurityGroupRuleId.NotFound",
                    f"The security group rule ID '{item['SecurityGroupRuleId']}' does not exist",
                )
        for item in wanted:
            rule = rules[item["SecurityGroupRuleId"]]
            source = rule.source_group or rule.ip_range
            source.pop("Description", None)
            if item.get("Description"):
                source["Description"] = item["Description"]
        return ActionResult({"Return": True})

    return update


def description(self: SecurityGroupRule) -> str | None:
    """moto knows the description of a range only."""
    return (self.ip_range or {}).get("Description") or (self.source_group or {}).get("Description")


# --- what depends on what -------------------------------------------------------------------------------------------


def _balancers(self) -> list:
    return list(elbv2_backends[self.account_id][self.region_name].load_balancers.values())


def install_dependencies() -> None:
    delete_subnet, delete_vpc = SubnetBackend.delete_subnet, VPCBackend.delete_vpc
    delete_group, release = SecurityGroupBackend.delete_security_group, ElasticAddressBackend.release_address
    detach_gateway, delete_nat = InternetGatewayBackend.detach_internet_gateway, NatGatewayBackend.delete_nat_gateway

    def guarded_delete_subnet(self, subnet_id: str):
        used = any(nic.subnet.id == subnet_id for nic in self.enis.values())
        used = used or any(subnet.id == subnet_id for balancer in _balancers(self) for subnet in balancer.subnets)
        if used:
            raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        return delete_subnet(self, subnet_id)

    def guarded_delete_vpc(self, vpc_id: str):
        groups = [group for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
        attached = [gateway for gateway in self.internet_gateways.values() if gateway.vpc and gateway.vpc.id == vpc_id]
        if groups or attached:
            raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        return delete_vpc(self, vpc_id)

    def guarded_delete_group(self, name=None, group_id=None):
        group = self.get_security_group_by_name_or_id(group_id or name)
        if group and any(group.id in (balancer.security_groups or []) for balancer in _balancers(self)):
            raise DependencyViolationError(f"resource {group.id} has a dependent object")
        return delete_group(self, name=name, group_id=group_id)

    def guarded_detach(self, internet_gateway_id: str, vpc_id: str) -> None:
        mapped = [
            address for address in self.addresses if address.eni is not None and address.eni.subnet.vpc_id == vpc_id
        ]
        public = [
            balancer
            for balancer in _balancers(self)
            if balancer.vpc_id == vpc_id and balancer.scheme == "internet-facing"
        ]
        if mapped or public:
            raise DependencyViolationError(
                f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before "
                "detaching the gateway."
            )
        detach_gateway(self, internet_gateway_id, vpc_id)

    def guarded_release(self, address: str | None = None, allocation_id: str | None = None) -> None:
        for found in self.addresses:
            if found.association_id and (found.allocation_id == allocation_id or found.public_ip == address):
                raise EC2ClientError("InvalidIPAddress.InUse", f"Address {found.public_ip} is in use.")
        release(self, address=address, allocation_id=allocation_id)

    def delete_nat_gateway(self, nat_gateway_id: str):
        if nat_gateway_id not in self.nat_gateways:
            raise EC2ClientError("NatGatewayNotFound", f"The Nat Gateway {nat_gateway_id} was not found")
        gateway = delete_nat(self, nat_gateway_id)
        for address in self.addresses:
            if address.eni is gateway._eni:
                self.disassociate_address(association_id=address.association_id)
        self.enis.pop(gateway._eni.id, None)
        return gateway

    SubnetBackend.delete_subnet = guarded_delete_subnet
    VPCBackend.delete_vpc = guarded_delete_vpc
    SecurityGroupBackend.delete_security_group = guarded_delete_group
    InternetGatewayBackend.detach_internet_gateway = guarded_detach
    ElasticAddressBackend.release_address = guarded_release
    NatGatewayBackend.delete_nat_gateway = delete_nat_gateway


# --- client tokens --------------------------------------------------------------------------------------------------


def once(method, found, changed_error: str):
    """A create call that answers a repeated client token with what the first call made.

    ``found`` gives the present form of a first answer, or None when what it made is gone.
    """

    def call(self):
        token = self._get_param("ClientToken")
        if not token:
            return method(self)
        known = self.ec2_backend.__dict__.setdefault("answers_by_token", {})
        key = (method.__name__, token)
        request = repr(sorted((name, str(value)) for name, value in self._get_params().items()))
        if key in known:
            before, answer = known[key]
            if before != request:
                raise EC2ClientError(changed_error, "The client token was used before with different parameters.")
            again = found(self, answer)
            if again is not None:
                return again
        answer = method(self)
        known[key] = request, answer
        return answer

    return call


def _same_nat_gateway(self: NatGateways, answer: ActionResult) -> ActionResult | None:
    return answer if answer.result["NatGateway"].state != "deleted" else None


def _same_template(self: LaunchTemplates, answer: ActionResult) -> ActionResult | None:
    return answer if answer.result["LaunchTemplate"]["LaunchTemplateId"] in self.ec2_backend.launch_templates else None


def _same_version(self: LaunchTemplates, answer: ActionResult) -> ActionResult | None:
    made = answer.result["LaunchTemplateVersion"]
    template = self.ec2_backend.launch_templates.get(made["LaunchTemplateId"])
    present = template and any(version.number == made["VersionNumber"] for version in template.versions)
    return answer if present else None


def _new_version(method):
    """CreateLaunchTemplateVersion; moto does not start from SourceVersion."""

    def create(self: LaunchTemplates) -> ActionResult:
        source = self._get_param("SourceVersion")
        if source:
            name, template_id = self._get_param("LaunchTemplateName"), self._get_param("LaunchTemplateId")
            backend = self.ec2_backend
            template = backend.get_launch_template_by_name(name) if name else backend.get_launch_template(template_id)
            self.params["LaunchTemplateData"] = {
                **template.get_version(source).data,
                **self._get_param("LaunchTemplateData", {}),
            }
        return method(self)

    create.__name__ = method.__name__
    return create


def install() -> None:
    TaggedEC2Resource.get_tags = get_tags
    InstanceResponse.describe_instances = describe_instances
    SecurityGroupBackend._verify_group_will_respect_rule_count_limit = lambda *_, **__: None
    SecurityGroups.authorize_security_group_ingress = _authorize("ingress")
    SecurityGroups.authorize_security_group_egress = _authorize("egress")
    SecurityGroups.revoke_security_group_ingress = _revoke(SecurityGroups.revoke_security_group_ingress, "ingress")
    SecurityGroups.revoke_security_group_egress = _revoke(SecurityGroups.revoke_security_group_egress, "egress")
    for direction in ("ingress", "egress"):
        action = f"update_security_group_rule_descriptions_{direction}"
        setattr(SecurityGroups, action, _describe_rules(getattr(SecurityGroups, action), direction))
    SecurityGroupRule.description = property(description)
    NatGateways.create_nat_gateway = once(
        NatGateways.create_nat_gateway, _same_nat_gateway, "IdempotentParameterMismatch"
    )
    LaunchTemplates.create_launch_template = once(
        LaunchTemplates.create_launch_template, _same_template, "IdempotentParameterMismatch"
    )
    LaunchTemplates.create_launch_template_version = once(
        _new_version(LaunchTemplates.create_launch_template_version), _same_version, "IdempotentParameterMismatch"
    )
    install_dependencies()
