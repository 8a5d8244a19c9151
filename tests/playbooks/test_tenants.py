"""Playbook tenants: what is wrong with a list, the way of tenants through their states, and runs that are killed."""

from __future__ import annotations

import datetime
import os
import random

import pytest

from tests.lab.client import Lab
from tests.lab.control import REGION
from tests.playbooks.runner import run_interrupted, run_playbook

pytestmark = pytest.mark.once

SEED = int(os.environ.get("INTERRUPTED_SEED", "20263"))
TENANTS, KILLS = 200, 20
ZONES = ("mydigitalstructure.com", "hosted.example.com")
LEAVING = "mydigitalstructure:leaving"


def rows(numbers, **changes):
    """A list of tenants; every other one's domain is in a zone of the platform."""
    lines = ["name,domains,state,tags"]
    for number in numbers:
        domain = f"space{number}.{ZONES[1] if number % 2 else 'example.org'}"
        lines.append(f"space{number},{domain},{changes.get(f'space{number}', 'active')},plan=team")
    return "\n".join(lines) + "\n"


class Account:
    """A lab of its own with what provision makes for tenants, and playbook tenants on it."""

    def __init__(self, directory):
        self.directory, self.list, self.out = directory, directory / "tenants.csv", directory / "out"
        self.lab = Lab.start(state_dir=directory / "lab", port=0)
        outside = {name: None for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"}
        self.environment = {**outside, **self.lab.environment()}
        self.prepare()

    def prepare(self):
        self.lab.reset()
        ses, dns = self.lab.client("sesv2"), self.lab.client("route53")
        for name in ("mds-adhoc", "mds-campaign"):
            ses.create_configuration_set(ConfigurationSetName=name)
        for name in ZONES:
            # as dns_zones makes them
            made = dns.create_hosted_zone(Name=name, CallerReference=f"mydigitalstructure/mds/{name}/1")
            dns.change_tags_for_resource(
                ResourceType="hostedzone",
                ResourceId=made["HostedZone"]["Id"].rpartition("/")[2],
                AddTags=[{"Key": "mydigitalstructure:platform", "Value": "mds"}],
            )

    @property
    def variables(self):
        return {"tenants_source": str(self.list), "tenants_output": str(self.out)}

    def run(self, *arguments, playbook="tenants", **variables):
        self.lab.clear_calls()
        return run_playbook(
            self.directory,
            playbook,
            *arguments,
            variables={**self.variables, **variables},
            environment=self.environment,
        )

    def kill(self, calls, seconds=0.0):
        return run_interrupted(
            self.lab,
            self.directory,
            "tenants",
            seconds,
            calls=calls,
            variables=self.variables,
            environment=self.environment,
        )

    def held(self):
        """All domains with their settings, tenants with what they have, records and files, as AWS and the disk say."""
        ses, dns = self.lab.client("sesv2"), self.lab.client("route53")
        domains, tenants, records = {}, {}, {}
        token = {}
        while True:
            page = ses.list_email_identities(PageSize=1000, **token)
            for item in page["EmailIdentities"]:
                found = ses.get_email_identity(EmailIdentity=item["IdentityName"])
                tags = {tag["Key"]: tag["Value"] for tag in found.pop("Tags")}
                tags.pop("mydigitalstructure:since", None)
                found.pop("ResponseMetadata")
                domains[item["IdentityName"]] = {**found, "tags": tags}
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        token = {}
        while True:
            page = ses.list_tenants(PageSize=100, **token)
            for item in page["Tenants"]:
                name = item["TenantName"]
                resources = ses.list_tenant_resources(TenantName=name)["TenantResources"]
                tenants[name] = (item["SendingStatus"], sorted(one["ResourceArn"] for one in resources))
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        for zone in dns.list_hosted_zones()["HostedZones"]:
            pages = dns.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone["Id"])
            for page in pages:
                for item in page["ResourceRecordSets"]:
                    key = (item["Name"], item["Type"], item.get("SetIdentifier"))
                    if item["Type"] not in ("NS", "SOA"):
                        records[key] = [value["Value"] for value in item["ResourceRecords"]]
        files = {path.name: path.read_text() for path in sorted(self.out.glob("*"))}
        return {"domains": domains, "tenants": tenants, "records": records, "files": files}


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    made = Account(tmp_path_factory.mktemp("tenants"))
    yield made
    made.lab.stop()


