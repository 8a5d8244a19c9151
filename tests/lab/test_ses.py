"""Mail in the lab: domains are verified by what is in DNS, tenants and streams are kept, sending asks for both."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

DOMAIN = "spaceone.com"


@pytest.fixture
def ses(lab):
    return lab.client("sesv2")


@pytest.fixture
def first(lab):
    """SES by its first API."""
    return lab.client("ses")


def refused(call, **arguments):
    """The code and HTTP status of the error that a call gets."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def publish(lab, *records, zone=DOMAIN):
    """Put (name, type, value) records into the domain's zone, which is made if it is not there."""
    dns = lab.client("route53")
    there = [z["Id"] for z in dns.list_hosted_zones()["HostedZones"] if z["Name"] == zone + "."]
    identifier = there[0] if there else dns.create_hosted_zone(Name=zone, CallerReference=zone)["HostedZone"]["Id"]
    for name, kind, value in records:
        record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
        dns.change_resource_record_sets(HostedZoneId=identifier, ChangeBatch={"Changes": changes})


def easy(tokens):
    return [(f"{t}._domainkey.{DOMAIN}", "CNAME", f"{t}.dkim.amazonses.com") for t in tokens]


def status(ses, domain=DOMAIN):
    return ses.get_email_identity(EmailIdentity=domain)["DkimAttributes"]["Status"]


def test_a_domain_is_verified_by_all_of_its_three_records(lab, ses):
    made = ses.create_email_identity(EmailIdentity="SpaceOne.com")
    tokens = made["DkimAttributes"]["Tokens"]
    assert len(set(tokens)) == 3
    assert (made["DkimAttributes"]["Status"], made["VerifiedForSendingStatus"]) == ("PENDING", False)
    publish(lab, *easy(tokens[:2]))
    assert status(ses) == "PENDING"
    publish(lab, *easy(tokens[2:]))
    [listed] = ses.list_email_identities()["EmailIdentities"]
    assert (listed["IdentityName"], listed["VerificationStatus"], listed["SendingEnabled"]) == (DOMAIN, "SUCCESS", True)
    assert refused(ses.create_email_identity, EmailIdentity=DOMAIN) == ("AlreadyExistsException", 400)
    assert refused(ses.create_email_identity, EmailIdentity="no_domain") == ("BadRequestException", 400)


def test_a_domain_whose_records_never_come_fails_after_72_hours(lab, ses):
    tokens = ses.create_email_identity(EmailIdentity=DOMAIN)["DkimAttributes"]["Tokens"]
    lab.advance(72 * 3600 - 60)
    assert status(ses) == "PENDING"
    lab.advance(120)
    assert status(ses) == "FAILED"
    publish(lab, *easy(tokens))
    assert status(ses) == "FAILED"


def test_a_key_of_ones_own_is_looked_for_in_a_text_record(lab, ses):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoded = base64.b64encode(
        private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    ).decode()
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = base64.b64encode(der).decode()
    own = {"DomainSigningSelector": "s1", "DomainSigningPrivateKey": encoded}
    made = ses.create_email_identity(EmailIdentity=DOMAIN, DkimSigningAttributes=own)
    assert made["DkimAttributes"]["SigningAttributesOrigin"] == "EXTERNAL"
    assert made["DkimAttributes"]["Tokens"] == ["s1"]
    name = f"s1._domainkey.{DOMAIN}"
    publish(lab, (name, "TXT", f'"v=DKIM1; k=rsa; p={public[:100]}x"'))
    assert status(ses) == "PENDING"
    publish(lab, (name, "TXT", f'"v=DKIM1; k=rsa; p={public[:200]}" "{public[200:]}"'))
    assert status(ses) == "SUCCESS"
    broken = {"DomainSigningSelector": "s1", "DomainSigningPrivateKey": "bm8="}
    refusal = refused(ses.create_email_identity, EmailIdentity="two.example.com", DkimSigningAttributes=broken)
    assert refusal[0] == "BadRequestException"
    assert refused(ses.get_email_identity, EmailIdentity="two.example.com") == ("NotFoundException", 404)
    back = ses.put_email_identity_dkim_signing_attributes(EmailIdentity=DOMAIN, SigningAttributesOrigin="AWS_SES")
    assert (back["DkimStatus"], len(back["DkimTokens"])) == ("PENDING", 3)


