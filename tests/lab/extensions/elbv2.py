"""Load balancing: names, duplicates, deletion protection and certificates as AWS has them.

Once a test has told what balancers see, the health of targets is that: what registers is not healthy at once, and what
leaves drains.
"""

from __future__ import annotations

import re

from moto.acm.models import acm_backends
from moto.core.responses import ActionResult
from moto.elbv2.exceptions import DuplicateListenerError, ELBClientError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeLoadBalancer
from moto.elbv2.responses import ELBV2Response
from moto.moto_api._internal import mock_random

from . import acm

# the hosted zone that aliases onto application balancers name, by region; others get moto's
ZONES = {
    "ap-southeast-1": "Z1LMS91P8CMLE5",
    "ap-southeast-2": "Z1GM3OXH4ZPM65",
    "eu-west-1": "Z32O12XQLNTSW2",
    "us-east-1": "Z35SXDOTRQ7X7K",
    "us-west-2": "Z1H1FL5HABSF5",
}


class Reported:
    """What balancers see of their targets, since somebody has told it."""

    told: dict[str, dict[tuple[str, int], dict[str, str]]] | None = None
    """{state, reason} of each (target, port), by the ARN of the target group; None until anything was told."""


def report(told: dict[str, list[dict]]) -> None:
    """Take what balancers see, all of it: by target group, a list of {id, port, state, reason}."""
    Reported.told = {
        arn: {(target["id"], target["port"]): target for target in targets} for arn, targets in told.items()
    }


def reset() -> None:
    Reported.told = None


def seen(arn: str, told: list[FakeHealthStatus], every: bool) -> list[FakeHealthStatus]:
    """What moto tells of targets, as their balancers see them; ``every``: also those that are being drained."""
    if Reported.told is None:
        return told
    reported = dict(Reported.told.get(arn) or {})
    for status in told:
        health = reported.pop((status.instance_id, int(status.port)), None)
        if health:
            status.status, status.reason, status.description = health["state"], health["reason"] or None, None
        elif status.status == "healthy":
            status.status, status.reason = "initial", "Elb.RegistrationInProgress"
    if every:
        # AWS knows of the deregistration before its balancers have carried it out
        told += [
            FakeHealthStatus(name, str(port), str(port), "draining", "Target.DeregistrationInProgress")
            for name, port in reported
        ]
    return told


def invalid(text: str) -> ELBClientError:
    return ELBClientError("ValidationError", text)


def check_name(name: str) -> None:
    if len(name) > 32:
        raise invalid(f"The load balancer name '{name}' cannot be longer than '32' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise invalid(
            f"The load balancer name '{name}' can only contain characters that are alphanumeric or hyphens(-)"
        )
    if name.startswith("-") or name.endswith("-"):
        raise invalid(f"The load balancer name '{name}' cannot begin or end with a hyphen(-)")
    if name.startswith("internal-"):
        raise invalid(f"The load balancer name '{name}' cannot begin with 'internal-'")


