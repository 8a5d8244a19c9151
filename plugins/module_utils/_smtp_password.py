# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The password of SES's SMTP endpoint that belongs to a secret access key."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac

SCOPE = ("ses", "aws4_request", "SendRawEmail")
DATE = "11111111"
"""AWS's algorithm signs for this date, whenever it is, so that the password stays the same."""
VERSION = b"\x04"


def smtp_password(secret: str, region: str) -> str:
    """44 characters of base64, for the endpoint of one region.

    The algorithm is AWS's: https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
    """

    def sign(key: bytes, text: str) -> bytes:
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    signature = functools.reduce(sign, (DATE, region, *SCOPE), f"AWS4{secret}".encode())
    return base64.b64encode(VERSION + signature).decode()