def test_mail_from_waits_for_its_mx_record(lab, ses, first):
    ses.create_email_identity(EmailIdentity=DOMAIN)
    setting = {"EmailIdentity": DOMAIN, "BehaviorOnMxFailure": "REJECT_MESSAGE"}
    wrong = refused(ses.put_email_identity_mail_from_attributes, **setting, MailFromDomain="mail.example.com")
    assert wrong[0] == "BadRequestException"
    ses.put_email_identity_mail_from_attributes(**setting, MailFromDomain=f"mail.{DOMAIN}")

    def seen():
        return ses.get_email_identity(EmailIdentity=DOMAIN)["MailFromAttributes"]["MailFromDomainStatus"]

    assert seen() == "PENDING"
    publish(lab, (f"mail.{DOMAIN}", "MX", "10 feedback-smtp.ap-southeast-2.amazonses.com"))
    assert seen() == "SUCCESS"
    old = first.get_identity_mail_from_domain_attributes(Identities=[DOMAIN])["MailFromDomainAttributes"][DOMAIN]
    assert old == {
        "MailFromDomain": f"mail.{DOMAIN}",
        "MailFromDomainStatus": "Success",
        "BehaviorOnMXFailure": "RejectMessage",
    }


def test_the_first_api_reads_a_hundred_of_the_same_domains_at_once(lab, ses, first):
    domains = [f"space{n}.example.com" for n in range(3)]
    for domain in domains:
        ses.create_email_identity(EmailIdentity=domain)
    ses.put_email_identity_feedback_attributes(EmailIdentity=domains[1], EmailForwardingEnabled=False)
    dkim = first.get_identity_dkim_attributes(Identities=[*domains, "absent.example.com"])["DkimAttributes"]
    assert sorted(dkim) == domains
    tokens = ses.get_email_identity(EmailIdentity=domains[0])["DkimAttributes"]["Tokens"]
    assert dkim[domains[0]] == {"DkimEnabled": True, "DkimVerificationStatus": "Pending", "DkimTokens": tokens}
    notified = first.get_identity_notification_attributes(Identities=domains)["NotificationAttributes"]
    assert [notified[domain]["ForwardingEnabled"] for domain in domains] == [True, False, True]
    verified = first.get_identity_verification_attributes(Identities=domains)["VerificationAttributes"]
    assert {one["VerificationStatus"] for one in verified.values()} == {"Pending"}
    assert refused(first.get_identity_dkim_attributes, Identities=["a.com"] * 101)[0] == "ValidationError"
    first.verify_domain_identity(Domain="old.example.com")
    assert first.list_identities(IdentityType="Domain")["Identities"] == [*domains, "old.example.com"]
    first.delete_identity(Identity="old.example.com")
    assert refused(ses.get_email_identity, EmailIdentity="old.example.com")[0] == "NotFoundException"


def test_lists_have_pages(lab, ses):
    for n in range(5):
        ses.create_email_identity(EmailIdentity=f"space{n}.example.com")
        ses.create_tenant(TenantName=f"space{n}")
    page = ses.list_email_identities(PageSize=3)
    rest = ses.list_email_identities(PageSize=3, NextToken=page["NextToken"])
    assert (len(page["EmailIdentities"]), len(rest["EmailIdentities"]), "NextToken" in rest) == (3, 2, False)
    assert refused(ses.list_email_identities, PageSize=1001)[0] == "BadRequestException"
    names = [t["TenantName"] for p in ses.get_paginator("list_tenants").paginate() for t in p["Tenants"]]
    assert names == [f"space{n}" for n in range(5)]


