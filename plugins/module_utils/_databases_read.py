# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What RDS tells of a platform's databases, in the form in which they are wanted; and what RDS has to offer."""

from __future__ import annotations

import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    KIND_TAG,
    NAME_TAG,
    PLATFORM_TAG,
    changeable,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_input import (
    DATABASE,
    PARAMETERS,
    REPLICA,
    SUBNETS,
    Wanted,
    numbers,
    satisfied,
    spoken,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    Fields,
    InputError,
    concurrently,
)

READY = ("available", "storage-optimization")
"""Statuses in which an instance can be changed."""
GONE = "deleting"
FAILED = (
    "failed",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "insufficient-capacity",
    "stopped",
    "stopping",
    "storage-full",
)
"""Statuses that no waiting changes; a person has to look."""
WORKERS = 4
AWS_NAMES = {
    "engine": "Engine",
    "engine_version": "EngineVersion",
    "instance_class": "DBInstanceClass",
    "storage": "AllocatedStorage",
    "storage_type": "StorageType",
    "iops": "Iops",
    "throughput": "StorageThroughput",
    "multi_az": "MultiAZ",
    "encrypted": "StorageEncrypted",
    "kms_key": "KmsKeyId",
    "public": "PubliclyAccessible",
    "iam_authentication": "IAMDatabaseAuthenticationEnabled",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "copy_tags_to_snapshots": "CopyTagsToSnapshot",
    "maintenance_window": "PreferredMaintenanceWindow",
    "backup_window": "PreferredBackupWindow",
    "backup_retention_days": "BackupRetentionPeriod",
    "deletion_protection": "DeletionProtection",
    "ca_certificate": "CACertificateIdentifier",
    "master_username": "MasterUsername",
    "database_name": "DBName",
    "source": "ReadReplicaSourceDBInstanceIdentifier",
}
"""Fields that DescribeDBInstances tells in the same form, under these names."""
PENDING = {
    **{
        field: AWS_NAMES[field]
        for field in (
            "engine_version",
            "instance_class",
            "storage",
            "storage_type",
            "iops",
            "throughput",
            "multi_az",
            "backup_retention_days",
            "ca_certificate",
            "iam_authentication",
        )
    },
    "port": "Port",
}
"""Fields that may wait for the maintenance window, under their names in PendingModifiedValues."""


class Observed(t.NamedTuple):
    """What is there.

    ``items`` are all instances of the account as described, by identifier; ``subnet_groups`` and ``parameter_groups``
    fields of those that are declared or ours, by name; ``foreign`` the names of declared things that are not ours.
    """

    items: dict[str, dict[str, t.Any]]
    subnet_groups: dict[str, Fields]
    parameter_groups: dict[str, Fields]
    foreign: dict[str, str]
    secrets: t.Collection[str] = ()
    """Names of our secrets: of declared databases those that hold a current password, or all that are there."""


# --- instances ------------------------------------------------------------------------------------------------------


