"""EC2: what moto leaves out of instances' lives and of security groups.

A launch with a known client token gives the same instance, as AWS does; a terminated instance gives back its address,
its network interface and its elastic IP; detailed monitoring and termination protection are kept. Rules of security
groups are the same whatever their descriptions, which can be changed for every kind of source; a group that is in use
is not deleted.
"""

from __future__ import annotations

import json

from moto.core.responses import ActionResult
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.iam_instance_profile import IamInstanceProfileAssociationBackend
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.monitoring import Monitoring


def install() -> None:
    """Put it into moto."""
    wrap(Instance, "prep_nics", prep_nics)
    wrap(Instance, "terminate", terminate)
    wrap(InstanceBackend, "modify_instance_security_groups", modify_groups)
    wrap(InstanceResponse, "run_instances", run_instances)
    wrap(IamInstanceProfileAssociationBackend, "replace_iam_instance_profile_association", replace_profile)
    wrap(ElasticAddressBackend, "associate_address", associate_address)
    wrap(SecurityGroupBackend, "delete_security_group", delete_security_group)
    wrap(SecurityGroupBackend, "revoke_security_group_egress", revoke_egress)
    Monitoring.monitor_instances = lambda self: monitoring(self, "enabled")
    Monitoring.unmonitor_instances = lambda self: monitoring(self, "disabled")
    SecurityGroupRule.__eq__ = lambda self, other: identity(self) == identity(other)
    SecurityGroupBackend._sg_update_description = update_description


def wrap(cls, name: str, around) -> None:
    """Replace a method by ``around(original, self, ...)``."""
    original = getattr(cls, name)
    setattr(cls, name, lambda self, *args, **kwargs: around(original, self, *args, **kwargs))


# --- instances ------------------------------------------------------------------------------------------------------


def prep_nics(original, self, nic_spec, *args, **kwargs):
    """A network interface that is made with an instance goes with it, unless the request says otherwise."""
    kept = {
        int(nic["DeviceIndex"])
        for nic in nic_spec or []
        if nic.get("NetworkInterfaceId") or nic.get("DeleteOnTermination") is False
    }
    original(self, nic_spec, *args, **kwargs)
    for index, nic in self.nics.items():
        if index not in kept:
            nic.delete_on_termination = True


def terminate(original, self):
    for address in self.ec2_backend.addresses:
        if address.instance is self and address.association_id:
            self.ec2_backend.disassociate_address(association_id=address.association_id)
    # deletes a second time, in moto, what a first call has deleted
    for nic in self.nics.values():
        if nic.id not in self.ec2_backend.enis:
            nic.delete_on_termination = False
    return original(self)


def modify_groups(original, self, instance_id, groups):
    instance = original(self, instance_id, groups)
    if 0 in instance.nics:
        instance.nics[0]._group_set = list(instance.security_groups)
    return instance


def run_instances(original, self):
    """RunInstances with client tokens, termination protection and tags of network interfaces."""
    token = self._get_param("ClientToken")
    request = json.dumps(self._get_params(), sort_keys=True, default=str)
    if token:
        for reservation in self.ec2_backend.reservations.values():
            for instance in reservation.instances:
                if instance.client_token != token:
                    continue
                if instance.state == "terminated":
                    raise EC2ClientError("IdempotentInstanceTerminated", "The instance of this token is terminated.")
                if getattr(instance, "lab_request", request) != request:
                    raise EC2ClientError("IdempotentParameterMismatch", "Arguments differ from those of the token.")
                return ActionResult(reservation)
    before = set(self.ec2_backend.reservations)
    answer = original(self)
    tags = self._parse_tag_specification().get("network-interface", {})
    for name in set(self.ec2_backend.reservations) - before:
        for instance in self.ec2_backend.reservations[name].instances:
            instance.lab_request = request
            instance.disable_api_termination = bool(self._get_param("DisableApiTermination"))
            for nic in instance.nics.values():
                nic.add_tags(tags)
    return answer


def replace_profile(original, self, *args, **kwargs):
    association = original(self, *args, **kwargs)
    profile = {"Arn": association.iam_instance_profile.arn, "Id": association.association_id}
    self.modify_instance_attribute(association.instance.id, "iam_instance_profile", profile)
    return association


def associate_address(original, self, instance=None, eni=None, *args, **kwargs):
    """An address that moves leaves its former instance, and the instance its former address."""
    kwargs = dict(zip(("address", "allocation_id", "reassociate"), args), **kwargs)
    moving = [a for a in self.addresses if kwargs.get("allocation_id") == a.allocation_id]
    holders = {a.eni.id: a.eni for a in moving if a.eni}
    found = original(self, instance=instance, eni=eni, **kwargs)
    for other in self.addresses:
        if other is not found and other.eni is found.eni and other.eni is not None:
            other.eni = other.instance = other.association_id = None
    for holder in holders.values():
        if holder is not found.eni:
            holder.public_ip = None
    return found


def monitoring(self, state: str):
    instances = self.ec2_backend.get_multi_instances_by_id(self._get_param("InstanceIds", []))
    for instance in instances:
        instance.monitoring_state = state
    told = [{"InstanceId": instance.id, "Monitoring": {"State": state}} for instance in instances]
    return ActionResult({"InstanceMonitorings": told})


# --- security groups ------------------------------------------------------------------------------------------------


def identity(rule: SecurityGroupRule) -> tuple:
    """What makes two rules the same: their source, protocol and ports."""
    ports = (rule.from_port, rule.to_port) if rule.ip_protocol != "-1" else ()
    source = (rule.cidr_ipv4, rule.cidr_ipv6, rule.source_group.get("GroupId"), rule.prefix_list_id)
    return (rule.ip_protocol, ports, source)


def update_description(self, security_rule: SecurityGroupRule, rule: SecurityGroupRule) -> None:
    """The description of the request; without one, none."""
    for given, kept in ((security_rule.ip_range, rule.ip_range), (security_rule.source_group, rule.source_group)):
        kept.pop("Description", None)
        if "Description" in given:
            kept["Description"] = given["Description"]


def delete_security_group(original, self, name=None, group_id=None):
    group = self.get_security_group_by_name_or_id(group_id or name)
    if group is not None:
        users = [eni.id for eni in self.enis.values() if group in (eni.group_set or [])]
        users += [
            other.id
            for groups in self.groups.values()
            for other in groups.values()
            if other is not group
            for rule in (*other.ingress_rules, *other.egress_rules)
            if rule.source_group.get("GroupId") == group.id
        ]
        if users:
            raise DependencyViolationError(f"resource {group.id} has a dependent object")
    return original(self, name=name, group_id=group_id)


def revoke_egress(original, self, group_name_or_id, ip_protocol, from_port, to_port, ip_ranges, *args, **kwargs):
    """moto passes over IPv6 ranges in a VPC without IPv6; here they are revoked too."""
    group = self.get_security_group_by_name_or_id(group_name_or_id)
    six = [item for item in ip_ranges if "CidrIpv6" in item]
    if group is not None and six:
        gone = [SecurityGroupRule(self, ip_protocol, group.id, from_port, to_port, item) for item in six]
        group.egress_rules = [rule for rule in group.egress_rules if rule not in gone]
        ip_ranges = [item for item in ip_ranges if item not in six]
    return original(self, group_name_or_id, ip_protocol, from_port, to_port, ip_ranges, *args, **kwargs)
