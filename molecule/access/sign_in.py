"""Signs a user in by the seed of this secret, as an authenticator app would, with plain boto3 and pyotp.

Prints the serial number, and a digest of the seed by which two can be told apart. Fails when AWS refuses the code.
"""

from __future__ import annotations

import hashlib
import json
import sys

import boto3
import pyotp


def sign_in(user: str, secret: str) -> dict[str, str]:
    held = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    iam = boto3.client("iam")
    key = iam.create_access_key(UserName=user)["AccessKey"]
    try:
        sts = boto3.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        sts.get_session_token(SerialNumber=held["serial"], TokenCode=pyotp.TOTP(held["seed"]).now())
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    return {"serial": held["serial"], "seed": hashlib.sha256(held["seed"].encode()).hexdigest()}


if __name__ == "__main__":
    print(json.dumps(sign_in(*sys.argv[1:])))
