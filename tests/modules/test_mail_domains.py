"""Module mail_domains on the lab; what it made is looked at with boto3."""

from __future__ import annotations

import datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ONE = {"name": "SpaceOne.com", "tenant": "one", "configuration_set": "adhoc"}
TWO = {"name": "spacetwo.com.au", "tenant": "two", "mail_from": {"subdomain": "bounce", "on_mx_failure": "reject"}}


@pytest.fixture
def ses(lab):
    client = lab.client("sesv2")
    for name in ("mds-adhoc", "mds-campaign"):
        client.create_configuration_set(ConfigurationSetName=name)
    lab.clear_calls()
    return client


@pytest.fixture
def mail(run_module):
    def run(*domains, check=False, **options):
        """Run the module, without pauses between calls: the lab has no quotas here."""
        return run_module(
            "mail_domains",
            check=check,
            **{"platform": "mds", "domains": list(domains), "calls_per_second": 0, **options},
        )

    return run


def pem(key, passphrase=b""):
    """A private key as people keep it."""
    cipher = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher).decode()


def publish(lab, records, zone):
    """Put records, as the module tells them, into a zone."""
    dns = lab.client("route53")
    there = [z["Id"] for z in dns.list_hosted_zones()["HostedZones"] if z["Name"] == zone + "."]
    identifier = there[0] if there else dns.create_hosted_zone(Name=zone, CallerReference=zone)["HostedZone"]["Id"]
    changes = []
    for record in records:
        quote = '"{}"'.format if record["type"] == "TXT" else str
        parts = [record["values"][0][n : n + 250] for n in range(0, len(record["values"][0]), 250)]
        value = " ".join(quote(part) for part in parts) if record["type"] == "TXT" else record["values"][0]
        item = {"Name": record["name"], "Type": record["type"], "TTL": record["ttl"]}
        changes.append({"Action": "UPSERT", "ResourceRecordSet": {**item, "ResourceRecords": [{"Value": value}]}})
    dns.change_resource_record_sets(HostedZoneId=identifier, ChangeBatch={"Changes": changes})


def named(result):
    return [(a["verb"], a["kind"], a["name"]) for a in result["actions"]]


def associated(ses, tenant):
    found = ses.list_tenant_resources(TenantName=tenant)["TenantResources"]
    return sorted(item["ResourceArn"].split(":", 5)[5] for item in found)


def test_check_converge_verification_and_second_run(lab, ses, mail):
    options = {"streams": ["adhoc", "campaign"], "tags": {"Env": "lab"}}
    checked = mail(ONE, TWO, check=True, **options)
    assert not checked["failed"], checked
    assert lab.mutating() == []
    made = mail(ONE, TWO, **options)
    assert not made["failed"], made
    assert made["actions"] == checked["actions"]
    assert named(made) == [
        ("create", "mail_domain", "spaceone.com"),
        ("create", "mail_domain", "spacetwo.com.au"),
        ("create", "mail_tenant", "one"),
        ("create", "mail_tenant", "two"),
    ]
    one = ses.get_email_identity(EmailIdentity="spaceone.com")
    assert one["ConfigurationSetName"] == "mds-adhoc"
    assert one["MailFromAttributes"]["MailFromDomain"] == "mail.spaceone.com"
    assert one["DkimAttributes"]["NextSigningKeyLength"] == "RSA_2048_BIT"
    tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    assert (tags["mydigitalstructure:platform"], tags["Env"]) == ("mds", "lab")
    two = ses.get_email_identity(EmailIdentity="spacetwo.com.au")["MailFromAttributes"]
    assert (two["MailFromDomain"], two["BehaviorOnMxFailure"]) == ("bounce.spacetwo.com.au", "REJECT_MESSAGE")
    assert associated(ses, "mds-one") == [
        "configuration-set/mds-adhoc",
        "configuration-set/mds-campaign",
        "identity/spaceone.com",
    ]
    assert made["waiting"] == ["spaceone.com", "spacetwo.com.au"]
    records = made["domains"]["spaceone.com"]["records"]
    assert [record["type"] for record in records] == ["CNAME", "CNAME", "CNAME", "MX", "TXT", "TXT"]
    assert made["domains"]["spaceone.com"]["waiting_since"]

    publish(lab, records, "spaceone.com")
    assert ses.get_email_identity(EmailIdentity="spaceone.com")["VerifiedForSendingStatus"] is True
    lab.clear_calls()
    again = mail(ONE, TWO, **options)
    assert (again["changed"], again["actions"]) == (False, [])
    assert again["waiting"] == ["spacetwo.com.au"]
    found = again["domains"]["spaceone.com"]
    assert (found["verified"], found["mail_from_status"], found["waiting_since"]) == (True, "success", None)
    assert lab.mutating() == []
    # lists, batches and the account; sts says whose it is
    assert sorted(call["operation"] for call in lab.calls()) == sorted(
        [
            "GetAccount",
            "GetCallerIdentity",
            "GetIdentityDkimAttributes",
            "GetIdentityMailFromDomainAttributes",
            "GetResources",
            "ListEmailIdentities",
            "ListTenants",
        ]
    )


