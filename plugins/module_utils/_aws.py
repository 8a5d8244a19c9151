# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every set module shares: options, clients, ownership by tag, and one sentence for each failure."""

from __future__ import annotations

import datetime
import difflib
import email.utils
import functools
import re
import socket
import typing as t
import urllib.parse
import urllib.request

try:
    import botocore.config
    import botocore.exceptions
    import botocore.loaders

    BOTO_ERRORS: tuple[type[Exception], ...] = (
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
    )
except ImportError:  # AnsibleAWSModule says what is missing
    BOTO_ERRORS = ()

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.iam import get_aws_account_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    Application,
    ApplyError,
    InputError,
    Plan,
    known,
)

PLATFORM_TAG = "mydigitalstructure:platform"
"""The tag that makes a thing ours; its value is the platform's name."""
NAME_TAG = "mydigitalstructure:name"
"""The tag with the name that the variables use, whatever people do to the Name tag."""
KIND_TAG = "mydigitalstructure:kind"
"""Where one service keeps several kinds of things of ours, the tag that says which one a thing is."""

ITEM_ERRORS = (*BOTO_ERRORS, AnsibleAWSError, InputError)
"""What an item's change may raise without the module being at fault."""


def set_module(
    options: dict[str, t.Any], *, state: bool = True, purge: bool = True, tags: bool = True, **settings: t.Any
) -> AnsibleAWSModule:
    """An AnsibleAWSModule with a set module's common options, check mode and a region that is known.

    :arg options: the module's own argument spec.
    :arg state: whether the module has ``state``.
    :arg purge: whether the module has ``purge`` and ``ignore``.
    :arg tags: whether the module has ``tags``.
    :arg settings: further arguments of AnsibleModule (``required_if`` ...).
    """
    spec: dict[str, t.Any] = {"platform": {"type": "str", "required": True}}
    if state:
        spec["state"] = {"type": "str", "choices": ["present", "absent"], "default": "present"}
    if tags:
        spec["tags"] = {"type": "dict", "default": {}}
    if purge:
        spec["purge"] = {"type": "bool", "default": False}
        spec["ignore"] = {"type": "list", "elements": "str", "default": []}
    module = AnsibleAWSModule(argument_spec={**spec, **options}, supports_check_mode=True, **settings)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,14}", module.params["platform"]):
        # load balancers and target groups have 32 characters for the platform's name and their own
        module.fail_json(
            msg=f"platform: {module.params['platform']!r} is not a name of 1 to 15 lower-case letters, digits "
            "and hyphens that starts with a letter."
        )
    return module


def check_region(region: str | None) -> None:
    """Raise :class:`InputError` unless botocore knows the region (in any partition)."""
    if not region:
        raise InputError("region: none is set; give the region option (platform_region) or AWS_REGION.")
    # a fiftieth of what the session's own list of regions reads
    partitions = botocore.loaders.Loader().load_data("partitions")["partitions"]
    regions = {name for partition in partitions for name in partition["regions"] if "-global" not in name}
    if region not in regions:
        near = difflib.get_close_matches(region, regions, n=3, cutoff=0.5) or sorted(regions)[:3]
        raise InputError(f"region: {region!r} is not a region that AWS has; near to it are {', '.join(near)}.")


def client(module: AnsibleAWSModule, service: str, retries: str = "adaptive", region: str | None = None):
    """A boto3 client whose calls, paginators and waiters wait out throttling.

    :arg retries: botocore's mode. ``adaptive`` slows down every call of the client when one is refused, as is right
        where the quota is one for all operations; ``standard`` only that call.
    :arg region: another one than the module's.
    """
    made = module.client(
        service,
        **({"region": region} if region else {}),
        config=botocore.config.Config(retries={"mode": retries, "max_attempts": 10}, max_pool_connections=16),
    )
    check_endpoint(made.meta.endpoint_url)
    return made


@functools.lru_cache
def check_endpoint(url: str) -> None:
    """Raise :class:`InputError` unless something listens there.

    Retries are meant for throttling; without this look they would try a wrong address for a minute. Behind a
    proxy only the proxy can tell, so nothing is asked.
    """
    address = urllib.parse.urlsplit(url)
    if urllib.request.getproxies().get(address.scheme):
        return
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=10).close()
    except OSError as error:
        raise InputError(
            f"endpoint_url: {url!r} does not answer ({error}); check it (AWS_ENDPOINT_URL) and the way to it."
        ) from error


def aws_time(answer: t.Mapping[str, t.Any]) -> datetime.datetime:
    """When AWS gave this answer, by its own clock (UTC, whole seconds): ours may be wrong."""
    return email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def if_there(call: t.Callable[..., t.Any], **options: t.Any) -> t.Any:
    """What a call tells of one thing; None when AWS does not know the thing."""
    try:
        return call(**options)
    except is_boto3_error_code(("NoSuchEntity", "ResourceNotFoundException")):
        return None


def pages(source, operation: str, key: str, **arguments: t.Any) -> list[dict[str, t.Any]]:
    """Every item of an operation that gives pages; see :func:`page_items`."""
    return list(page_items(source, operation, key, **arguments))


