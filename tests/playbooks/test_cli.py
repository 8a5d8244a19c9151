"""Role cli on this machine, within a directory of the test; mds-session at a terminal, against the lab's MFA."""

from __future__ import annotations

import configparser
import os
import pathlib
import pty
import select
import stat
import subprocess
import sys
import time

import pytest

from tests.playbooks.runner import run_playbook

BIN = pathlib.Path(sys.executable).parent
ABSENT = """
- name: Without the CLI
  hosts: localhost
  tasks:
    - name: Remove it
      ansible.builtin.include_role:
        name: mydigitalstructure.aws.cli
        tasks_from: absent
"""
SERIAL = "arn:aws:iam::123456789012:mfa/alice-mds"
ROLE = "arn:aws:iam::123456789012:role/mds-operator"
PROFILES = [
    {"name": "alice"},
    {"name": "operator", "role_arn": ROLE, "source_profile": "alice", "mfa_serial": SERIAL, "region": "eu-west-1"},
]


def variables_in(directory):
    """Everything that the role makes lies beneath this directory."""
    return {
        "cli_hosts": "localhost",
        "cli_become": False,
        "cli_install": "none",
        "cli_bin_directory": str(directory / "bin"),
        "cli_completion_directory": str(directory / "completions"),
        "cli_config_path": str(directory / "aws/config"),
        "cli_profiles": PROFILES,
    }


@pytest.fixture
def cli(tmp_path):
    """Run a playbook, by itself that of the collection."""
    (tmp_path / "bin").mkdir()

    def run(*arguments, book="cli", **variables):
        return run_playbook(tmp_path, book, *arguments, variables={**variables_in(tmp_path), **variables})

    return run


@pytest.mark.once
def test_converge_again_and_absent(cli, lab, tmp_path):
    checked = cli("--check")
    assert checked.status == 0, checked.failure()
    assert not (tmp_path / "aws").exists() and list((tmp_path / "bin").iterdir()) == []
    config = tmp_path / "aws/config"
    config.parent.mkdir()
    config.write_text("[profile old]\nregion = us-east-1\n")
    made = cli()
    assert made.status == 0, made.failure()
    profiles = configparser.ConfigParser()
    profiles.read(config)
    assert profiles.sections() == ["profile old", "profile alice", "profile operator"]
    assert dict(profiles["profile operator"]) == {
        "region": "eu-west-1",
        "output": "json",
        "role_arn": ROLE,
        "mfa_serial": SERIAL,
        "source_profile": "alice",
    }
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert (tmp_path / "bin/mds-session").stat().st_mode & 0o111
    loads = f". {tmp_path}/completions/mds-aws && complete -p aws"
    shown = subprocess.run(["bash", "-c", loads], capture_output=True, text=True, check=True)
    assert shown.stdout == "complete -C 'aws_completer' aws\n"
    assert cli().stats["changed"] == 0
    (tmp_path / "absent.yml").write_text(ABSENT)
    assert cli(book=str(tmp_path / "absent.yml")).status == 0
    assert config.read_text().strip() == "[profile old]\nregion = us-east-1"
    assert list((tmp_path / "bin").iterdir()) == [] and list((tmp_path / "completions").iterdir()) == []