def test_many_domains_that_need_nothing_cost_few_calls(lab, mail):
    domains = [{"name": f"space{n}.example.com", "tenant": f"space{n}"} for n in range(250)]
    made = mail(*domains)
    assert not made["failed"], made["msg"]
    lab.clear_calls()
    assert mail(*domains)["actions"] == []
    # per 100 domains one page of tags, one of tenants, a batch of DKIM and one of MAIL FROM
    assert len(lab.calls()) == 3 + 4 * 3


def test_every_setting_is_changed_in_place(lab, ses, mail):
    mail(ONE, streams=["adhoc"])
    other = {
        "name": "spaceone.com",
        "tenant": "uno",
        "configuration_set": "campaign",
        "dkim": {"key_length": 1024},
        "mail_from": {"subdomain": ""},
        "feedback_forwarding": False,
        "tags": {"Team": "mail"},
    }
    planned = mail(other, check=True, streams=["campaign"], purge=True)
    changed = mail(other, streams=["campaign"], purge=True)
    assert not changed["failed"], changed
    assert changed["actions"] == planned["actions"]
    assert named(changed) == [
        ("update", "mail_domain", "spaceone.com"),
        ("delete", "mail_tenant", "one"),
        ("create", "mail_tenant", "uno"),
    ]
    fields = changed["actions"][0]["fields"]
    assert fields["configuration_set"] == {"before": "mds-adhoc", "after": "mds-campaign"}
    assert fields["dkim"] == {"before": "easy 2048", "after": "easy 1024"}
    found = ses.get_email_identity(EmailIdentity="spaceone.com")
    assert found["ConfigurationSetName"] == "mds-campaign"
    assert found["DkimAttributes"]["NextSigningKeyLength"] == "RSA_1024_BIT"
    assert "MailFromAttributes" not in found and found["FeedbackForwardingStatus"] is False
    assert associated(ses, "mds-uno") == ["configuration-set/mds-campaign", "identity/spaceone.com"]
    assert [t["TenantName"] for t in ses.list_tenants()["Tenants"]] == ["mds-uno"]
    assert mail(other, streams=["campaign"], purge=True)["actions"] == []


def test_a_change_by_hand_is_found_when_asked_for(ses, mail):
    mail(ONE)
    ses.put_email_identity_configuration_set_attributes(
        EmailIdentity="spaceone.com", ConfigurationSetName="mds-campaign"
    )
    assert mail(ONE)["actions"] == []
    [action] = mail(ONE, verify_settings=True)["actions"]
    assert action["fields"] == {"configuration_set": {"before": "mds-campaign", "after": "mds-adhoc"}}
    assert ses.get_email_identity(EmailIdentity="spaceone.com")["ConfigurationSetName"] == "mds-adhoc"


