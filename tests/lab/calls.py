"""Who called what: the name of each request, and the log that tests read and count.

A logged call is a plain dict::

    {time: float (seconds since the epoch), service: "ec2", operation: "DescribeVpcs", region: "ap-southeast-2",
     caller: access key id, account: account id, status: int (HTTP), error: AWS's error code or None,
     seconds: float (inside the server), mutating: bool, bytes: int (length of the answer's body)}

``service`` is botocore's name of it (``elbv2``, not the signing name ``elasticloadbalancing``).
"""

from __future__ import annotations

import functools
import json
import os
import re
import threading
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from moto.core.request import Request
from moto.core.routing import NotFound, get_service_router

# Signing names that differ from botocore's name of the service, where one signing name has one service.
BOTOCORE_NAMES = {
    "autoscaling-plans": "autoscaling-plans",
    "elasticfilesystem": "efs",
    "elasticmapreduce": "emr",
    "email": "ses",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}

# Operations that change nothing, by the first word of their names. Anything else counts as changing something.
READING = re.compile(
    r"(Describe|List|Get|Search|Head|Lookup|Query|Scan|BatchGet|BatchDescribe|TransactGet|Select|Simulate|Test|Check"
    r"|Estimate|Preview|Validate|Verify|AssumeRole|Decode|Decrypt)(?=[A-Z]|$)"
)
# What begins with such a word and does change something.
MUTATING_ALL_THE_SAME = frozenset(
    {"VerifyEmailIdentity", "VerifyEmailAddress", "VerifyDomainIdentity", "VerifyDomainDkim"}
)
REPUTATION = re.compile(
    r"/v2/email/reputation/entities/(?P<type>[^/?]+)/(?P<reference>[^/?]+)(/(?P<rest>customer-managed-status|policy))?(\?|$)"
)
REPUTATION_OPERATIONS = {
    None: "GetReputationEntity",
    "customer-managed-status": "UpdateReputationEntityCustomerManagedStatus",
    "policy": "UpdateReputationEntityPolicy",
}


@dataclass(frozen=True)
class Identity:
    """What one HTTP request asks for; ``service`` and ``operation`` are "unknown" where that cannot be told."""

    service: str
    operation: str
    region: str
    caller: str
    dry_run: bool = False
    # EC2 Describe* calls: whether the request narrows or pages what it asks for (quotas differ).
    narrowed: bool = False

    @property
    def mutating(self) -> bool:
        """Whether the call would change something; a DryRun never does."""
        return is_mutating(self.operation) and not self.dry_run


def is_mutating(operation: str) -> bool:
    """Whether an operation, by its name, changes something."""
    return operation in MUTATING_ALL_THE_SAME or not READING.match(operation)


@functools.cache
def _router(service: str):
    return get_service_router(service)


def _botocore_name(signing_name: str, path: str, target: str, form: dict[str, str]) -> str:
    if signing_name == "elasticloadbalancing":
        return "elbv2" if form.get("Version") == "2015-12-01" else "elb"
    if signing_name == "ses":
        return "sesv2" if path.startswith("/v2/") else "ses"
    if signing_name == "dynamodb":
        return "dynamodbstreams" if target.startswith("DynamoDBStreams") else "dynamodb"
    if signing_name == "autoscaling" and target:
        return "autoscaling-plans" if "Plan" in target else "application-autoscaling"
    return BOTOCORE_NAMES.get(signing_name, signing_name)


