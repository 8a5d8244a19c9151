"""Module zone_files; what it wrote is read back with dnspython and csv."""

from __future__ import annotations

import csv
import io

import dns.rdatatype
import dns.zone
import pytest

LONG = "v=DKIM1; k=rsa; p=" + "A" * 600
RECORDS = [
    {"name": "s1._domainkey.acme.com", "type": "TXT", "ttl": 3600, "values": [LONG]},
    {"name": "mail.acme.com", "type": "MX", "ttl": 3600, "values": ["10 feedback-smtp.eu-west-1.amazonses.com"]},
    {"name": "mail.acme.com", "type": "TXT", "values": ['v=spf1 "quoted"; ~all']},
    {"name": "t._domainkey.acme.com", "type": "CNAME", "ttl": 60, "values": ["t.dkim.amazonses.com"]},
]


@pytest.fixture
def write(run_module, tmp_path):
    def run(*files, check=False, **options):
        return run_module("zone_files", check=check, path=str(tmp_path / "out"), files=list(files), **options)

    return run


def said(zone, name, kind):
    [rdata] = zone.find_rdataset(name, kind)
    return b"".join(rdata.strings).decode()


def test_what_is_written_is_what_a_name_server_reads(write, tmp_path):
    out = tmp_path / "out"
    checked = write({"name": "acme", "records": RECORDS}, check=True)
    assert not checked["failed"], checked
    assert not out.exists()
    made = write({"name": "acme", "records": RECORDS})
    assert made["actions"] == checked["actions"] and made["diff"] == checked["diff"]
    assert [action["verb"] for action in made["actions"]] == ["create"]
    text = (out / "acme.zone").read_text()
    zone = dns.zone.from_text(text, "acme.com.", check_origin=False)
    assert len([None for _name, rdataset in zone.iterate_rdatasets() for _rdata in rdataset]) == len(RECORDS)
    assert said(zone, "s1._domainkey", "TXT") == LONG
    [rdata] = zone.find_rdataset("s1._domainkey", "TXT")
    assert [len(string) for string in rdata.strings] == [255, 255, 108]
    assert said(zone, "mail", "TXT") == 'v=spf1 "quoted"; ~all'
    assert zone.find_rdataset("mail", "MX").ttl == 3600
    assert str(zone.find_rdataset("t._domainkey", "CNAME")[0]) == "t.dkim.amazonses.com."
    rows = list(csv.DictReader(io.StringIO((out / "acme.csv").read_text())))
    assert {"name": "s1._domainkey.acme.com", "type": "TXT", "ttl": "3600", "value": LONG} in rows
    assert len(rows) == len(RECORDS)
    assert sorted(path.name for path in out.iterdir()) == ["acme.csv", "acme.zone"]
    assert write({"name": "acme", "records": RECORDS})["changed"] is False


def test_changes_purge_and_files_of_others(write, tmp_path):
    out = tmp_path / "out"
    write({"name": "acme", "records": RECORDS}, {"name": "blue", "records": RECORDS[:1]})
    (out / "theirs.zone").write_text("; Records of their own\n")
    (out / "notes.txt").write_text("notes")
    (out / "blue.csv").unlink()
    again = write({"name": "acme", "records": RECORDS[1:]}, {"name": "blue", "records": RECORDS[:1]})
    assert [(action["verb"], action["name"]) for action in again["actions"]] == [("update", "acme"), ("update", "blue")]
    assert (out / "blue.csv").exists() and "s1._domainkey" not in (out / "acme.zone").read_text()
    gone = write({"name": "acme", "records": RECORDS[1:]}, purge=True)
    assert [(action["verb"], action["name"]) for action in gone["actions"]] == [("delete", "blue")]
    assert sorted(path.name for path in out.iterdir()) == ["acme.csv", "acme.zone", "notes.txt", "theirs.zone"]


def test_names_that_are_not_known_yet_are_planned(write):
    unknown = {"name": "(known after apply)-1._domainkey.acme.com", "type": "CNAME", "values": ["(known after apply)"]}
    planned = write({"name": "acme", "records": [unknown, RECORDS[1]]}, check=True)
    assert [action["verb"] for action in planned["actions"]] == ["create"]
    refused = write({"name": "acme", "records": [unknown]})
    assert refused["failed"] and "only in check mode" in refused["msg"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([{"name": "../acme", "records": []}], ["files: name '../acme'"]),
        ([{"name": "a", "records": []}, {"name": "A", "records": []}], ["'A' is there twice"]),
        ([{"name": "a", "records": [{"name": "a.com", "type": "MX", "values": ["x"]}]}], ["files: a: a.com MX", "'x'"]),
        ([{"name": "a", "records": [{"name": "a.com", "type": "WHAT", "values": ["x"]}]}], ["a.com. WHAT"]),
    ],
)
def test_what_no_name_server_would_read_is_refused(write, tmp_path, files, words):
    refused = write(*files)
    assert refused["failed"], refused
    for word in words:
        assert word in refused["msg"]
    assert not (tmp_path / "out").exists()


def test_a_path_that_cannot_be_is_refused(run_module, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/out"):
        refused = run_module("zone_files", path=str(path), files=[{"name": "a", "records": RECORDS}])
        assert refused["failed"] and refused["msg"].startswith(f"path: '{path}' ")