def test_a_key_of_ones_own(lab, ses, mail):
    key = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    own = {**ONE, "dkim": {"type": "external", "selector": "s1", "private_key": key}}
    made = mail(own)
    assert not made["failed"], made
    assert ses.get_email_identity(EmailIdentity="spaceone.com")["DkimAttributes"]["Tokens"] == ["s1"]
    publish(lab, made["domains"]["spaceone.com"]["records"], "spaceone.com")
    again = mail(own)
    assert (again["actions"], again["waiting"]) == ([], [])
    assert key.splitlines()[2] not in str(made)


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WRONG_KEYS = {
    "cut off": (pem(RSA)[:600], "private_key cannot be read"),
    "a line lost": ("\n".join(pem(RSA).splitlines()[:5] + pem(RSA).splitlines()[6:]), "private_key cannot be read"),
    "with a passphrase": (pem(RSA, b"secret"), "without a passphrase"),
    "the public half": (
        RSA.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        "private_key cannot be read",
    ),
    "an elliptic curve's": (pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key of 1024 to 2048 bits"),
    "too long": (pem(rsa.generate_private_key(public_exponent=65537, key_size=3072)), "not an RSA key of 1024 to 2048"),
    "empty": ("", "private_key is missing"),
}


@pytest.mark.parametrize(("key", "words"), WRONG_KEYS.values(), ids=list(WRONG_KEYS))
def test_a_broken_key_is_refused_and_never_shown(lab, mail, key, words):
    refused = mail(TWO, {**ONE, "dkim": {"type": "external", "selector": "s1", "private_key": key}})
    assert refused["failed"]
    assert refused["msg"].startswith("domains: ") and words in refused["msg"]
    assert "spaceone.com" in refused["msg"].lower()
    assert refused["msg"].endswith(".") and "\n" not in refused["msg"]
    assert [line for line in key.splitlines()[1:3] if line in str(refused)] == []
    assert lab.calls() == []


def test_pause_and_resume(ses, mail):
    mail(ONE, TWO)

    def sending():
        return {tenant["TenantName"]: tenant["SendingStatus"] for tenant in ses.list_tenants()["Tenants"]}

    paused = mail({**ONE, "paused": True}, TWO)
    assert named(paused) == [("update", "mail_tenant", "one")]
    assert sending() == {"mds-one": "DISABLED", "mds-two": "ENABLED"}
    assert mail({**ONE, "paused": True}, TWO)["actions"] == []
    assert named(mail(ONE, TWO)) == [("update", "mail_tenant", "one")]
    assert sending() == {"mds-one": "ENABLED", "mds-two": "ENABLED"}


def test_purge_absent_and_foreign(ses, mail):
    ses.create_email_identity(EmailIdentity="theirs.com")
    ses.create_tenant(TenantName="mds-theirs")
    mail(ONE, TWO, {"name": "spacethree.com", "tenant": "three"})

    def there():
        domains = sorted(item["IdentityName"] for item in ses.list_email_identities()["EmailIdentities"])
        return domains, sorted(tenant["TenantName"] for tenant in ses.list_tenants()["Tenants"])

    # what is right beside it is not made either
    refused = mail({"name": "theirs.com"}, {"name": "spacefour.com"}, purge=True)
    assert refused["failed"] and "theirs.com" in refused["msg"] and "somebody else's" in refused["msg"]
    assert there()[0] == ["spaceone.com", "spacethree.com", "spacetwo.com.au", "theirs.com"]
    refused = mail({"name": "four.com", "tenant": "theirs"})
    assert refused["failed"] and "mds-theirs" in refused["msg"]
    gone = mail(TWO, state="absent")
    assert named(gone) == [("delete", "mail_domain", "spacetwo.com.au"), ("delete", "mail_tenant", "two")]
    purged = mail(ONE, purge=True, ignore=["theirs"])
    assert named(purged) == [("delete", "mail_domain", "spacethree.com"), ("delete", "mail_tenant", "three")]
    assert there() == (["spaceone.com", "theirs.com"], ["mds-one", "mds-theirs"])
    gone = mail(state="absent", ignore=["theirs"])
    assert not gone["failed"], gone
    assert there() == (["theirs.com"], ["mds-theirs"])


def there(ses):
    domains = sorted(item["IdentityName"] for item in ses.list_email_identities()["EmailIdentities"])
    return domains, {tenant["TenantName"]: tenant["SendingStatus"] for tenant in ses.list_tenants()["Tenants"]}


def tags_of(ses, name):
    return {tag["Key"]: tag["Value"] for tag in ses.get_email_identity(EmailIdentity=name)["Tags"]}


def test_a_purge_goes_no_further_than_its_scope(ses, mail):
    mail(ONE)
    mail({"name": "acme.com", "tenant": "acme"}, scope="tenants")
    assert tags_of(ses, "acme.com")["mydigitalstructure:scope"] == "tenants"
    refused = mail({"name": "acme.com"})
    assert refused["failed"] and "scope 'tenants', not to ''" in refused["msg"]
    assert mail(ONE, purge=True)["actions"] == []
    # a tenant that a killed run left without a domain goes with its scope, one of nobody's never
    ses.create_tenant(TenantName="mds-theirs")
    mail({"name": "gone.com", "tenant": "gone"}, scope="tenants")
    ses.delete_email_identity(EmailIdentity="gone.com")
    assert mail(ONE, purge=True)["actions"] == []
    assert named(mail(scope="tenants", purge=True, offboard_now=["acme"])) == [
        ("delete", "mail_domain", "acme.com"),
        ("delete", "mail_tenant", "acme"),
        ("delete", "mail_tenant", "gone"),
    ]
    assert there(ses) == (["spaceone.com"], {"mds-one": "ENABLED", "mds-theirs": "ENABLED"})


def test_what_is_not_declared_any_more_leaves_after_its_grace(lab, ses, mail):
    more = {"name": "more.com", "tenant": "one"}
    options = {"purge": True, "grace_days": 30, "scope": "tenants"}
    mail(ONE, more, TWO, **options)
    today = datetime.datetime.now(datetime.UTC).date()
    planned = mail(ONE, check=True, **options)
    marked = mail(ONE, **options)
    assert marked["actions"] == planned["actions"]
    assert marked["leaving"] == planned["leaving"]
    assert named(marked) == [
        ("update", "mail_domain", "more.com"),
        ("update", "mail_domain", "spacetwo.com.au"),
        ("update", "mail_tenant", "two"),
    ]
    assert marked["leaving"]["spacetwo.com.au"] == {
        "tenant": "two",
        "since": today.isoformat(),
        "until": (today + datetime.timedelta(days=30)).isoformat(),
    }
    assert tags_of(ses, "spacetwo.com.au")["mydigitalstructure:leaving"] == today.isoformat()
    # a tenant with a domain that stays is not paused
    assert there(ses)[1] == {"mds-one": "ENABLED", "mds-two": "DISABLED"}
    lab.clear_calls()
    again = mail(ONE, **options)
    assert (again["actions"], again["leaving"]) == ([], marked["leaving"])
    assert lab.mutating() == [] and "GetEmailIdentity" not in {call["operation"] for call in lab.calls()}

    assert named(mail(ONE, TWO, **options)) == [
        ("update", "mail_domain", "spacetwo.com.au"),
        ("update", "mail_tenant", "two"),
    ]
    assert there(ses)[1] == {"mds-one": "ENABLED", "mds-two": "ENABLED"}
    assert "mydigitalstructure:leaving" not in tags_of(ses, "spacetwo.com.au")
    assert mail(ONE, TWO, **options)["actions"] == []

    long_ago = (today - datetime.timedelta(days=30)).isoformat()
    arn = again["domains"]["spaceone.com"]["arn"].replace("spaceone.com", "more.com")
    ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "mydigitalstructure:leaving", "Value": long_ago}])
    assert named(mail(ONE, TWO, **options)) == [("delete", "mail_domain", "more.com")]
    gone = mail(ONE, offboard_now=["two"], **options)
    assert named(gone) == [("delete", "mail_domain", "spacetwo.com.au"), ("delete", "mail_tenant", "two")]
    assert there(ses) == (["spaceone.com"], {"mds-one": "ENABLED"})


