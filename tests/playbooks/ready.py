"""What a playbook loads before it does anything, loaded once: the process that tests fork their playbooks from.

Ansible's and boto3's code, and AWS's service models. On two cores this halves the time of the tests of playbooks. It is
not how an operator starts them, but from there on it is the same: Ansible's own entry point with the same arguments
and environment, in a process of its own. The scenarios and the tests that need other settings start the command itself.
"""

from __future__ import annotations

import gc
import importlib
import os
import pathlib
import sys
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["ANSIBLE_CONFIG"] = str(ROOT / "tests/ansible.cfg")
os.environ["ANSIBLE_STDOUT_CALLBACK"] = "ansible.posix.json"

MODULES = (
    "ansible.cli.playbook",
    "ansible.executor.playbook_executor",
    "ansible.plugins.callback.default",
    "ansible.plugins.connection.local",
    "ansible.plugins.loader",
    "ansible.plugins.strategy.linear",
    "publicsuffixlist",
)


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
# whoever initializes it again, as each playbook does, is told so
warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
sys.modules["ansible.plugins.loader"].init_plugin_loader()
# with an action comes its module, and AWS's models of what it speaks to
for path in sorted((ROOT / "plugins/action").glob("*.py")):
    importlib.import_module(f"ansible_collections.mydigitalstructure.aws.plugins.action.{path.stem}")
SETTINGS = settings()
gc.freeze()  # what is here is shared with every fork, and no collection writes to it
