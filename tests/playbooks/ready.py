"""What a playbook loads before it does anything, loaded once: the process that tests fork their playbooks from.

Ansible's and boto3's code, and AWS's service models. On two cores this halves the time of the tests of playbooks. It is
not how an operator starts them, but from there on it is the same: Ansible's own entry point with the same arguments
and environment, in a process of its own. The scenarios and the tests that need other settings start the command itself.
"""

from __future__ import annotations

import functools
import gc
import importlib
import os
import pathlib
import sys
import warnings

import botocore.loaders

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["ANSIBLE_CONFIG"] = str(ROOT / "tests/ansible.cfg")
os.environ["ANSIBLE_STDOUT_CALLBACK"] = "ansible.posix.json"

MODULES = (
    "ansible.cli.playbook",
    "ansible.executor.playbook_executor",
    "ansible.plugins.action.normal",
    "ansible.plugins.callback.default",
    "ansible.plugins.connection.local",
    "ansible.plugins.loader",
    "ansible.plugins.strategy.linear",
    "boto3",
    "publicsuffixlist",
)
SERVICES = {
    "acm",
    "application-autoscaling",
    "autoscaling",
    "backup",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "elbv2",
    "iam",
    "kms",
    "rds",
    "resourcegroupstaggingapi",
    "route53",
    "s3",
    "s3control",
    "secretsmanager",
    "ses",
    "sesv2",
    "sns",
    "sqs",
    "sts",
}
MODELS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")


class LoadedOnce(botocore.loaders.JSONFileLoader):
    """Reads each of AWS's models once in the life of the process, and those forked from it."""

    load_file = functools.cache(botocore.loaders.JSONFileLoader.load_file)

    def __hash__(self) -> int:
        return hash(LoadedOnce)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoadedOnce)


def settings() -> dict[str, str | None]:
    """What Ansible reads while it is imported, so that another value needs another import."""
    return {name: os.environ[name] for name in sorted(os.environ) if name.startswith("ANSIBLE_")} | {
        name: os.environ.get(name) for name in ("HOME", "LANG", "LC_ALL", "TMPDIR")
    }


def main(command: list[str], environment: dict[str, str]) -> None:
    """Be this ansible-playbook; with settings of its own, by starting it."""
    os.environ.clear()
    os.environ.update(environment)
    if settings() != SETTINGS:
        os.execv(command[0], command)
    sys.argv = command
    sys.modules["ansible.cli.playbook"].main(command)


for module in MODULES:
    importlib.import_module(module)
# Ansible's loader of collections compiles them in each process
warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
sys.modules["ansible.plugins.loader"].init_plugin_loader()
for path in sorted((ROOT / "plugins/modules").glob("*.py")):
    importlib.import_module(f"ansible_collections.mydigitalstructure.aws.plugins.modules.{path.stem}")
botocore.loaders.Loader.FILE_LOADER_CLASS = LoadedOnce
loader = botocore.loaders.Loader()
for name in ("endpoints", "partitions", "sdk-default-configuration"):
    loader.load_data(name)
for model in MODELS:
    for service in SERVICES.intersection(loader.list_available_services(model)):
        loader.load_service_model(service, model)
SETTINGS = settings()
gc.freeze()  # what is here is shared with every fork, and no collection writes to it
