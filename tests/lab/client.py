"""The embedded AWS as tests and benchmarks use it; the command line is ``python -m tests.lab``."""

from __future__ import annotations

import time
from pathlib import Path

import boto3
import botocore.config
import pyotp

from . import control

IMAGE = "ami-760aaa0f"
"""A machine image that every lab has; to list them all takes it a second."""


class Lab:
    """A running embedded AWS.

    ``Lab.start(state_dir, port=0)`` starts one (or joins the one that runs from that directory);
    ``Lab.connect(state_dir)`` only joins.
    """

    def __init__(self, state_dir: Path, state: dict):
        self.state_dir = Path(state_dir)
        self._state = state
        self._clients: dict = {}
        self._session = boto3.session.Session(
            aws_access_key_id=state["access_key"],
            aws_secret_access_key=state["secret_key"],
            region_name=control.REGION,
        )

    @classmethod
    def start(cls, state_dir: Path, port: int = 0, quotas: str = "off") -> Lab:
        """Start a server (``port`` 0: any free one) that lives no longer than this process."""
        return cls(state_dir, control.start(Path(state_dir), port, quotas, with_parent=True))

    @classmethod
    def connect(cls, state_dir: Path = control.DEFAULT_STATE) -> Lab:
        """Join the server that runs from this directory."""
        state = control.read_state(Path(state_dir))
        if state is None:
            raise control.LabError(f"No lab runs from {state_dir}; start one with: python -m tests.lab start")
        return cls(state_dir, state)

    def stop(self) -> None:
        control.stop(self.state_dir)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._state['port']}"

    @property
    def pid(self) -> int:
        return self._state["pid"]

    def environment(self) -> dict[str, str]:
        """The variables that point any AWS client at this server."""
        return control.environment(self._state)

    def client(self, service: str, region: str = control.REGION):
        """A plain boto3 client; failed calls are not repeated, so that the log counts what the test calls."""
        if (service, region) not in self._clients:
            config = botocore.config.Config(retries={"total_max_attempts": 1, "mode": "standard"})
            self._clients[service, region] = self._session.client(
                service, region_name=region, endpoint_url=self.endpoint, config=config
            )
        return self._clients[service, region]

    def reset(self) -> None:
        """An empty account again: backends, call log, quotas' buckets and clock. The quota mode stays."""
        control.request(self._state, "/lab/reset", {})

    def calls(self) -> list[dict]:
        """Every API call since the last reset or clear_calls(), oldest first; the dicts are described in calls.py."""
        return control.request(self._state, "/lab/calls")

    def mutating(self) -> list[dict]:
        """The calls that would change something, whether or not they succeeded."""
        return [call for call in self.calls() if call["mutating"]]

    def clear_calls(self) -> None:
        control.request(self._state, "/lab/calls", {"clear": True})

    def quotas(self, mode: str) -> None:
        """Switch the quotas to ``off``, ``throttle`` or ``virtual``, with full buckets."""
        control.request(self._state, "/lab/quotas", {"mode": mode})

    def virtual_seconds(self) -> float:
        """Seconds that calls would have waited for their quotas since the mode was set or the lab was reset."""
        return control.request(self._state, "/lab/quotas")["virtual_seconds"]

    def advance(self, seconds: float) -> None:
        """Move the lab's clock (lifecycle hooks, instance refreshes) forward."""
        control.request(self._state, "/lab/clock", {"advance": seconds})

    def smtp(self) -> dict:
        """SES's SMTP endpoint, started unless it runs: {host, port, certificate: the file of who vouches for it}."""
        return control.request(self._state, "/lab/smtp", {})

    def mail(self) -> list[dict]:
        """The mail that the endpoint took since the last reset, oldest first; smtp.py describes the dicts."""
        return control.request(self._state, "/lab/mail")

    def root(self, **has: bool) -> None:
        """What the root account has (``mfa``, ``access_key``), and whether it is ``used`` now."""
        control.request(self._state, "/lab/root", has)

    def enroll(self, user: str, device: str) -> tuple[str, pyotp.TOTP]:
        """Give an IAM user a virtual MFA device of this name; its serial number and what gives its codes."""
        iam = self.client("iam")
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=device)["VirtualMFADevice"]
        codes, now = pyotp.TOTP(made["Base32StringSeed"].decode()), int(time.time())
        iam.enable_mfa_device(
            UserName=user,
            SerialNumber=made["SerialNumber"],
            AuthenticationCode1=codes.at(now - codes.interval),
            AuthenticationCode2=codes.at(now),
        )
        return made["SerialNumber"], codes

    def populate_instances(self, n: int, **options) -> dict:
        """n running instances at once; options and result are those of populate.populate_instances()."""
        return control.request(self._state, "/lab/populate", {"instances": n, **options}, timeout=600)

    def observe_mail(self, region: str = control.REGION, **seen) -> None:
        """What AWS has seen of the account's mail; the options are those of extensions/ses.py, observe()."""
        control.request(self._state, "/lab/mail", {"region": region, **seen})
