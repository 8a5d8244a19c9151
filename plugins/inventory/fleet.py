# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
short_description: The platform's running hosts
version_added: 1.0.0
description:
  - Gives the hosts of a platform, as they come and go, with one sweep of DescribeInstances in each region.
  - Hosts are in the groups C(role_...), for what they are, and C(zone_...), for where they are, and, if asked for, in
    C(lifecycle_...), C(access_point_...) and C(health_...). These groups cost no templates.
  - A platform without hosts is an empty inventory.
  - The configuration file's name ends with C(fleet.yml) or C(fleet.yaml).
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  plugin:
    description: The plugin's name.
    required: true
    choices: [mydigitalstructure.aws.fleet]
  platform:
    description: The platform's name. Hosts carry the tag C(mydigitalstructure:platform) with it.
    type: str
    required: true
  regions:
    description:
      - The regions to look in, all at the same time. Without any, the one of O(region), the environment or the profile.
    type: list
    elements: str
    default: []
  hostnames:
    description:
      - What hosts are called, the first of these that a host has. V(name) is the declared name of a host of its own,
        V(instance_id), V(private_dns_name), V(private_ip_address), V(public_ip_address), or V(tag:KEY).
      - Two hosts of one name keep it both, with the instance id behind it.
    type: list
    elements: str
    default: [name, instance_id]
  address:
    description:
      - What C(ansible_host) is. With V(ssm) hosts are reached through Systems Manager, with the connection plugin
        C(amazon.aws.aws_ssm). With V(none) it is not set.
    type: str
    choices: [private, public, ssm, none]
    default: private
  states:
    description: The states of instances that are hosts.
    type: list
    elements: str
    default: [pending, running]
  filters:
    description: Further filters of DescribeInstances, each a value or a list of values.
    type: dict
    default: {}
  lifecycle:
    description:
      - Whether to ask for the lifecycle state of hosts in auto-scaling groups. Gives C(lifecycle_state) and the groups
        C(lifecycle_InService), C(lifecycle_Pending_Wait) and so on.
    type: bool
    default: false
  target_health:
    description:
      - Whether to ask for the health of hosts as balancers see it. Gives C(access_points) and the groups
        C(access_point_...) and C(health_...).
    type: bool
    default: false
  hostvars:
    description:
      - V(lean) gives what is listed in the collection's C(docs/inventory.md). V(full) gives all that EC2 says, in the
        names of C(amazon.aws.aws_ec2), and takes several times as long.
    type: str
    choices: [lean, full]
    default: lean
extends_documentation_fragment:
  - inventory_cache
  - constructed
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - amazon.aws.assume_role.plugins
"""

EXAMPLES = r"""
# inventories/production/fleet.yml
plugin: mydigitalstructure.aws.fleet
platform: mds
regions: [ap-southeast-2]

---
# hosts by name, reached by their public address, with the balancers' view of them
plugin: mydigitalstructure.aws.fleet
platform: mds
regions: [ap-southeast-2, us-east-1]
hostnames: [tag:Name, instance_id]
address: public
target_health: true
keyed_groups:
  - {key: instance_type, prefix: type}
"""

import concurrent.futures
import functools
import io
import typing as t
from xml.etree import ElementTree

try:
    import botocore.config
except ImportError:
    botocore = None  # AWSInventoryBase says what is missing

from ansible.errors import AnsibleParserError
from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.amazon.aws.plugins.plugin_utils.inventory import AWSInventoryBase
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    BOTO_ERRORS,
    NAME_TAG,
    PLATFORM_TAG,
    check_endpoint,
    check_region,
    explain,
    owned_filter,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

ROLE_TAG = "mydigitalstructure:role"
KIND_TAG = "mydigitalstructure:kind"
ACCESS_POINT_TAG = "mydigitalstructure:access_point"
GROUP_TAG = "aws:autoscaling:groupName"

PAGE = 1000
"""Instances a page of DescribeInstances, the most that AWS gives."""
TAGGED = 20
"""Target groups that one DescribeTags answers for."""
STATES = ("pending", "running", "shutting-down", "stopping", "stopped")
NAMES = ("name", "instance_id", "private_dns_name", "private_ip_address", "public_ip_address")

LEAN = {
    "instance_id": "instanceId",
    "image_id": "imageId",
    "instance_type": "instanceType",
    "state": "instanceState/name",
    "launch_time": "launchTime",
    "zone": "placement/availabilityZone",
    "vpc_id": "vpcId",
    "subnet_id": "subnetId",
    "private_ip_address": "privateIpAddress",
    "public_ip_address": "ipAddress",
    "private_dns_name": "privateDnsName",
    "public_dns_name": "dnsName",
    "key_name": "keyName",
}
"""Host variables and where they stand in EC2's answer; ``name`` and ``tags`` would be reserved names."""

Host = dict[str, t.Any]


