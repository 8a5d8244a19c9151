"""A script of somebody's that calls AWS all the time with the access key of a secret, read again after an hour.

Arguments: the secret's name, and a file for what it did: calls, keys used, failures. It ends when that file's name with
``.stop`` behind it is there. The hour is AWS's, by the Date header, since the lab's clock can be moved.
"""

from __future__ import annotations

import email.utils
import json
import sys
from pathlib import Path

import boto3

HOUR = 3600


def call(secret: str, told: Path) -> None:
    secrets = boto3.client("secretsmanager")
    calls, keys, failures = 0, [], []
    sts, read, now = None, 0.0, 0.0
    while not Path(f"{told}.stop").exists():
        try:
            if sts is None or now - read >= HOUR:
                held = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
                key = {"aws_access_key_id": held["access_key_id"], "aws_secret_access_key": held["secret_access_key"]}
                sts, read = boto3.client("sts", **key), now
                keys = [*keys, held["access_key_id"]] if held["access_key_id"] not in keys else keys
            answer = sts.get_caller_identity()
            now = email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
            calls += 1
        except Exception as error:  # whatever it is, the script's user would call it an outage
            failures.append(repr(error))
        part = told.with_suffix(".part")
        part.write_text(json.dumps({"calls": calls, "keys": keys, "failures": failures}))
        part.replace(told)


if __name__ == "__main__":
    call(sys.argv[1], Path(sys.argv[2]))
