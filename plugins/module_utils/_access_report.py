# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM, read for a report: few calls for the account, and two or three for each user or role whose use is asked."""

from __future__ import annotations

import concurrent.futures
import csv
import functools
import io
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_findings import (
    SERVICE_LINKED,
    Gathered,
    Item,
    report,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    ITEM_ERRORS,
    AnsibleAWSModule,
    client,
    explain,
    pages,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

WORKERS = 8
LISTS = {
    "users": ("UserDetailList", "UserName"),
    "groups": ("GroupDetailList", "GroupName"),
    "roles": ("RoleDetailList", "RoleName"),
    "policies": ("Policies", "Arn"),
}


def credentials(iam, timeout: float) -> tuple[dict[str, dict[str, str]], t.Any]:
    """The credential report's rows by user, and when AWS made it, which may be up to four hours ago."""
    state = poll(lambda: iam.generate_credential_report()["State"], lambda found: found == "COMPLETE", timeout)
    if state != "COMPLETE":
        raise InputError(
            f"timeout: AWS did not make the credential report within {timeout} seconds; allow more, or try again later."
        )
    answer = iam.get_credential_report()
    rows = csv.DictReader(io.StringIO(answer["Content"].decode()))
    return {row["user"]: row for row in rows}, answer["GeneratedTime"]


def details(iam) -> dict[str, dict[str, Item]]:
    """Every user, group, role and policy with its documents, by name (policies by ARN)."""
    found: dict[str, dict[str, Item]] = {kind: {} for kind in LISTS}
    for page in iam.get_paginator("get_account_authorization_details").paginate():
        for kind, (key, name) in LISTS.items():
            found[kind].update({item[name]: item for item in page.get(key) or []})
    return found


def password_policy(iam) -> Item | None:
    try:
        return iam.get_account_password_policy()["PasswordPolicy"]
    except is_boto3_error_code("NoSuchEntity"):
        return None


def last_accessed(iam, arn: str, timeout: float) -> list[Item]:
    """The services that an identity's policies allow, with when each was last used."""
    job = iam.generate_service_last_accessed_details(Arn=arn)["JobId"]
    ask = functools.partial(iam.get_service_last_accessed_details, JobId=job)
    answer = poll(ask, lambda found: found["JobStatus"] != "IN_PROGRESS", timeout)
    if answer["JobStatus"] != "COMPLETED":
        reason = (answer.get("Error") or {}).get("Message") or f"it was not ready within {timeout} seconds"
        raise InputError(reason)
    services = list(answer["ServicesLastAccessed"])
    # botocore has no paginator for it
    while answer.get("IsTruncated"):
        answer = ask(Marker=answer["Marker"])
        services += answer["ServicesLastAccessed"]
    return services


def asked(gathered: Gathered, options: t.Mapping[str, t.Any]) -> list[str]:
    """The ARNs whose use is asked for: of the users and roles so named or, without names, all; sorted."""
    there = {**gathered.roles, **gathered.users}
    names = options["last_accessed"]
    for name in names:
        if name not in there:
            raise InputError(f"last_accessed: {name!r} is neither a user nor a role of the account.")
    arns = [item["Arn"] for item in (*gathered.users.values(), *gathered.roles.values())]
    if names:
        arns = [arn for arn in arns if arn.rpartition("/")[2] in names]
    return sorted(arn for arn in arns if SERVICE_LINKED not in arn)


def gather(iam, options: t.Mapping[str, t.Any]) -> Gathered:
    timeout = options["timeout"]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        rows = pool.submit(credentials, iam, timeout)
        everything = pool.submit(details, iam)
        summary = pool.submit(lambda: iam.get_account_summary()["SummaryMap"])
        devices = pool.submit(pages, iam, "list_virtual_mfa_devices", "VirtualMFADevices")
        policy = pool.submit(password_policy, iam)
        aliases = pool.submit(pages, iam, "list_account_aliases", "AccountAliases")
        found, generated = rows.result()
        gathered = Gathered(
            generated,
            **everything.result(),
            credentials=found,
            summary=summary.result(),
            devices=devices.result(),
            password_policy=policy.result(),
            alias=next(iter(aliases.result()), None),
        )
        arns = asked(gathered, options)
        chosen = arns[: options["last_accessed_limit"]]
        gathered.not_asked = len(arns) - len(chosen)
        jobs = {arn: pool.submit(last_accessed, iam, arn, timeout) for arn in chosen}
        for arn, job in jobs.items():
            try:
                gathered.accessed[arn] = job.result()
            except ITEM_ERRORS as error:
                # one identity that cannot be told is no reason to tell nothing of the others
                gathered.not_accessed[arn] = explain(error)
    return gathered


def check(options: t.Mapping[str, t.Any]) -> None:
    """Refuse thresholds that mean nothing."""
    for name in ("key_days", "unused_days", "root_days", "password_length", "last_accessed_limit", "timeout"):
        if options[name] < 0:
            raise InputError(f"{name}: {options[name]} is not allowed; it is 0 or more.")
    for account in options["trusted_accounts"]:
        if not (account.isdecimal() and len(account) == 12):
            raise InputError(f"trusted_accounts: {account!r} is not an account's number of 12 digits (in quotes).")


def work(module: AnsibleAWSModule) -> tuple[None, Item]:
    """No plan, because nothing is changed, and the report."""
    check(module.params)
    return None, report(gather(client(module, "iam"), module.params), module.params)