class LeanPages:
    """Takes the few wanted fields out of DescribeInstances' answers before botocore reads them.

    botocore builds every field of every instance in Python, which is most of a large sweep. Its ``before-parse``
    event hands over the raw answer: the fields are found with the C parser, and botocore is left an answer of the same
    form without instances, from which it pages on.
    """

    def __init__(self) -> None:
        self.hosts: list[Host] = []

    def __call__(self, response_dict: dict[str, t.Any], **unused: t.Any) -> None:
        if response_dict["status_code"] >= 300:
            return
        # an instance is let go as soon as it is read, so that a page's tree is never whole
        parser = ElementTree.iterparse(io.BytesIO(response_dict["body"]))
        for _event, element in parser:
            if element.tag.endswith("instancesSet"):
                self.hosts += [self.host(instance, namespace(element)) for instance in element]
                element.clear()
        root = parser.root
        space = namespace(root)
        token = root.find(f"{space}nextToken")
        for child in list(root):
            if child is not token and child.tag != f"{space}requestId":
                root.remove(child)
        response_dict["body"] = ElementTree.tostring(root)

    @staticmethod
    def host(instance: ElementTree.Element, space: str) -> Host:
        """What is wanted of an instance's element, whose names are in the namespace ``space`` (with its braces)."""
        host: Host = {name: instance.findtext(path) or None for name, path in lean_paths(space)}
        host["instance_tags"] = {
            tag.findtext(f"{space}key"): tag.findtext(f"{space}value") or ""
            for tag in instance.iterfind(f"{space}tagSet/{space}item")
        }
        return host


def namespace(element: ElementTree.Element) -> str:
    """The namespace of an element's name, with its braces; empty when it has none."""
    return element.tag[: element.tag.find("}") + 1]


@functools.cache
def lean_paths(space: str) -> tuple[tuple[str, str], ...]:
    """The paths of :data:`LEAN` in a namespace."""
    return tuple((name, "/".join(space + part for part in path.split("/"))) for name, path in LEAN.items())


def full_host(instance: dict[str, t.Any]) -> Host:
    """An instance in the names of amazon.aws.aws_ec2, with the lean variables beside them."""
    tags = boto3_tag_list_to_ansible_dict(instance.get("Tags") or [])
    host = camel_dict_to_snake_dict(instance, ignore_list=["Tags"])
    host["launch_time"] = instance["LaunchTime"].isoformat()
    return {
        **{name: value for name, value in host.items() if name != "tags"},
        "instance_tags": tags,
        "state": instance["State"]["Name"],
        "zone": instance["Placement"]["AvailabilityZone"],
    }