def identify(environ: dict, body: bytes) -> Identity:
    """Name the service and the operation of a request (a WSGI environ and its whole body)."""
    caller, region, signing_name = _credential_scope(environ)
    path = environ["PATH_INFO"]
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    form: dict[str, str] = {}
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif "Action=" in environ.get("QUERY_STRING", ""):
        form = dict(urllib.parse.parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    service = _botocore_name(signing_name, path, target, form)
    if form.get("Action"):
        return Identity(
            service,
            form["Action"],
            region,
            caller,
            dry_run=form.get("DryRun", "").lower() == "true",
            narrowed=any(
                name == "MaxResults" or name.startswith(("Filter.", "NextToken")) or ".1" in name for name in form
            ),
        )
    if target:
        return Identity(service, target.rpartition(".")[2], region, caller)
    if "/operation/" in path:  # Smithy RPC: /service/<Service>/operation/<Operation>
        return Identity(service, path.rpartition("/")[2], region, caller)
    found = sesv2_operation(environ)
    if found:
        return Identity(service, found[0], region, caller)
    try:
        operation, _arguments = _router(service).match(Request(environ))
        return Identity(service, operation.name, region, caller)
    except (NotFound, NotImplementedError, LookupError, ValueError, OSError):
        return Identity(service, "unknown", region, caller)


def sesv2_operation(environ: dict) -> tuple[str, dict[str, str]] | None:
    """SES v2's operation where botocore's paths do not tell it, with its parameters in the path; None for the others.

    A reputation entity is an ARN, whose slashes a router takes for those of the path once it is decoded. Lists have
    paths of their own since botocore 1.43.105, and AWS answers those of before too, which the AWS CLI asks.
    """
    listed = EARLIER_LISTS.get((environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")))
    if listed:
        return listed, {}
    found = REPUTATION.match(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    if not found:
        return None
    reference = urllib.parse.unquote(found["reference"])
    operation = REPUTATION_OPERATIONS[found["rest"]]
    return operation, {"ReputationEntityType": found["type"], "ReputationEntityReference": reference}


EARLIER_LISTS = {
    ("GET", "/v2/email/identities"): "ListEmailIdentities",
    ("GET", "/v2/email/configuration-sets"): "ListConfigurationSets",
}


def _credential_scope(environ: dict) -> tuple[str, str, str]:
    """(access key id, region, signing name) of a request signed with SigV4, in its header or its query string."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    found = re.search(r"Credential=([^,\s]+)", authorization)
    if found:
        scope = found.group(1)
    else:
        query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
        scope = query.get("X-Amz-Credential", [""])[0]
    parts = scope.split("/")
    return (parts[0], parts[2], parts[3].lower()) if len(parts) == 5 else ("", "", "unknown")


def error_code(status: int, headers: list[tuple[str, str]], body: bytes) -> str | None:
    """AWS's error code in an answer, or None when it is not an error."""
    if status < 400:
        return None
    for name, value in headers:
        if name.lower() == "x-amzn-errortype":
            return value.partition(":")[0].rpartition("#")[2]
    text = body[:4096].decode("utf-8", "replace")
    found = re.search(r"<Code>([^<]*)</Code>", text) or re.search(r'"(?:__type|code)"\s*:\s*"([^"]*)"', text)
    return found.group(1).rpartition("#")[2] if found else str(status)


def _opened(path: Path):
    """A file that stays open as long as its log."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)


class CallLog:
    """Every API call since the last clear(): in memory, and a line of JSON each in a file for people."""

    def __init__(self, path: Path | None):
        self._calls: list[dict] = []
        self._lock = threading.Lock()
        self._file = _opened(path) if path else None

    def add(self, call: dict) -> None:
        line = json.dumps(call, separators=(",", ":"))
        with self._lock:
            self._calls.append(call)
            if self._file:
                self._file.write(line + "\n")

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            if self._file:
                self._file.seek(0)
                self._file.truncate()

    def calls(self, since: int = 0) -> list[dict]:
        """The calls from number ``since`` on, oldest first."""
        with self._lock:
            return self._calls[since:]


def summary(calls: list[dict]) -> list[tuple[str, str, int, int, float]]:
    """(service, operation, calls, of which failed, seconds) for each operation, sorted by its name."""
    table: dict[tuple[str, str], list] = {}
    for call in calls:
        row = table.setdefault((call["service"], call["operation"]), [0, 0, 0.0])
        row[0] += 1
        row[1] += call["error"] is not None
        row[2] += call["seconds"]
    return [(*key, *row) for key, row in sorted(table.items())]
