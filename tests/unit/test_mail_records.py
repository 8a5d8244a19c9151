"""The DNS records of mail domains that lie in the platform's zones."""

from __future__ import annotations

from ansible_collections.mydigitalstructure.aws.plugins.filter.hosted_mail_records import hosted_mail_records
from ansible_collections.mydigitalstructure.aws.plugins.filter.mail_record_names import mail_record_names

ZONES = ["example.com", "Example.org."]


def record(name, kind="TXT"):
    return {"name": name, "type": kind, "ttl": 60, "values": ["x"]}


def test_records_of_domains_in_our_zones_are_ours_to_write():
    domains = {
        "news.example.com": {"records": [record("(known after apply)-1._domainkey.news.example.com", "CNAME")]},
        "example.org": {"records": [record("_dmarc.example.org")]},
        "notexample.com": {"records": [record("_dmarc.notexample.com")]},
    }
    assert [item["name"] for item in hosted_mail_records(domains, ZONES)] == [
        "_dmarc.example.org",
        "(known after apply)-1._domainkey.news.example.com",
    ]
    assert hosted_mail_records({}, ZONES) == []


def test_names_are_those_that_a_domain_has_without_asking_ses():
    names = mail_record_names(
        [
            {"name": "Example.com"},
            {"name": "example.org", "mail_from": {"subdomain": ""}, "dkim": {"type": "external", "selector": "s1"}},
            {"name": "elsewhere.net"},
        ],
        ZONES,
    )
    assert [(item["name"], item["type"]) for item in names] == [
        ("_dmarc.example.com", "TXT"),
        ("mail.example.com", "MX"),
        ("mail.example.com", "TXT"),
        ("_dmarc.example.org", "TXT"),
        ("s1._domainkey.example.org", "TXT"),
    ]