def page_items(source, operation: str, key: str, **arguments: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """The items of an operation that gives pages, with botocore's paginator or, where it has none, by ``NextToken``.

    One page is kept at a time, for those who keep only a part of each of thousands of items.

    :arg source: the client.
    :arg operation: the method's name, such as ``describe_subnets``.
    :arg key: where a page keeps its items, such as ``Subnets``.
    """
    try:
        paginator = source.get_paginator(operation)
    except botocore.exceptions.OperationNotPageableError:
        pass
    else:
        for page in paginator.paginate(**arguments):
            yield from page.get(key, [])
        return
    # botocore has no paginators for most of SES v2
    token: dict[str, str] = {}
    while True:
        page = getattr(source, operation)(**arguments, **token)
        yield from page.get(key, [])
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def owned_tags(platform: str, name: str, *extra: t.Mapping[str, str] | None) -> dict[str, str]:
    """The tags of a thing of ours: the declared ones, then ``Name``, the platform's and the declared name."""
    tags: dict[str, str] = {}
    for more in extra:
        tags.update({key: str(value) for key, value in (more or {}).items()})
    return {"Name": f"{platform}-{name}", **tags, PLATFORM_TAG: platform, NAME_TAG: name}


def owned_filter(platform: str) -> list[dict[str, t.Any]]:
    """The ``Filters`` of an EC2 or auto-scaling describe call that keep only what the platform owns."""
    return [{"Name": f"tag:{PLATFORM_TAG}", "Values": [platform]}]


class Place(t.NamedTuple):
    """Where an ARN lies."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, module: AnsibleAWSModule) -> Place:
        """The module's region, in the account that its credentials are of."""
        account, partition = get_aws_account_info(module)
        return cls(partition, module.region, account)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def changeable(tags: t.Mapping[str, str]) -> dict[str, str]:
    """Tags without those that AWS itself sets."""
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def tags_of(item: t.Mapping[str, t.Any], key: str = "Tags") -> dict[str, str]:
    """An API item's tag list as a dict; empty when it has none."""
    return boto3_tag_list_to_ansible_dict(item.get(key) or [])


def declared_name(tags: t.Mapping[str, str], platform: str) -> str | None:
    """The name that the variables use for a thing with these tags; None when the platform does not own it."""
    return tags.get(NAME_TAG) if tags.get(PLATFORM_TAG) == platform else None


def by_declared_name(items: t.Iterable[t.Mapping[str, t.Any]], platform: str, kind: str) -> dict[str, t.Any]:
    """Key API items by their declared name, leaving out what is not the platform's.

    Two things of one name are an :class:`InputError`: to choose one would orphan the other.
    """
    keyed: dict[str, t.Any] = {}
    for item in items:
        name = declared_name(tags_of(item), platform)
        if name is None:
            continue
        if name in keyed:
            raise InputError(
                f"{kind} {name}: two of them carry {PLATFORM_TAG}={platform} and {NAME_TAG}={name}; "
                "only one is allowed, so remove the tags from the one that is not used."
            )
        keyed[name] = item
    return keyed


def require_known(check_mode: bool, **values: t.Any) -> None:
    """Outside check mode, refuse :data:`KNOWN_AFTER_APPLY` where a request needs the real value."""
    for option, value in values.items():
        if not check_mode and value is not None and not known(value):
            raise InputError(
                f"{option}: {KNOWN_AFTER_APPLY!r} is allowed only in check mode; the real value is needed."
            )


def run(module: AnsibleAWSModule, work: t.Callable[[], tuple[Plan | None, dict[str, t.Any]]]) -> None:
    """Do a module's work and leave: with its result, or failed with one sentence.

    ``work`` returns the plan (applied unless in check mode; None when the module only reads) and the further keys of
    the result.
    """
    try:
        check_region(module.region)
        plan, result = work()
    except InputError as error:
        module.fail_json(msg=str(error))
    except ApplyError as error:
        module.fail_json(
            msg=str(error),
            changed=bool(error.done),
            done=[action.as_dict() for action in error.done],
            failed_actions=[{**action.as_dict(), "reason": reason} for action, reason in error.failed],
            not_done=[action.as_dict() for action in error.not_done],
        )
    except AnsibleAWSError as error:
        module.fail_json(msg=explain(error.exception, module.params) if error.exception else str(error))
    except BOTO_ERRORS as error:
        module.fail_json(msg=explain(error, module.params))
    else:
        told = {} if plan is None else {"diff": plan.as_diff(), "actions": plan.as_list()}
        module.exit_json(changed=bool(plan), invocation=invocation(module), **told, **result)


def invocation(module: AnsibleAWSModule) -> dict[str, t.Any]:
    """What Ansible tells of a module's options, without the sets: thousands of items need not come back as given."""
    return {"module_args": {name: value for name, value in module.params.items() if not isinstance(value, list)}}


def explain(error: Exception, options: t.Mapping[str, t.Any] | None = None) -> str:
    """One sentence for what boto3 raised: credentials and endpoints are named by how to set them."""
    options = options or {}
    if isinstance(error, (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError)):
        return (
            "AWS credentials: none were found; set access_key and secret_key, a profile (AWS_PROFILE), "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on a host with an instance role."
        )
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        return (
            f"profile: {options.get('profile')!r} is not in the AWS configuration; "
            "`aws configure list-profiles` names those that are."
        )
    if isinstance(error, (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)):
        address = error.kwargs.get("endpoint_url") or options.get("endpoint_url")
        return f"endpoint_url: {address!r} does not answer; check it (AWS_ENDPOINT_URL), the region and the way to it."
    if isinstance(error, botocore.exceptions.ClientError):
        detail = error.response.get("Error", {})
        reason, code = detail.get("Message", "no reason given"), detail.get("Code", "no code")
        return f"AWS refused {error.operation_name}: {reason} ({code})"
    if isinstance(error, botocore.exceptions.BotoCoreError):
        return f"AWS could not be asked: {error}"
    return str(error)


def application(plan: Plan, workers: int = 8) -> Application:
    """An :class:`Application` of the plan for which AWS's refusals are failures of the item."""
    return Application(plan, ITEM_ERRORS, workers, lambda error: explain(getattr(error, "exception", None) or error))