def test_most_of_the_domains_do_not_leave_unless_told(lab, mail):
    domains = [{"name": f"space{n}.com", "tenant": f"space{n}"} for n in range(20)]
    options = {"purge": True, "grace_days": 30, "max_leaving": 10}
    mail(*domains, **options)
    lab.clear_calls()
    refused = mail(*domains[3:], **options)
    assert refused["failed"] and refused["msg"].startswith("max_leaving: 10 percent")
    assert "3 of 20 domains" in refused["msg"] and "space0.com, space1.com, space2.com" in refused["msg"]
    assert mail(**options)["failed"]
    assert lab.mutating() == []
    assert len(mail(*domains[3:], offboard=["space0"], **options)["leaving"]) == 3
    # those that are leaving already do not count again
    assert len(mail(*domains[5:], **options)["leaving"]) == 5


def test_keys_are_read_from_secrets_manager(lab, ses, mail):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    arn = lab.client("secretsmanager").create_secret(Name="dkim/one", SecretString=key.decode())["ARN"]
    lab.client("secretsmanager").create_secret(Name="dkim/broken", SecretString="no key")

    def signed(name, secret, line):
        dkim = {"type": "external", "selector": "s1", "private_key_secret": secret}
        return {"name": name, "dkim": dkim, "declared_at": f"tenants.csv line {line}"}

    made = mail(signed("a.com", "dkim/one", 2), signed("b.com", arn, 3))
    assert not made["failed"], made
    assert ses.get_email_identity(EmailIdentity="b.com")["DkimAttributes"]["Tokens"] == ["s1"]
    assert key.decode().splitlines()[2] not in str(made)
    assert mail(signed("a.com", arn, 2), signed("b.com", arn, 3))["actions"] == []
    lab.clear_calls()
    refused = mail(signed("a.com", "dkim/none", 2), signed("b.com", "dkim/none2", 3))
    first, second = refused["msg"].splitlines()
    assert first.startswith("tenants.csv line 2: a.com: dkim private_key_secret 'dkim/none' cannot be read")
    assert second.startswith("tenants.csv line 3: b.com: ")
    refused = mail(signed("a.com", "dkim/broken", 2))
    assert refused["msg"].startswith("tenants.csv line 2: a.com: private_key cannot be read")
    assert lab.mutating() == []


