"""Fixtures: the embedded AWS, and our modules run in this process."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pathlib

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".build" / "collections"

os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
_AnsibleCollectionFinder(paths=[str(COLLECTIONS)])._install()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory):
    """One embedded AWS for the whole test session, on a free port."""
    from tests.lab.client import Lab

    server = Lab.start(state_dir=tmp_path_factory.mktemp("lab"), port=0)
    yield server
    server.stop()


@pytest.fixture
def lab(lab_server, monkeypatch):
    """The embedded AWS, empty, with its address and throw-away credentials in the environment."""
    lab_server.reset()
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    for name, value in lab_server.environment().items():
        monkeypatch.setenv(name, value)
    return lab_server


@pytest.fixture
def impatient(monkeypatch):
    """The lab needs looks, no time."""
    from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _wait

    monkeypatch.setattr(_wait.time, "sleep", lambda seconds: None)


@pytest.fixture
def clock(monkeypatch):
    """Time that only the pauses of a wait take. ``todo`` is what happens at pauses, by their numbers from 1 on."""
    from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _wait

    class Clock:
        def __init__(self):
            self.now, self.pauses, self.todo = 0.0, 0, {}

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now, self.pauses = self.now + seconds, self.pauses + 1
            self.todo.pop(self.pauses, lambda: None)()

    monkeypatch.setattr(_wait, "time", Clock())
    return _wait.time


@pytest.fixture
def run_module():
    """Run one of our modules in this process; returns what it printed, with ``failed`` always there."""

    def run(name: str, /, check: bool = False, **options) -> dict:
        module = importlib.import_module(f"ansible_collections.mydigitalstructure.aws.plugins.modules.{name}")
        output = io.StringIO()
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            module.main()
        return {"failed": False, **json.loads(output.getvalue().strip().splitlines()[-1])}

    return run