class InventoryModule(AWSInventoryBase):
    NAME = "mydigitalstructure.aws.fleet"
    INVENTORY_FILE_SUFFIXES = ("fleet.yml", "fleet.yaml")

    def _do_fail(self, message: str) -> t.NoReturn:
        raise AnsibleParserError(message)

    def parse(self, inventory, loader, path, cache=True):
        try:
            super().parse(inventory, loader, path, cache=cache)
            self.check_options()
            cached, hosts = self.get_cached_result(path, cache)
            if not cached:
                hosts = self.query()
            self.populate(hosts)
            self.update_cached_result(path, cache, hosts)
        except InputError as error:
            raise AnsibleParserError(str(error)) from error
        except BOTO_ERRORS as error:
            raise AnsibleParserError(explain(error, {"profile": self.get_option("profile")})) from error

    def check_options(self) -> None:
        for state in self.get_option("states"):
            if state not in STATES:
                raise InputError(f"states: {state!r} is no state of an instance; those are {', '.join(STATES)}.")
        for name in self.get_option("hostnames"):
            if name not in NAMES and not name.startswith("tag:"):
                raise InputError(
                    f"hostnames: {name!r} is not known; those that are are {', '.join(NAMES)} and tag:KEY."
                )

    # asking

    def query(self) -> list[Host]:
        """The hosts of all regions, in the order of their ids; regions are asked at the same time."""
        regions = self.get_option("regions") or [self.region]
        for region in regions:
            check_region(region)
        # sessions are not for several threads, so clients are made here
        clients = [{service: self.regional(service, region) for service in self.services()} for region in regions]
        with concurrent.futures.ThreadPoolExecutor(len(regions)) as pool:
            answers = list(pool.map(self.query_region, regions, clients))
        return sorted((host for answer in answers for host in answer), key=lambda host: host["instance_id"])

    def services(self) -> list[str]:
        wanted = {"ec2": True, "autoscaling": self.get_option("lifecycle"), "elbv2": self.get_option("target_health")}
        return [service for service, asked in wanted.items() if asked]

    def regional(self, service: str, region: str):
        config = botocore.config.Config(retries={"mode": "adaptive", "max_attempts": 10}, max_pool_connections=16)
        client = self.client(service, region=region, config=config)
        check_endpoint(client.meta.endpoint_url)
        return client

    def query_region(self, region: str, clients: dict[str, t.Any]) -> list[Host]:
        hosts = self.sweep(clients["ec2"])
        for host in hosts:
            tags = host["instance_tags"]
            host["region"] = region
            host["role"] = tags.get(ROLE_TAG)
            host["auto_scaling_group"] = tags.get(GROUP_TAG)
            # a member of a group has the group's name tag, which is no name of its own
            host["declared_name"] = tags.get(NAME_TAG) if tags.get(KIND_TAG) == "instance" else None
        if "autoscaling" in clients and hosts:
            self.add_lifecycle(clients["autoscaling"], hosts)
        if "elbv2" in clients and hosts:
            self.add_health(clients["elbv2"], hosts)
        return hosts

    def sweep(self, ec2) -> list[Host]:
        filters = [*owned_filter(self.get_option("platform"))]
        filters.append({"Name": "instance-state-name", "Values": self.get_option("states")})
        for name, values in self.get_option("filters").items():
            filters.append(
                {"Name": name, "Values": [str(v) for v in (values if isinstance(values, list) else [values])]}
            )
        request = {"Filters": filters, "PaginationConfig": {"PageSize": PAGE}}
        if self.get_option("hostvars") == "full":
            reservations = pages(ec2, "describe_instances", "Reservations", **request)
            return [full_host(instance) for reservation in reservations for instance in reservation["Instances"]]
        lean = LeanPages()
        ec2.meta.events.register("before-parse.ec2.DescribeInstances", lean)
        pages(ec2, "describe_instances", "Reservations", **request)
        return lean.hosts

    @staticmethod
    def add_lifecycle(autoscaling, hosts: list[Host]) -> None:
        found = pages(autoscaling, "describe_auto_scaling_instances", "AutoScalingInstances")
        states = {item["InstanceId"]: item["LifecycleState"] for item in found}
        for host in hosts:
            host["lifecycle_state"] = states.get(host["instance_id"])

    def add_health(self, elbv2, hosts: list[Host]) -> None:
        groups = pages(elbv2, "describe_target_groups", "TargetGroups")
        arns = [group["TargetGroupArn"] for group in groups]
        tagged = [
            description
            for start in range(0, len(arns), TAGGED)
            for description in elbv2.describe_tags(ResourceArns=arns[start : start + TAGGED])["TagDescriptions"]
        ]
        ours = {}
        for item in tagged:
            tags = tags_of(item)
            if tags.get(PLATFORM_TAG) == self.get_option("platform"):
                ours[item["ResourceArn"]] = tags.get(ACCESS_POINT_TAG) or tags.get(NAME_TAG)
        by_id = {host["instance_id"]: host for host in hosts}
        for host in hosts:
            host["access_points"] = {}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda arn: elbv2.describe_target_health(TargetGroupArn=arn), sorted(ours))
            for arn, answer in zip(sorted(ours), answers):
                for target in answer["TargetHealthDescriptions"]:
                    host = by_id.get(target["Target"]["Id"])
                    if host:
                        seen, state = host["access_points"], target["TargetHealth"]["State"]
                        # an access point of several balancers is healthy only for those that all of them find so
                        if seen.get(ours[arn], "healthy") == "healthy":
                            seen[ours[arn]] = state

    # the inventory

    def populate(self, hosts: list[Host]) -> None:
        named = self.host_names(hosts)
        groups: dict[str, str] = {}
        strict, compose = self.get_option("strict"), self.get_option("compose")
        conditional, keyed = self.get_option("groups"), self.get_option("keyed_groups")
        for name, host in zip(named, hosts):
            self.inventory.add_host(name)
            for key, value in {**host, **self.connection(host)}.items():
                self.inventory.set_variable(name, key, value)
            for raw in self.group_names(host):
                group = groups.get(raw)
                if group is None:
                    group = groups[raw] = self.inventory.add_group(self._sanitize_group_name(raw))
                self.inventory.add_child(group, name)
            if compose:
                self._set_composite_vars(compose, host, name, strict=strict)
            if conditional:
                self._add_host_to_composed_groups(conditional, host, name, strict=strict)
            if keyed:
                self._add_host_to_keyed_groups(keyed, host, name, strict=strict)

    def host_names(self, hosts: list[Host]) -> list[str]:
        preferences = self.get_option("hostnames")

        def chosen(host: Host) -> str:
            for preference in preferences:
                tag = preference.removeprefix("tag:")
                field = "declared_name" if preference == "name" else preference
                value = host["instance_tags"].get(tag) if tag != preference else host.get(field)
                if value:
                    return value
            return host["instance_id"]

        names = [chosen(host) for host in hosts]
        count: dict[str, int] = {}
        for name in names:
            count[name] = count.get(name, 0) + 1
        return [name if count[name] == 1 else f"{name}-{host['instance_id']}" for name, host in zip(names, hosts)]

    def connection(self, host: Host) -> Host:
        address = self.get_option("address")
        if address == "ssm":
            return {
                "ansible_connection": "amazon.aws.aws_ssm",
                "ansible_aws_ssm_instance_id": host["instance_id"],
                "ansible_aws_ssm_region": host["region"],
            }
        value = host.get(f"{address}_ip_address")
        return {"ansible_host": value} if value else {}

    @staticmethod
    def group_names(host: Host) -> t.Iterator[str]:
        if host["role"]:
            yield f"role_{host['role']}"
        yield f"zone_{host['zone']}"
        if host.get("lifecycle_state"):
            yield f"lifecycle_{host['lifecycle_state']}"
        for access_point, state in host.get("access_points", {}).items():
            yield f"access_point_{access_point}"
            yield f"health_{state}"