def pending(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The fields that wait to be applied, with what they will be."""
    waiting = item.get("PendingModifiedValues") or {}
    return {field: waiting[name] for field, name in PENDING.items() if waiting.get(name) is not None}


def instance_fields(item: t.Mapping[str, t.Any], *, applied: bool = False) -> dict[str, t.Any]:
    """A described instance in the form in which it is wanted.

    :arg applied: what is in force; otherwise what waits counts as done.
    """
    secret = item.get("MasterUserSecret")
    endpoint = item.get("Endpoint") or {}
    fields = {
        **{field: item.get(name) for field, name in AWS_NAMES.items()},
        # while it is being made there is no endpoint
        "port": endpoint.get("Port") or item.get("DbInstancePort"),
        "storage_max": item.get("MaxAllocatedStorage") or 0,
        "security_groups": sorted(
            group["VpcSecurityGroupId"]
            for group in item.get("VpcSecurityGroups") or []
            if group["Status"] != "removing"
        ),
        "subnet_group": (item.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
        "parameter_group": next(
            (group["DBParameterGroupName"] for group in item.get("DBParameterGroups") or []),
            None,
        ),
        "performance_insights_days": (item.get("PerformanceInsightsRetentionPeriod") or 7)
        if item.get("PerformanceInsightsEnabled")
        else 0,
        "log_exports": exported(item),
        # whether there is a secret of ours, the plan knows
        "credentials": "rds" if secret else "none",
        "secret_kms_key": (secret or {}).get("KmsKeyId"),
        "tags": changeable(tags_of(item, "TagList")),
    }
    return fields if applied else {**fields, **pending(item)}


def exported(item: t.Mapping[str, t.Any]) -> list[str]:
    """The logs that go to CloudWatch, or will."""
    changing = (item.get("PendingModifiedValues") or {}).get("PendingCloudwatchLogsExports") or {}
    present = set(item.get("EnabledCloudwatchLogsExports") or [])
    return sorted(
        (present | set(changing.get("LogTypesToEnable") or [])) - set(changing.get("LogTypesToDisable") or [])
    )


def owned(tags: t.Mapping[str, str], platform: str, kinds: t.Collection[str]) -> bool:
    return tags.get(PLATFORM_TAG) == platform and tags.get(KIND_TAG) in kinds


class Reader:
    """Asks RDS."""

    def __init__(self, rds, platform: str) -> None:
        self.rds, self.platform = rds, platform

    def instances(self) -> dict[str, dict[str, t.Any]]:
        return {item["DBInstanceIdentifier"]: item for item in pages(self.rds, "describe_db_instances", "DBInstances")}

    def instance(self, identifier: str) -> dict[str, t.Any] | None:
        """An instance as it is now; None once it is gone."""
        try:
            return self.rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
        except is_boto3_error_code(("DBInstanceNotFound", "DBInstanceNotFoundFault")):
            return None

    def tags(self, arn: str) -> dict[str, str]:
        return changeable(tags_of(self.rds.list_tags_for_resource(ResourceName=arn), "TagList"))

    def subnet_groups(self) -> dict[str, dict[str, t.Any]]:
        found = pages(self.rds, "describe_db_subnet_groups", "DBSubnetGroups")
        return {item["DBSubnetGroupName"]: item for item in found}

    def parameter_groups(self) -> dict[str, dict[str, t.Any]]:
        found = pages(self.rds, "describe_db_parameter_groups", "DBParameterGroups")
        return {item["DBParameterGroupName"]: item for item in found}

    def parameters(self, group: str) -> dict[str, str]:
        """What a group sets otherwise than the engine does."""
        found = pages(self.rds, "describe_db_parameters", "Parameters", DBParameterGroupName=group, Source="user")
        return {item["ParameterName"]: spoken(item.get("ParameterValue", "")) for item in found}

    def defaults(self, family_name: str) -> dict[str, dict[str, t.Any]]:
        """A family's parameters by name. botocore pages over them beneath ``EngineDefaults``."""
        paginator = self.rds.get_paginator("describe_engine_default_parameters")
        return {
            item["ParameterName"]: item
            for page in paginator.paginate(DBParameterGroupFamily=family_name)
            for item in page["EngineDefaults"].get("Parameters") or []
        }


def observe(reader: Reader, wanted: t.Mapping[str, Wanted], everything: bool) -> Observed:
    """Read what is declared; with ``everything`` also all groups that are the platform's."""
    items, subnet_groups, parameter_groups = concurrently(
        reader.instances, reader.subnet_groups, reader.parameter_groups, workers=WORKERS
    )
    foreign: dict[str, str] = {}
    for identifier, one in wanted.items():
        for name, kind, declared in (
            (identifier, DATABASE, one.fields["tags"][NAME_TAG]),
            *((name, REPLICA, fields["tags"][NAME_TAG]) for name, fields in one.replicas.items()),
        ):
            tags = tags_of(items.get(name) or {}, "TagList")
            if name in items and (not owned(tags, reader.platform, [kind]) or tags.get(NAME_TAG) != declared):
                foreign[name] = kind

    def groups(
        found: t.Mapping[str, t.Mapping[str, t.Any]], kind: str, arn: str, declared: t.Collection[str]
    ) -> dict[str, dict[str, str]]:
        """Those that are declared or ours, with their tags."""
        # the groups that RDS itself makes begin with "default"
        names = [name for name in found if name in declared or (everything and not name.startswith("default"))]
        tags = concurrently(*[lambda n=n: reader.tags(found[n][arn]) for n in names], workers=WORKERS)
        told = dict(zip(names, tags))
        for name in declared:
            if name in told and not owned(told[name], reader.platform, [kind]):
                foreign[name] = kind
        return {name: one for name, one in told.items() if owned(one, reader.platform, [kind])}

    ours = groups(subnet_groups, SUBNETS, "DBSubnetGroupArn", list(wanted))
    declared = [one.parameter_group for one in wanted.values()]
    sets = groups(parameter_groups, PARAMETERS, "DBParameterGroupArn", declared)
    shown = [name for name in declared if name in sets]
    values = dict(zip(shown, concurrently(*[lambda n=n: reader.parameters(n) for n in shown], workers=WORKERS)))
    return Observed(
        items,
        {
            name: {
                "subnets": sorted(subnet["SubnetIdentifier"] for subnet in subnet_groups[name]["Subnets"]),
                "tags": tags,
            }
            for name, tags in ours.items()
        },
        {
            name: {
                "family": parameter_groups[name]["DBParameterGroupFamily"],
                "parameters": values.get(name, {}),
                "tags": tags,
            }
            for name, tags in sets.items()
        },
        foreign,
    )


# --- what RDS has to offer ------------------------------------------------------------------------------------------


class Catalogue:
    """Versions, classes and logs that RDS has in this region; asked only when something is to change."""

    def __init__(self, rds) -> None:
        self.rds = rds

    def versions(self, **asked: str) -> list[dict[str, t.Any]]:
        return pages(self.rds, "describe_db_engine_versions", "DBEngineVersions", **asked)

    def newest(self, engine: str, version: str, where: str) -> dict[str, t.Any]:
        """The version, or the newest of a major one; :class:`InputError` when RDS has none."""
        found = self.versions(Engine=engine, EngineVersion=version)
        if not found:
            known = {item["EngineVersion"] for item in self.versions(Engine=engine)}
            raise InputError(
                f"{where}: engine_version {version!r} is not one that RDS has for {engine}; it has "
                f"{', '.join(sorted(known, key=numbers))}."
            )
        return max(found, key=lambda item: numbers(item["EngineVersion"]))

    def upgrade(self, engine: str, present: str, wanted: str, where: str) -> dict[str, t.Any]:
        """The version to upgrade to; :class:`InputError` when there is no way from one to the other."""
        found = self.versions(Engine=engine, EngineVersion=present)
        targets = [target for item in found for target in item.get("ValidUpgradeTarget") or []]
        fitting = [target for target in targets if satisfied(wanted, target["EngineVersion"])]
        if not fitting:
            ways = ", ".join(sorted({target["EngineVersion"] for target in targets}, key=numbers))
            raise InputError(
                f"{where}: engine_version cannot be changed from {present} to {wanted} in one step; AWS allows "
                f"{ways or 'none'}."
            )
        target = max(fitting, key=lambda item: numbers(item["EngineVersion"]))
        return self.newest(engine, target["EngineVersion"], where)

    def check(self, fields: Fields, version: t.Mapping[str, t.Any], where: str) -> None:
        """Raise :class:`InputError` for what RDS does not have with this version."""
        logs = version.get("ExportableLogTypes") or []
        for log in fields["log_exports"]:
            if log not in logs:
                raise InputError(f"{where}: log_exports {log!r} is not allowed; {', '.join(logs) or 'none'} are.")
        authorities = version.get("SupportedCACertificateIdentifiers") or []
        if authorities and fields.get("ca_certificate") and fields["ca_certificate"] not in authorities:
            raise InputError(
                f"{where}: ca_certificate {fields['ca_certificate']!r} is not allowed; {', '.join(authorities)} are."
            )
        self.check_class(fields, version["EngineVersion"], where)

    def check_class(self, fields: Fields, version: str, where: str) -> None:
        offers = pages(
            self.rds,
            "describe_orderable_db_instance_options",
            "OrderableDBInstanceOptions",
            Engine=fields["engine"],
            EngineVersion=version,
            DBInstanceClass=fields["instance_class"],
            Vpc=True,
        )
        what = f"{fields['instance_class']} with {fields['engine']} {version}"
        if not offers:
            raise InputError(
                f"{where}: instance_class {fields['instance_class']!r} is not one that RDS has for {fields['engine']} "
                f"{version} in this region; `aws rds describe-orderable-db-instance-options` lists those that are."
            )
        fitting = [offer for offer in offers if offer.get("StorageType") == fields["storage_type"]]
        if not fitting:
            kinds = sorted({offer.get("StorageType", "") for offer in offers})
            raise InputError(
                f"{where}: storage_type {fields['storage_type']!r} is not allowed for {what}; {', '.join(kinds)} are."
            )
        for option, wanted, offered in (
            ("multi_az", fields["multi_az"], "MultiAZCapable"),
            ("iam_authentication", fields["iam_authentication"], "SupportsIAMDatabaseAuthentication"),
            ("performance_insights_days", fields["performance_insights_days"], "SupportsPerformanceInsights"),
            ("storage_max", fields["storage_max"], "SupportsStorageAutoscaling"),
        ):
            if wanted and not any(offer.get(offered, True) for offer in fitting):
                raise InputError(f"{where}: {option} {wanted} is not allowed; {what} cannot do that.")
