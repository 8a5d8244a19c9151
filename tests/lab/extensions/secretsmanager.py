"""Secrets Manager: the label AWSCURRENT says which version is current; a version without a label is not told."""

from __future__ import annotations

from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

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


def install() -> None:
    wrap(SecretsManagerBackend, "update_secret_version_stage", update_stage)
    wrap(FakeSecret, "_form_version_ids_to_stages", labelled)
