"""SES's SMTP endpoint: STARTTLS, AUTH with the password of an access key of the lab's IAM, mail kept to be read.

It answers as SES does: 535 for wrong credentials, and after the message 554 for a sender whose domain is not verified,
whom the user's policy does not allow, or whose stream or tenant is paused. Mail goes nowhere.

Of a policy the actions, the resources and conditions on aws:ResourceTag count. Conditions on where a request comes from
are taken as met: on loopback there is no such thing as the VPC's address.
"""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import email.utils
import fnmatch
import hashlib
import hmac
import json
import ssl
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import AccessKey, IAMBackend, iam_backends

from .control import REGION
from .extensions import ses

HOST = "127.0.0.1"
TAG = "aws:ResourceTag/"


def password_of(key: AccessKey) -> str:
    """The SMTP password of an access key, as AWS describes it; written here anew, so that it can prove ours wrong."""
    signature = b"AWS4" + key.secret_access_key.encode()
    for text in ("11111111", REGION, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.new(signature, text.encode(), hashlib.sha256).digest()
    return base64.b64encode(b"\x04" + signature).decode()


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allows(statement: dict[str, Any], arn: str, tags: dict[str, str]) -> bool:
    """Whether a policy's statement lets ses:SendRawEmail use what has this ARN and these tags."""
    if statement["Effect"] != "Allow" or not any(
        fnmatch.fnmatchcase("ses:SendRawEmail", action) for action in listed(statement["Action"])
    ):
        return False
    wanted = (statement.get("Condition") or {}).get("StringEquals") or {}
    return any(fnmatch.fnmatchcase(arn, resource) for resource in listed(statement["Resource"])) and all(
        tags.get(key.removeprefix(TAG)) in listed(value) for key, value in wanted.items() if key.startswith(TAG)
    )


class Endpoint:
    """The server, in a thread of its own, and the mail that it took.

    A mail is ``{user, sender, recipients, message}``: IAM user, envelope, and the whole message as text. ``lock`` is
    what the lab's requests run under.
    """

    def __init__(self, lock: AbstractContextManager, directory: Path):
        self.lock = lock
        self.mail: list[dict[str, Any]] = []
        self.certificate = directory / "smtp-ca.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.certificate)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST, "localhost").configure_cert(self._tls)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True).start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self.port: int = listening.result(timeout=30)

    async def _listen(self) -> int:
        server = await self._loop.create_server(self._connection, HOST, 0)
        return server.sockets[0].getsockname()[1]

    def _connection(self) -> SMTP:
        return SMTP(
            self,
            hostname="email-smtp.amazonaws.com",
            ident="ESMTP SimpleEmailService-lab",
            tls_context=self._tls,
            require_starttls=True,
            authenticator=self.authenticate,
            auth_required=True,
            loop=self._loop,
        )

    def address(self) -> dict[str, Any]:
        """Where it listens, and the file with the certificate that vouches for it."""
        return {"host": HOST, "port": self.port, "certificate": str(self.certificate)}

    @property
    def iam(self) -> IAMBackend:
        return iam_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        with self.lock:
            keys = {key.access_key_id: key for user in self.iam.users.values() for key in user.access_keys}
            key = keys.get(data.login.decode(errors="replace"))
            if key and key.status == "Active" and hmac.compare_digest(password_of(key).encode(), data.password):
                return AuthResult(success=True, auth_data=key.user_name)
        return AuthResult(success=False, handled=False, message="535 Authentication Credentials Invalid")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with self.lock:
            refusal = self.refusal(session.auth_data, envelope.mail_from, message)
            if refusal:
                return f"554 {refusal}"
            self.mail.append(
                {
                    "user": session.auth_data,
                    "sender": envelope.mail_from,
                    "recipients": envelope.rcpt_tos,
                    "message": envelope.content.decode(errors="replace"),
                }
            )
        return f"250 Ok {len(self.mail):016x}"

    def refusal(self, user: str, envelope_sender: str, message: email.message.EmailMessage) -> str:
        """Why SES would not send a message; empty when it would."""
        mail = ses.mail_of(DEFAULT_ACCOUNT_ID, REGION)
        sender = email.utils.parseaddr(str(message["From"] or envelope_sender))[1]
        stream, tenant = message["X-SES-CONFIGURATION-SET"], message["X-SES-TENANT"]
        for address in (sender, envelope_sender):
            if mail.sender(address) is None:
                return (
                    "Message rejected: Email address is not verified. The following identities failed the check in "
                    f"region {REGION.upper()}: {address}"
                )
        statements = [
            statement
            for document in self.iam.users[user].policies.values()
            for statement in listed(json.loads(document)["Statement"])
        ]
        used = [mail.arn("identity", mail.sender(sender).name)]
        used += [mail.arn("configuration-set", stream)] if stream else []
        for arn in used:
            if not any(allows(statement, arn, mail.tags.get(arn, {})) for statement in statements):
                return f"Access denied: User `{user}' is not authorized to perform `ses:SendRawEmail' on `{arn}'"
        asked = {"FromEmailAddress": sender, "ConfigurationSetName": stream, "TenantName": tenant}
        try:
            ses.refuse_sending(mail, asked)
        except ses.Refused as refused:
            return refused.message
        return ""