def test_a_stream_keeps_its_options_and_event_destinations(lab, ses):
    ses.create_configuration_set(ConfigurationSetName="mds-campaign", DeliveryOptions={"TlsPolicy": "REQUIRE"})
    again = refused(ses.create_configuration_set, ConfigurationSetName="mds-campaign")
    assert again == ("AlreadyExistsException", 400)
    ses.put_configuration_set_suppression_options(ConfigurationSetName="mds-campaign", SuppressedReasons=["BOUNCE"])
    ses.put_configuration_set_sending_options(ConfigurationSetName="mds-campaign", SendingEnabled=False)
    found = ses.get_configuration_set(ConfigurationSetName="mds-campaign")
    assert found["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert found["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE"]}
    assert found["SendingOptions"] == {"SendingEnabled": False}
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is False
    of = {"ConfigurationSetName": "mds-campaign", "EventDestinationName": "bounces"}
    topic = {"SnsDestination": {"TopicArn": "arn:aws:sns:ap-southeast-2:123456789012:bounces"}}
    ses.create_configuration_set_event_destination(
        **of, EventDestination={"Enabled": True, "MatchingEventTypes": ["BOUNCE"], **topic}
    )
    ses.update_configuration_set_event_destination(
        **of, EventDestination={"Enabled": True, "MatchingEventTypes": ["BOUNCE", "COMPLAINT"], **topic}
    )
    read = {"ConfigurationSetName": "mds-campaign"}
    [there] = ses.get_configuration_set_event_destinations(**read)["EventDestinations"]
    assert there == {"Name": "bounces", "Enabled": True, "MatchingEventTypes": ["BOUNCE", "COMPLAINT"], **topic}
    nothing = {"Enabled": True, "MatchingEventTypes": ["BOUNCE"]}
    bare = refused(ses.update_configuration_set_event_destination, **of, EventDestination=nothing)
    assert bare[0] == "BadRequestException"
    ses.delete_configuration_set_event_destination(**of)
    assert ses.get_configuration_set_event_destinations(**read)["EventDestinations"] == []
    ses.delete_configuration_set(**read)
    assert ses.list_configuration_sets()["ConfigurationSets"] == []
    assert refused(ses.get_configuration_set, **read) == ("NotFoundException", 404)


def test_a_tenant_has_resources_and_is_paused_and_resumed(lab, ses):
    ses.create_email_identity(EmailIdentity=DOMAIN)
    tenant = ses.create_tenant(TenantName="spaceone", Tags=[{"Key": "space", "Value": "1"}])
    arn = f"arn:aws:ses:ap-southeast-2:{tenant['TenantArn'].split(':')[4]}:identity/{DOMAIN}"
    ses.create_tenant_resource_association(TenantName="spaceone", ResourceArn=arn)
    twice = refused(ses.create_tenant_resource_association, TenantName="spaceone", ResourceArn=arn)
    assert twice[0] == "AlreadyExistsException"
    [resource] = ses.list_tenant_resources(TenantName="spaceone")["TenantResources"]
    assert resource == {"ResourceType": "EMAIL_IDENTITY", "ResourceArn": arn}
    [of] = ses.list_resource_tenants(ResourceArn=arn)["ResourceTenants"]
    assert (of["TenantName"], of["TenantId"]) == ("spaceone", tenant["TenantId"])
    entity = {"ReputationEntityType": "RESOURCE", "ReputationEntityReference": tenant["TenantArn"]}
    for wanted in ("DISABLED", "REINSTATED", "ENABLED"):
        ses.update_reputation_entity_customer_managed_status(**entity, SendingStatus=wanted)
        assert ses.get_tenant(TenantName="spaceone")["Tenant"]["SendingStatus"] == wanted
        found = ses.get_reputation_entity(**entity)["ReputationEntity"]
        assert found["CustomerManagedStatus"]["Status"] == found["SendingStatusAggregate"] == wanted
    [listed] = ses.list_reputation_entities()["ReputationEntities"]
    assert listed["ReputationEntityReference"] == tenant["TenantArn"]
    operations = [call["operation"] for call in lab.mutating()]
    assert operations.count("UpdateReputationEntityCustomerManagedStatus") == 3
    ses.delete_tenant(TenantName="spaceone")
    assert refused(ses.get_tenant, TenantName="spaceone") == ("NotFoundException", 404)


def test_tags_are_found_by_the_tagging_service(lab, ses):
    own = [{"Key": "mydigitalstructure:platform", "Value": "mds"}]
    ses.create_email_identity(EmailIdentity=DOMAIN, Tags=own)
    ses.create_email_identity(EmailIdentity="foreign.example.com")
    ses.create_configuration_set(ConfigurationSetName="mds-campaign", Tags=own)
    tenant = ses.create_tenant(TenantName="spaceone", Tags=own)["TenantArn"]
    tagging = lab.client("resourcegroupstaggingapi")
    filters = [{"Key": "mydigitalstructure:platform", "Values": ["mds"]}]

    def found(**more):
        return sorted(
            item["ResourceARN"].partition(":")[2].split(":", 4)[4]
            for item in tagging.get_resources(TagFilters=filters, **more)["ResourceTagMappingList"]
        )

    identifier = tenant.split("/", 1)[1]
    assert found() == ["configuration-set/mds-campaign", f"identity/{DOMAIN}", f"tenant/{identifier}"]
    assert found(ResourceTypeFilters=["ses:identity"]) == [f"identity/{DOMAIN}"]
    ses.tag_resource(ResourceArn=tenant, Tags=[{"Key": "a", "Value": "b"}])
    ses.untag_resource(ResourceArn=tenant, TagKeys=["mydigitalstructure:platform"])
    assert ses.list_tags_for_resource(ResourceArn=tenant)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert len(found()) == 2


def test_nothing_is_sent_for_a_domain_that_is_not_verified(lab, ses):
    message = {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "there"}}}}
    letter = {"FromEmailAddress": f"post@{DOMAIN}", "Destination": {"ToAddresses": ["a@b.com"]}, "Content": message}
    tokens = ses.create_email_identity(EmailIdentity=DOMAIN)["DkimAttributes"]["Tokens"]
    assert refused(ses.send_email, **letter)[0] == "MessageRejected"
    publish(lab, *easy(tokens))
    assert ses.send_email(**letter)["MessageId"]