BAD = {
    "cli_session_seconds: 60 is not allowed; it is 900 to 43200": {"cli_session_seconds": 60},
    "cli_profiles: a name is there twice in a, a": {"cli_profiles": [{"name": "a"}, {"name": "a"}]},
    'cli_profiles: name "a b" is not allowed': {"cli_profiles": [{"name": "a b"}]},
    "cli_profiles: a: role_arn is given and source_profile is not": {"cli_profiles": [{"name": "a", "role_arn": ROLE}]},
    "cli_profiles: old is in": {"cli_profiles": [{"name": "old"}]},
    "value of cli_install must be one of": {"cli_install": "curl"},
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_input(cli, lab, tmp_path, sentence):
    config = tmp_path / "aws/config"
    config.parent.mkdir()
    config.write_text("[profile old]\n")
    failed = cli(**BAD[sentence])
    assert failed.status != 0 and sentence in failed.failure(), failed.failure()
    assert config.read_text() == "[profile old]\n" and list((tmp_path / "bin").iterdir()) == []


# mds-session --------------------------------------------------------------------------------------------------------


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, command, environment):
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.execve(command[0], [str(part) for part in command], environment)
        self.seen = ""

    def until(self, text, seconds=300):
        """Read until the text was seen or the command has ended; what was seen since the last time."""
        limit = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < limit, self.seen
            if select.select([self.end], [], [], 1)[0]:
                try:
                    more = os.read(self.end, 4096)
                except OSError:  # its end
                    more = b""
                assert more, self.seen
                self.seen += more.decode()
        seen, _found, self.seen = self.seen.partition(text)
        return seen

    def type(self, line):
        os.write(self.end, f"{line}\n".encode())

    def close(self):
        """Its exit status; the terminal stays there until it has ended, as its end would be a hang-up."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.end)
        return status


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The directory in which the role has done its work."""
    directory = tmp_path_factory.mktemp("cli")
    (directory / "bin").mkdir()
    made = run_playbook(directory, "cli", variables=variables_in(directory))
    assert made.status == 0, made.failure()
    return directory


@pytest.fixture
def alice(installed, lab):
    """A user with a key and an MFA device, and the environment of her shell."""
    iam = lab.client("iam")
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    _serial, totp = lab.enroll("alice", "alice-mds")
    credentials = installed / "aws/credentials"
    credentials.write_text(
        f"[alice]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
    )
    environment = {
        "PATH": f"{installed}/bin:{BIN}:/usr/bin:/bin",
        "HOME": str(installed),
        "SHELL": "/bin/sh",
        "PS1": "$ ",
        "TERM": "dumb",
        "AWS_CONFIG_FILE": str(installed / "aws/config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return environment, totp, key


def files_beneath(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_session_at_a_terminal(alice, installed):
    environment, totp, key = alice
    before = files_beneath(installed)
    terminal = Terminal([installed / "bin/mds-session", "-p", "alice"], environment)
    # her profile has no device, so it is looked up
    terminal.until(f"MFA code for {SERIAL}: ")
    terminal.type("12345")
    assert "a code has six digits" in terminal.until("MFA code for ")
    wrong = totp.at(0)
    terminal.type(wrong)
    assert "invalid MFA one time pass code" in terminal.until("MFA code for ")
    terminal.type(totp.now())
    terminal.until("mds-session: until 20")
    terminal.type("aws sts get-caller-identity --query Arn; echo key $AWS_ACCESS_KEY_ID.")
    assert '"arn:aws:iam::123456789012:user/alice"' in terminal.until("key ASIA")
    terminal.type("exit")
    assert terminal.close() == 0
    assert files_beneath(installed) == before
    assert key["AccessKeyId"].startswith("AKIA")


def test_a_command_with_a_role(alice, installed):
    environment, totp, _key = alice
    command = [
        installed / "bin/mds-session",
        "-p",
        "operator",
        "--",
        "sh",
        "-c",
        "aws sts get-caller-identity; echo $AWS_REGION",
    ]
    terminal = Terminal(command, environment)
    terminal.until(f"MFA code for {SERIAL}: ")
    terminal.type(totp.now())
    assert "assumed-role/mds-operator/" in terminal.until("eu-west-1")
    assert terminal.close() == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-p", "nobody"], "there is no profile 'nobody'."),
        (["-p", "alice", "-d", "1h"], "-d: '1h' is not a number of seconds."),
    ],
)
def test_bad_arguments(alice, installed, arguments, sentence):
    environment, _totp, _key = alice
    command = [installed / "bin/mds-session", *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and sentence in ran.stderr
