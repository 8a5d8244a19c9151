"""Secrets Manager: the label AWSCURRENT says which version is current; a version without a label is not told."""

from __future__ import annotations

import json

from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

from ..clock import CLOCK
from .hosts import wrap


def update_stage(original, self: SecretsManagerBackend, secret_id: str, **options: str) -> tuple[str, str]:
    answer = original(self, secret_id, **options)
    secret = self.secrets[secret_id]
    secret.set_default_version_id(
        next((name for name, version in secret.versions.items() if "AWSCURRENT" in version["version_stages"]), None)
    )
    return answer


def labelled(original, self: FakeSecret) -> dict[str, list[str]]:
    return {name: stages for name, stages in original(self).items() if stages}


def add_secret(original, self: SecretsManagerBackend, *asked, **options):
    """A version is as old as the lab's clock says."""
    answer = original(self, *asked, **options)
    for version in answer[0].versions.values():
        version.setdefault("lab_created", int(CLOCK.now()))
        version["createdate"] = version["lab_created"]
    return answer


def list_versions(original, self: SecretsManagerBackend, secret_id: str) -> str:
    """moto says of every version that it was made just now."""
    told, versions = json.loads(original(self, secret_id)), self.secrets[secret_id].versions
    for item in told["Versions"]:
        item["CreatedDate"] = versions[item["VersionId"]]["createdate"]
    del told["NextToken"]
    return json.dumps({**told, "Versions": [item for item in told["Versions"] if item["VersionStages"]]})


def install() -> None:
    wrap(SecretsManagerBackend, "_add_secret", add_secret)
    wrap(SecretsManagerBackend, "list_secret_version_ids", list_versions)
    wrap(SecretsManagerBackend, "update_secret_version_stage", update_stage)
    wrap(FakeSecret, "_form_version_ids_to_stages", labelled)
