"""The SMTP password of a secret access key, against values that others computed."""

from __future__ import annotations

import base64
import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.filter.ses_smtp_password import ses_smtp_password


@pytest.mark.parametrize(
    ("secret", "region", "password"),
    [
        # from the tests of HashiCorp's provider for AWS (iam_access_key); AWS itself publishes the algorithm alone
        ("some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
        ("another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
        ("some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
        ("another+secret+key", "us-west-1", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
    ],
)
def test_known_values(secret, region, password):
    assert ses_smtp_password(secret, region) == password


def test_openssl_signs_the_same():
    """AWS's steps one by one, with a tool that is not ours."""
    key = b"AWS4" + b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    for text in ("11111111", "ap-southeast-2", "ses", "aws4_request", "SendRawEmail"):
        command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"]
        key = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    assert base64.b64encode(b"\x04" + key).decode() == ses_smtp_password(
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "ap-southeast-2"
    )


@pytest.mark.parametrize(
    ("secret", "region", "words"),
    [
        ("", "eu-central-1", "secret access key is empty"),
        (None, "eu-central-1", "secret access key is empty"),
        ("hushhush", "eu-centrall-1", "'eu-centrall-1' is not a region that AWS has; near to it are eu-central-1"),
        ("hushhush", "", "region: none is set"),
    ],
)
def test_bad_input_is_one_sentence_without_the_secret(secret, region, words):
    with pytest.raises(AnsibleFilterError) as caught:
        ses_smtp_password(secret, region)
    assert words in str(caught.value)
    assert "hushhush" not in str(caught.value)
