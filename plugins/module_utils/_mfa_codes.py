# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A virtual MFA device's seed: its codes (TOTP, RFC 6238), and the forms in which an authenticator takes it."""

from __future__ import annotations

import base64
import io
import traceback
import typing as t

from ansible.module_utils.basic import missing_required_lib

try:
    import pyotp
    import segno

    MISSING = MISSING_TRACE = ""
except ImportError as error:
    MISSING, MISSING_TRACE = missing_required_lib(error.name or "pyotp, segno"), traceback.format_exc()

STEP_SECONDS = 30
ISSUER = "Amazon Web Services"


def codes(seed: str, seconds: float) -> tuple[str, str]:
    """The codes of the step before this time (seconds since the epoch) and of its own step, six digits each."""
    totp = pyotp.TOTP(seed, interval=STEP_SECONDS)
    return totp.at(int(seconds) - STEP_SECONDS), totp.at(int(seconds))


def enrolment(seed: str, user: str, account: str) -> dict[str, t.Any]:
    """What the user needs to put the device into an authenticator.

    ``otpauth_uri``; the same as a QR code: ``qr_code`` for a terminal, ``qr_code_png`` in base64; ``seed`` to type.
    """
    uri = pyotp.TOTP(seed).provisioning_uri(name=f"{user}@{account}", issuer_name=ISSUER)
    code, text, image = segno.make(uri, micro=False), io.StringIO(), io.BytesIO()
    code.terminal(out=text, compact=True)
    code.save(image, kind="png", scale=5)
    return {
        "user": user,
        "seed": seed,
        "otpauth_uri": uri,
        "qr_code": text.getvalue(),
        "qr_code_png": base64.b64encode(image.getvalue()).decode(),
    }