def check_zones(kind: str, zones: list[str]) -> None:
    if len(set(zones)) < len(zones):
        raise ELBClientError(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if kind == "application" and len(zones) < 2:
        raise invalid("At least two subnets in two different Availability Zones must be specified")


def check_certificates(self: ELBV2Response) -> None:
    """Refuse certificates of ACM that do not exist or are not issued."""
    backend = acm_backends[self.current_account][self.region]
    for given in self._get_param("Certificates") or []:
        arn = given.get("CertificateArn", "")
        if ":acm:" not in arn:
            continue
        certificate = backend._certificates.get(arn)
        if certificate is None:
            raise ELBClientError("CertificateNotFound", f"Certificate ARN '{arn}' is not valid")
        acm.check(certificate)
        if certificate.status != "ISSUED":
            raise ELBClientError(
                "UnsupportedCertificate",
                f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a "
                "supported key size.",
            )


def same_settings(self: ELBV2Response, balancer: FakeLoadBalancer) -> bool:
    tags = {tag["Key"]: tag.get("Value", "") for tag in self._get_param("Tags") or []}
    kept = self.elbv2_backend.tagging_service.get_tag_dict_for_resource(balancer.arn)
    subnets = self._get_param("Subnets") or [s["SubnetId"] for s in self._get_param("SubnetMappings") or []]
    return (
        {subnet.id for subnet in balancer.subnets} == set(subnets)
        and (balancer.scheme or "internet-facing") == (self._get_param("Scheme") or "internet-facing")
        and balancer.type == (self._get_param("Type") or "application")
        and set(balancer.security_groups or []) == set(self._get_param("SecurityGroups") or balancer.security_groups)
        and tags == kept
    )


def install() -> None:
    create, create_target_group = ELBV2Response.create_load_balancer, ELBV2Response.create_target_group
    create_listener, modify_listener = ELBV2Response.create_listener, ELBV2Response.modify_listener
    add_certificates = ELBV2Response.add_listener_certificates
    delete, create_backend = ELBv2Backend.delete_load_balancer, ELBv2Backend.create_load_balancer
    describe_health = ELBv2Backend.describe_target_health

    def create_load_balancer(self: ELBV2Response) -> ActionResult:
        name = self._get_param("Name")
        check_name(name)
        for balancer in self.elbv2_backend.load_balancers.values():
            if balancer.name == name:
                if same_settings(self, balancer):
                    return ActionResult({"LoadBalancers": [balancer]})
                raise ELBClientError(
                    "DuplicateLoadBalancerName",
                    f"A load balancer with the same name '{name}' exists, but with different settings",
                )
        return create(self)

    def create_in_zones(self: ELBv2Backend, name: str, security_groups, subnet_ids, **options) -> FakeLoadBalancer:
        options["scheme"] = options.get("scheme") or "internet-facing"
        balancer = create_backend(self, name, security_groups, subnet_ids, **options)
        try:
            check_zones(balancer.type, [subnet.availability_zone for subnet in balancer.subnets])
        except ELBClientError:
            self.load_balancers.pop(balancer.arn)
            raise
        if not balancer.security_groups and balancer.type == "application":
            # AWS gives a balancer without groups the default group of its VPC
            default = self.ec2_backend.get_default_security_group(balancer.vpc_id)
            balancer.security_groups = [default.id] if default else []
        if self.region_name in ZONES and balancer.type == "application":
            balancer.canonical_hosted_zone_id = ZONES[self.region_name]
        # a balancer that is made again has another name in DNS
        prefix = "internal-" if balancer.scheme == "internal" else ""
        number = mock_random.randint(10**8, 10**9 - 1)
        balancer.dns_name = f"{prefix}{name}-{number}.{self.region_name}.elb.amazonaws.com"
        return balancer

    def delete_load_balancer(self: ELBv2Backend, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer and balancer.attrs.get("deletion_protection.enabled") == "true":
            raise ELBClientError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        for listener in balancer.listeners.values() if balancer else ():
            for action in listener.default_actions:
                group = self.target_groups.get(action.data.get("TargetGroupArn"))
                if group and arn in group.load_balancer_arns:
                    group.load_balancer_arns.remove(arn)
        delete(self, arn)

    def create_target_group_once(self: ELBV2Response) -> ActionResult:
        name, kind = self._get_param("Name"), self._get_param("TargetType") or "instance"
        for group in self.elbv2_backend.target_groups.values():
            same = (group.protocol, str(group.port), group.vpc_id, group.target_type) == (
                self._get_param("Protocol"),
                str(self._get_param("Port")),
                self._get_param("VpcId"),
                kind,
            )
            if group.name == name and same:
                return ActionResult({"TargetGroups": [group]})
        return create_target_group(self)

    def create_listener_once(self: ELBV2Response) -> ActionResult:
        balancer = self.elbv2_backend.load_balancers.get(self._get_param("LoadBalancerArn"))
        for listener in balancer.listeners.values() if balancer else ():
            if str(listener.port) == str(self._get_param("Port")):
                raise DuplicateListenerError
        check_certificates(self)
        return create_listener(self)

    def modify_listener_checked(self: ELBV2Response) -> ActionResult:
        check_certificates(self)
        return modify_listener(self)

    def add_certificates_checked(self: ELBV2Response) -> ActionResult:
        check_certificates(self)
        return add_certificates(self)

    def describe_seen(self: ELBv2Backend, arn: str, targets: list[dict]) -> list[FakeHealthStatus]:
        return seen(arn, describe_health(self, arn, targets), every=not targets)

    ELBV2Response.create_load_balancer = create_load_balancer
    ELBV2Response.create_target_group = create_target_group_once
    ELBV2Response.create_listener = create_listener_once
    ELBV2Response.modify_listener = modify_listener_checked
    ELBV2Response.add_listener_certificates = add_certificates_checked
    ELBv2Backend.create_load_balancer = create_in_zones
    ELBv2Backend.delete_load_balancer = delete_load_balancer
    ELBv2Backend.describe_target_health = describe_seen
