# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the names that the role ``fleet`` uses to what the modules ``fleet`` and ``instances`` take. All is pure."""

from __future__ import annotations

import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

Items = t.Mapping[str, t.Mapping[str, t.Any]]


def look_up(name: str, items: Items, variable: str) -> t.Mapping[str, t.Any]:
    """The item of this name; an unknown name is an :class:`InputError` with the variable and what there is."""
    if name not in items:
        allowed = ", ".join(sorted(items)) or "none"
        raise InputError(f"{variable}: {name!r} is not declared; allowed are {allowed}.")
    return items[name]


def values(names: t.Iterable[str], items: Items, variable: str, key: str = "id") -> list[t.Any]:
    """The named items' ``key``, in the names' order; lists are joined to one."""
    found: list[t.Any] = []
    for name in names:
        value = look_up(name, items, variable)[key]
        found += value if isinstance(value, list) else [value]
    return found


def in_tier(tier: str, subnets: Items, variable: str) -> list[str]:
    """The names of the subnets of a tier."""
    found = sorted(name for name, item in subnets.items() if item["tier"] == tier)
    if not found:
        allowed = ", ".join(sorted({item["tier"] for item in subnets.values()})) or "none"
        raise InputError(f"{variable}: there is no subnet of tier {tier!r}; allowed are {allowed}.")
    return found


def policies(
    scaling: t.Iterable[t.Mapping[str, t.Any]], load_balancers: Items, variable: str
) -> list[dict[str, t.Any]]:
    """Scaling policies whose ``load_balancer`` (a name) has become its ARN and that of its target group."""
    found = []
    for item in scaling:
        policy = {key: value for key, value in item.items() if key != "load_balancer"}
        if item.get("load_balancer"):
            balancer = look_up(item["load_balancer"], load_balancers, f"{variable} {item['name']}: load_balancer")
            policy.update(load_balancer_arn=balancer["arn"], target_group_arn=balancer["target_group_arn"])
        found.append(policy)
    return found


def hosts(
    instances: t.Iterable[t.Mapping[str, t.Any]],
    platform: str,
    subnets: Items,
    security_groups: Items,
    addresses: t.Mapping[str, t.Mapping[str, t.Any] | None],
    profiles: t.Collection[str],
    defaults: t.Mapping[str, t.Any],
    variable: str,
) -> list[dict[str, t.Any]]:
    """Instances whose subnet, security groups, address and instance profile (names) have become ids and AWS's names.

    :arg addresses: by name; one that is None does not exist, and the instance goes without.
    :arg profiles: the declared names of instance profiles.
    :arg defaults: what instances have that do not set it; an image of their own replaces that of the defaults.
    """
    found = []
    for item in instances:
        where = f"{variable} {item['name']}"
        spare = {k: v for k, v in defaults.items() if v is not None}
        if item.get("image_id") or item.get("image_parameter"):
            spare = {k: v for k, v in spare.items() if k not in ("image_id", "image_parameter")}
        host = {**spare, **{k: v for k, v in item.items() if k not in ("subnet", "security_groups")}}
        host["subnet_id"] = look_up(item["subnet"], subnets, f"{where}: subnet")["id"]
        host["security_group_ids"] = values(item["security_groups"], security_groups, f"{where}: security_groups")
        if item.get("address"):
            if item["address"] not in addresses:
                allowed = ", ".join(sorted(addresses)) or "none"
                raise InputError(f"{where}: address: {item['address']!r} is not declared; allowed are {allowed}.")
            address = addresses[item["address"]]
            host["address"] = address["allocation_id"] if address else None
        if item.get("instance_profile"):
            if item["instance_profile"] not in profiles:
                allowed = ", ".join(sorted(profiles)) or "none"
                raise InputError(
                    f"{where}: instance_profile: {item['instance_profile']!r} is not declared; allowed are {allowed}."
                )
            host["instance_profile"] = f"{platform}-{item['instance_profile']}"
        found.append({key: value for key, value in host.items() if value is not None})
    return found


def check(
    variables: t.Mapping[str, t.Any],
    network: t.Mapping[str, t.Any],
    security: t.Mapping[str, t.Any],
    balancers: t.Mapping[str, t.Any],
    profiles: t.Collection[str],
) -> None:
    """Raise :class:`InputError` for the first name in the role's variables that nothing has.

    :arg variables: the role's variables by their names; those that are not there are not looked at.
    :arg network: and ``security``, ``balancers``, what the modules returned.
    """
    subnets, groups = network["subnets"], security["security_groups"]
    values(variables.get("fleet_security_groups", []), groups, "fleet_security_groups")
    if variables.get("fleet_subnets"):
        values(variables["fleet_subnets"], subnets, "fleet_subnets")
    elif "fleet_subnet_tier" in variables:
        in_tier(variables["fleet_subnet_tier"], subnets, "fleet_subnet_tier")
    points = variables.get("fleet_access_points", [])
    values(points, balancers["access_points"], "fleet_access_points", "target_group_arns")
    policies(variables.get("fleet_scaling", []), balancers["load_balancers"], "fleet_scaling")
    instances = variables.get("fleet_instances", [])
    hosts(instances, "", subnets, groups, {"admin": None}, profiles, {}, "fleet_instances")
    if "fleet_instance_profile" in variables:
        look_up(variables["fleet_instance_profile"], dict.fromkeys(profiles, {}), "fleet_instance_profile")
