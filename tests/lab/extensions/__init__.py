"""What moto lacks or does otherwise than AWS: one module a service, with install() and, if it keeps state, reset()."""

from __future__ import annotations

import functools
import importlib

MODULES = (
    "acm",
    "application_autoscaling",
    "autoscaling",
    "backup",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "elbv2",
    "hosts",
    "iam",
    "iam_entities",
    "iam_keys",
    "iam_mfa",
    "iam_reports",
    "launch_templates",
    "rds",
    "route53",
    "s3",
    "secretsmanager",
    "ses",
    "ssm",
    "tagging",
    "volumes",
)


@functools.cache
def _modules():
    return [importlib.import_module(f"{__name__}.{name}") for name in MODULES]


def install() -> None:
    """Put every extension into moto; once a process."""
    for module in _modules():
        module.install()


def reset() -> None:
    """Forget what extensions keep outside moto's backends."""
    for module in _modules():
        getattr(module, "reset", lambda: None)()


def tick(service: str) -> None:
    """Before a request to this service: let happen what the lab's clock says has happened meanwhile."""
    for module in _modules():
        if service in getattr(module, "TICKS_FOR", ()):
            module.tick()