def test_all_that_is_somebody_elses_is_told_at_once(lab, ses, mail):
    for name in ("theirs.com", "theirs2.com"):
        ses.create_email_identity(EmailIdentity=name)
    lab.clear_calls()
    refused = mail({"name": "theirs.com", "declared_at": "tenants.csv line 2"}, ONE, {"name": "theirs2.com"})
    first, second = refused["msg"].splitlines()
    assert first.startswith("tenants.csv line 2: theirs.com: ") and second.startswith("domains: theirs2.com: ")
    assert lab.mutating() == []


def test_the_sandbox_is_said(ses, mail):
    ses.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://a.com", ProductionAccessEnabled=False)
    result = mail(ONE)
    assert result["account"]["sandbox"] is True
    # whatever ran before in this process may have warned too
    [warning] = [warning for warning in map(str, result["warnings"]) if "SES" in warning]
    for word in (
        "SES in ap-southeast-2 is in the sandbox",
        "only to verified addresses",
        "200 mails a day",
        "ask AWS for production access",
        "SES console",
    ):
        assert word in warning


def test_one_that_was_left_half_made_is_finished(ses, mail):
    mail(ONE, streams=["adhoc"])
    resources = ses.list_tenant_resources(TenantName="mds-one")["TenantResources"]
    [arn] = [item["ResourceArn"] for item in resources if item["ResourceType"] == "EMAIL_IDENTITY"]
    ses.delete_tenant_resource_association(TenantName="mds-one", ResourceArn=arn)
    ses.untag_resource(ResourceArn=arn, TagKeys=["mydigitalstructure:settings"])
    finished = mail(ONE, streams=["adhoc"])
    assert named(finished) == [("update", "mail_domain", "spaceone.com")]
    assert "identity/spaceone.com" in associated(ses, "mds-one")
    assert mail(ONE, streams=["adhoc"])["actions"] == []


@pytest.mark.parametrize(
    ("domains", "words"),
    [
        ([{"name": "no domain"}], ["name 'no domain'", "not a domain"]),
        ([{"name": "com"}], ["name 'com'"]),
        ([{"name": "co.uk"}], ["'co.uk'", "public suffix"]),
        ([{"name": "a.com", "tenant": "x"}, {"name": "A.com.", "tenant": "y"}], ["'a.com'", "tenants x and y"]),
        ([{"name": "a.com", "tenant": "x y"}], ["tenant 'x y'"]),
        ([{"name": "a.com", "paused": True}], ["paused", "no tenant"]),
        (
            [{"name": "a.com", "tenant": "x"}, {"name": "b.com", "tenant": "x", "paused": True}],
            ["b.com", "a.com", "tenant x"],
        ),
        ([{"name": "a.com", "dkim": {"type": "external", "selector": "S 1"}}], ["selector 'S 1'"]),
        (
            [{"name": "a.com", "dkim": {"type": "external", "selector": "s1", "private_key": "bm8="}}],
            ["private_key cannot be read"],
        ),
        ([{"name": "a.com", "mail_from": {"subdomain": "a.b"}}], ["subdomain 'a.b'"]),
        ([{"name": "a.com", "dmarc": "none"}], ["dmarc 'none'", "v=DMARC1"]),
        ([{"name": "a.com", "tags": {f"t{n}": "v" for n in range(46)}}], ["46 tags", "at most 42"]),
    ],
)
def test_bad_input_is_refused_before_any_call_that_changes_something(lab, mail, domains, words):
    refused = mail(*domains)
    assert refused["failed"]
    assert refused["msg"].startswith("domains: ")
    for word in words:
        assert word in refused["msg"]
    assert lab.mutating() == []
