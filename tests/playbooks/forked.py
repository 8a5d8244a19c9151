"""An ansible-playbook in a process forked from one that is ready to run it (see ``ready``)."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pathlib
import sys
import tempfile
import threading

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.playbooks.ready"])
ONE_AT_A_TIME = threading.Lock()
"""Starting a process also looks after those that have ended, which two threads must not do at once."""


def become(command: list[str], environment: dict[str, str], directory: str, output: str, errors: str) -> None:
    """In the forked process: be the command, the leader of a session of its own."""
    ready = sys.modules["tests.playbooks.ready"]  # a KeyError: it could not be imported, which the server does not say
    os.setsid()
    os.chdir(directory)
    for path, descriptor in ((output, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    ready.main(command, environment)


class Forked:
    """A command that was started; its output is there when it has ended."""

    def __init__(self, command: list[str], environment: dict[str, str], directory: pathlib.Path) -> None:
        self.files = tempfile.TemporaryDirectory()
        output, errors = (pathlib.Path(self.files.name, name) for name in ("stdout", "stderr"))
        self.output, self.errors = output, errors
        arguments = (command, environment, str(directory), str(output), str(errors))
        with ONE_AT_A_TIME:
            self.process = CONTEXT.Process(target=become, args=arguments)
            self.process.start()
        self.pid = self.process.pid

    def ended(self, seconds: float | None = None) -> bool:
        """Wait so long, or for ever, and tell whether it has ended."""
        return bool(multiprocessing.connection.wait([self.process.sentinel], seconds))

    def result(self) -> tuple[int, str, str]:
        """Wait for its end: its status, standard output and standard error."""
        self.ended()
        with ONE_AT_A_TIME, self.files:
            self.process.join()
            return self.process.exitcode, self.output.read_text(), self.errors.read_text()
