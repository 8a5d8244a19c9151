"""Fixtures: the collection's playbooks, run as an operator does."""

from __future__ import annotations

import functools

import pytest

from tests.playbooks.runner import run_playbook


@pytest.fixture
def playbook(tmp_path):
    """Run a playbook of the collection on the lab's inventory; ``variables`` become extra vars."""
    return functools.partial(run_playbook, tmp_path)
