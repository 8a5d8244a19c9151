"""Modules that run in this process share their clients: to make one takes longer than a run."""

from __future__ import annotations

import os

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

MAKE = AnsibleAWSModule.client
WHO_AND_WHERE = ("access_key", "secret_key", "session_token", "profile", "endpoint_url")


@pytest.fixture(scope="session")
def clients():
    return {}


@pytest.fixture(autouse=True)
def kept_clients(monkeypatch, clients):
    """A client of the same service, region, credentials and retries is made once for all tests."""

    def client(self, service, *arguments, **options):
        environment = sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
        given = [self.params.get(name) for name in WHO_AND_WHERE]
        region = options.get("region", self.region)
        key = repr((service, region, environment, given, getattr(options.get("config"), "retries", None)))
        if key not in clients:
            clients[key] = MAKE(self, service, *arguments, **options)
        return clients[key]

    monkeypatch.setattr(AnsibleAWSModule, "client", client)


@pytest.fixture
def own_clients(monkeypatch):
    """Each run makes its clients, for a test that does something to them."""
    monkeypatch.setattr(AnsibleAWSModule, "client", MAKE)
