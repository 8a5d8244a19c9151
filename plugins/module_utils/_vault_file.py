# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that Ansible Vault encrypts for an operator.

The command ``ansible-vault`` does it, with the plain text on its standard input: neither in an argument, nor in a file.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import tempfile
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def as_yaml(value: t.Mapping[str, str]) -> str:
    """Strings by key as YAML in which texts of several lines look as they are, such as a QR code."""

    def scalar(text: str) -> str:
        return "".join(f"\n  {line}" for line in ["|", *text.splitlines()])[3:] if "\n" in text else json.dumps(text)

    return "".join(f"{key}: {scalar(text)}\n" for key, text in value.items())


class VaultFiles:
    """Encrypted YAML files in one directory, which only its owner may read.

    :arg vault_id: as ``ansible-vault --vault-id`` takes it (``label@source``); None for Ansible's own.
    """

    def __init__(self, module: AnsibleAWSModule, directory: str, vault_id: str | None):
        self.module, self.directory, self.vault_id = module, pathlib.Path(directory).expanduser(), vault_id
        beside = str(pathlib.Path(sys.executable).parent)
        self.command = module.get_bin_path("ansible-vault", required=False, opt_dirs=[beside])

    def check(self) -> None:
        """Raise :class:`InputError` unless a file could be written now."""
        if not self.command:
            raise InputError("hand_over: to file needs the command ansible-vault, which ansible-core brings.")
        there = next(path for path in (self.directory, *self.directory.absolute().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise InputError(f"hand_over: directory {str(self.directory)!r} is not one that can be written to.")
        self.encrypt("check")

    def encrypt(self, text: str) -> str:
        command = [self.command, "encrypt", "--output", "-"]
        if self.vault_id:
            command += ["--vault-id", self.vault_id]
            label = self.vault_id.rpartition("@")[0]
            command += ["--encrypt-vault-id", label] if label else []
        status, encrypted, complaint = self.module.run_command([*command, "-"], data=text, binary_data=False)
        if status or not encrypted.startswith("$ANSIBLE_VAULT;"):
            said = " ".join(complaint.split()) or "no reason given"
            raise InputError(
                f"hand_over: vault_id {self.vault_id!r} cannot encrypt ({said}); it is label@source, where the source "
                "is a file or a script, or none when ANSIBLE_VAULT_PASSWORD_FILE or the like is set."
            )
        return encrypted

    def path(self, name: str) -> str:
        return str(self.directory / f"{name}.yml")

    def write(self, name: str, value: t.Mapping[str, str]) -> None:
        """Write the file in place of one that may be there, whole or not at all."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(dir=self.directory, prefix=f".{name}.")  # readable by its owner only
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self.encrypt(as_yaml(value)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path(name))