def test_a_tenants_way_from_the_list_and_back_to_it(account):
    account.list.write_text(rows(range(10)))
    planned = account.run("--check", "--diff")
    assert planned.status == 0, planned.failure()
    assert account.lab.mutating() == [] and not account.out.exists()
    made = account.run()
    assert made.status == 0, made.failure()
    chosen = {key for key in planned.actions() if "known after apply" in key[1]}
    assert planned.actions().keys() - chosen <= made.actions("Apply the plan").keys()
    assert len(planned.actions()) == len(made.actions("Apply the plan")) and len(chosen) == 15
    held = account.held()
    assert len(held["domains"]) == len(held["tenants"]) == 10
    assert len(held["records"]) == 10 + 5 * 6 and len(held["files"]) == 10
    again = account.run()
    assert again.stats["changed"] == 0 and account.lab.mutating() == []
    # a second run reads lists and batches, and no domain by itself
    assert "GetEmailIdentity" not in {call["operation"] for call in account.lab.calls()}
    assert len(account.lab.calls()) < 16

    # one is suspended, one drops out, one leaves at once
    account.list.write_text(rows([0, 1, 2, 3, 4, 5, 6, 7], space7="suspended"))
    refused = account.run()
    assert refused.status != 0 and refused.failure().startswith("max_leaving: 10 percent"), refused.failure()
    assert account.lab.mutating() == []
    options = {"tenants_offboard_now": ["space9"]}
    planned = account.run("--check", **options)
    left = account.run(**options)
    assert left.status == 0, left.failure()
    assert left.actions("Apply the plan") == planned.actions()
    now = account.held()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    paused = {name for name, (status, _resources) in now["tenants"].items() if status == "DISABLED"}
    assert paused == {"mds-space7", "mds-space8"}
    assert now["domains"]["space8.example.org"]["tags"][LEAVING] == today
    assert "mds-space9" not in now["tenants"] and "space9.hosted.example.com" not in now["domains"]
    gone = {key for key in held["records"] if "space9" in key[0]}
    assert len(gone) == 7 and now["records"].keys() == held["records"].keys() - gone
    assert account.run(**options).stats["changed"] == 0

    # it comes back in time
    account.list.write_text(rows(range(9)))
    assert account.run().status == 0
    back = account.held()
    assert {status for status, _resources in back["tenants"].values()} == {"ENABLED"}
    assert LEAVING not in back["domains"]["space8.example.org"]["tags"]

    # or not
    account.list.write_text(rows(range(8)))
    assert account.run().status == 0
    ses = account.lab.client("sesv2")
    arn = f"arn:aws:ses:{REGION}:123456789012:identity/space8.example.org"
    long_ago = (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=30)).isoformat()
    ses.tag_resource(ResourceArn=arn, Tags=[{"Key": LEAVING, "Value": long_ago}])
    assert account.run().status == 0
    assert "mds-space8" not in account.held()["tenants"] and not (account.out / "space8.zone").exists()

    # an emptied list off-boards nobody
    account.list.write_text(rows([]))
    refused = account.run()
    assert refused.failure().startswith("max_leaving: 10 percent is less than 8 of 8 domains"), refused.failure()
    assert account.lab.mutating() == []

    # they go with the platform, and need no list for it
    removed = account.run(playbook="destroy", destroy_confirm="mds")
    assert removed.status == 0, removed.failure()
    assert account.held() == {"domains": {}, "tenants": {}, "records": {}, "files": {}}


def test_what_is_wrong_is_told_with_its_line_before_anything_is_changed(account):
    account.prepare()
    ses = account.lab.client("sesv2")
    ses.create_email_identity(EmailIdentity="theirs.example.org")
    account.lab.client("secretsmanager").create_secret(Name="dkim/broken", SecretString="no key")
    head = "name,domains,dkim_selector,dkim_secret\n"
    for content, variables, sentences in [
        (
            f"{head}a b,a.com,,\nok,ok.com,,\nx,com.au,,\n",
            {},
            ["tenants.csv line 2: name", "tenants.csv line 4: domain"],
        ),
        (
            f"{head}ok,ok.com,,\nx,theirs.example.org,,\n",
            {},
            ["tenants.csv line 3: theirs.example.org: an SES identity"],
        ),
        (f"{head}x,a.com,s1,dkim/broken\n", {}, ["tenants.csv line 2: a.com: private_key cannot be read"]),
        (f"{head}x,a.com,s1,dkim/none\n", {}, ["tenants.csv line 2: a.com: dkim private_key_secret 'dkim/none'"]),
        (f"{head}ok,ok.com,,\n", {"tenants_friendly_zone": "elsewhere.com"}, ["tenants_friendly_zone: "]),
        (f"{head}ok,ok.com,,\n", {"tenants_source": ""}, ["tenants_source: it is missing"]),
    ]:
        account.list.write_text(content)
        refused = account.run(**variables)
        assert refused.status != 0
        lines = refused.failure().splitlines()
        assert len(lines) == len(sentences), lines
        for line, sentence in zip(lines, sentences):
            assert line.startswith(sentence) and line.endswith("."), line
        assert account.lab.mutating() == []


def test_the_sandbox_is_said_with_what_to_ask_for(account):
    account.prepare()
    account.lab.client("sesv2").put_account_details(
        MailType="TRANSACTIONAL", WebsiteURL="https://a.com", ProductionAccessEnabled=False
    )
    account.list.write_text(rows([1]))
    said = [str(result.get("msg")) for result in account.run("--check").results if "sandbox" in result["task"]]
    assert len(said) == 1 and "is in the sandbox" in said[0] and "production access" in said[0]


def test_onboarding_that_is_killed_again_and_again_is_completed(account):
    """The kills are at random ones of all changing calls; each run goes on where the one before was killed."""
    chance = random.Random(SEED)
    print(f"INTERRUPTED_SEED={SEED}")
    account.prepare()
    account.list.write_text(rows(range(TENANTS)))
    assert account.run().status == 0
    whole, changing = account.held(), len(account.lab.mutating())
    assert len(whole["domains"]) == len(whole["tenants"]) == TENANTS
    for path in account.out.glob("*"):
        path.unlink()

    account.prepare()
    killed = []
    for to_come in range(KILLS, 0, -1):
        # a few calls more are always made before the kill, so what is left is shared out anew each time
        left = changing - sum(killed)
        made = account.kill(chance.randint(1, max(1, left // to_come)))
        killed.append(made or 0)
    print(f"killed after {killed} changing calls of {changing}")
    assert len([made for made in killed if made]) >= KILLS - 2, killed
    completed = account.run()
    assert completed.status == 0, completed.failure()
    held = account.held()
    for kind, items in whole.items():
        assert held[kind].keys() == items.keys(), kind
        assert held[kind] == items, kind
    again = account.run()
    assert again.stats["changed"] == 0 and account.lab.mutating() == []