def test_nothing_is_sent_for_what_is_paused_or_not_the_tenants(lab, ses):
    message = {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "there"}}}}
    letter = {"FromEmailAddress": f"post@{DOMAIN}", "Destination": {"ToAddresses": ["a@b.com"]}, "Content": message}
    publish(lab, *easy(ses.create_email_identity(EmailIdentity=DOMAIN)["DkimAttributes"]["Tokens"]))
    ses.create_configuration_set(ConfigurationSetName="mds-adhoc")
    arn = ses.create_tenant(TenantName="one")["TenantArn"]
    letter |= {"TenantName": "one", "ConfigurationSetName": "mds-adhoc"}
    for resource in (f"identity/{DOMAIN}", "configuration-set/mds-adhoc"):
        assert refused(ses.send_email, **letter)[0] == "BadRequestException"
        resource_arn = f"{arn.partition('tenant/')[0]}{resource}"
        ses.create_tenant_resource_association(TenantName="one", ResourceArn=resource_arn)
    assert ses.send_email(**letter)["MessageId"]
    entity = {"ReputationEntityType": "RESOURCE", "ReputationEntityReference": arn}
    ses.update_reputation_entity_customer_managed_status(**entity, SendingStatus="DISABLED")
    assert refused(ses.send_email, **letter)[0] == "SendingPausedException"
    ses.update_reputation_entity_customer_managed_status(**entity, SendingStatus="ENABLED")
    ses.put_configuration_set_sending_options(ConfigurationSetName="mds-adhoc", SendingEnabled=False)
    assert refused(ses.send_email, **letter)[0] == "SendingPausedException"


def test_the_sandbox_is_left_and_entered_by_asking(lab, ses):
    assert ses.get_account()["ProductionAccessEnabled"] is True
    asked = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://example.com", "UseCaseDescription": "tests"}
    ses.put_account_details(**asked, ProductionAccessEnabled=False)
    account = ses.get_account()
    assert (account["ProductionAccessEnabled"], account["SendQuota"]["Max24HourSend"]) == (False, 200.0)
    lab.reset()
    assert ses.get_account()["ProductionAccessEnabled"] is True


def test_one_call_a_second_of_an_operation(lab, ses):
    lab.quotas("throttle")
    try:
        assert "TooManyRequestsException" in {refused_or_not(ses, "list_email_identities") for _call in range(3)}
    finally:
        lab.quotas("off")


def refused_or_not(ses, name):
    try:
        getattr(ses, name)()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "answered"


def test_the_aws_cli_lists_by_the_paths_of_before(lab, ses):
    for number in range(3):
        ses.create_email_identity(EmailIdentity=f"space{number}.com")
    ses.create_configuration_set(ConfigurationSetName="adhoc")
    lab.clear_calls()

    def listed(operation):
        aws = pathlib.Path(sys.executable).with_name("aws")
        command = [aws, "sesv2", operation, "--page-size", "2", "--output", "json"]
        return json.loads(subprocess.run(command, env=os.environ, check=True, capture_output=True, text=True).stdout)

    assert len(listed("list-email-identities")["EmailIdentities"]) == 2
    assert listed("list-configuration-sets")["ConfigurationSets"] == ["adhoc"]
    assert [call["operation"] for call in lab.calls()] == ["ListEmailIdentities", "ListConfigurationSets"]
