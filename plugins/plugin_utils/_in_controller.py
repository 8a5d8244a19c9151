# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module of ours in the controller's own process, where a process of its own would do the same.

Packing a module and starting a Python with boto3 for it takes longer than most of our modules work. A module that
speaks to AWS needs neither when it is to run on the controller itself, with the controller's interpreter, as the
user who runs Ansible. In every other case it is run as Ansible runs any module.

Ansible takes the action of a module's own name, so each module has a file in ``plugins/action`` that names this class.
Ansible imports an action once, before it forks the workers of its tasks. So what is loaded then is there in all of
them: boto3, the module's code, which Ansible's loader would compile anew in each worker, and AWS's service models.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import sys
import typing as t

from ansible import constants
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display

try:
    from botocore.loaders import JSONFileLoader, Loader
except ImportError:  # the module says what is missing
    Loader = None

try:
    from ansible.vars.clean import remove_internal_keys
except ImportError:  # ansible-core 2.21: what a module printed is an object that does it
    remove_internal_keys = None

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core 2.18
    patch_module_args = None

BASE = ("endpoints", "partitions", "sdk-default-configuration")
MODELS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
OPTION = "mydigitalstructure_aws_in_controller"
"""A variable; false makes every module run in a process of its own."""


if Loader is not None:

    class ModelFiles(JSONFileLoader):
        """Reads each of botocore's files once in the life of the process; every client asks for them anew."""

        def load_file(self, file_path: str) -> t.Any:
            return read_once(file_path)

    @functools.cache
    def read_once(file_path: str) -> t.Any:
        return JSONFileLoader().load_file(file_path)

    Loader.FILE_LOADER_CLASS = ModelFiles


def load(action: str, *services: str) -> None:
    """Load a module's code and the models of the services that it speaks to.

    :arg action: the name of the action's module.
    """
    # what cannot be imported the module itself reports
    with contextlib.suppress(ImportError):
        importlib.import_module("ansible_collections.amazon.aws.plugins.module_utils.modules")
        importlib.import_module(action.replace(".plugins.action.", ".plugins.modules."))
    if Loader is None:
        return
    loader = Loader()
    for name in BASE:
        loader.load_data(name)
    for model in MODELS:
        for service in set(services).intersection(available(model)):
            loader.load_service_model(service, model)


@functools.cache
def available(model: str) -> list[str]:
    """The services that have such a model."""
    return Loader().list_available_services(model)


class ActionModule(NormalAction):
    """Ansible's ordinary action, with another way to execute the module."""

    def _execute_module(self, *args: t.Any, **options: t.Any) -> dict[str, t.Any]:
        task_vars = options.get("task_vars") or {}
        reason = self.hindrance(task_vars)
        if reason:
            Display().vvv(f"{self._task.action}: in a process of its own, because {reason}")
            return super()._execute_module(*args, **options)
        return self.run_here(task_vars)

    def hindrance(self, task_vars: t.Mapping[str, t.Any]) -> str:
        """Why the module cannot run in this process; empty when it can."""
        interpreter = self._templar.template(task_vars.get("ansible_python_interpreter"))
        reasons = {
            "ansible-core is older than 2.19": patch_module_args is None,
            f"{OPTION} is false": not self._templar.template(task_vars.get(OPTION, True)),
            "the connection is not local": self._connection.transport != "local",
            "the task is delegated": bool(self._task.delegate_to),
            "it is to become another user": self._connection.become is not None,
            "it is asynchronous": bool(self._task.async_val),
            "it has an environment": any(self._task.environment or []),
            "its files are to be kept": constants.DEFAULT_KEEP_REMOTE_FILES,
            f"its interpreter is {interpreter}": interpreter != sys.executable,
        }
        return next((reason for reason, applies in reasons.items() if applies), "")

    def run_here(self, task_vars: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Call the module's ``main`` with the arguments that Ansible would have packed, and read what it prints."""
        name, arguments = self._task.action, dict(self._task.args)
        self._update_module_args(name, arguments, task_vars)
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            name, collection_list=self._task.collections
        )
        module = importlib.import_module(found.plugin_resolved_name)
        printed = io.StringIO()
        with patch_module_args(arguments), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            module.main()
        result = self._parse_returned_data({"stdout": printed.getvalue(), "stderr": "", "rc": 0}, "legacy")
        if remove_internal_keys is None:
            result.remove_internal_keys()
            return result.as_result_dict(for_round_trip=True)
        remove_internal_keys(result)
        return result
