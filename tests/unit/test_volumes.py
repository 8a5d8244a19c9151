"""Data volumes and where they are attached: what is wanted, and the plan."""

from __future__ import annotations

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _volume_attachment as attachment
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _volumes as volumes
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY, InputError

FILES = {"name": "files", "zone": "eu-west-1a", "size": 100}


def wanted(**changes):
    return volumes.desired([{**FILES, **changes}], "mds", {"Environment": "test"})


def present(**changes):
    fields = {"iops": 3000, "throughput": 125, "kms_key_id": "arn:aws:kms:eu-west-1:123456789012:key/default"}
    return {"files": {**fields, **wanted()["files"], **changes}}


def refused(call, *arguments, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **options)
    return str(error.value)


# --- volumes --------------------------------------------------------------------------------------------------------


def test_a_new_volume_is_encrypted_and_tagged():
    (action,) = volumes.plan(wanted(snapshot_id="snap-12"), {})
    assert (action.verb, action.kind, action.name) == ("create", "volume", "files")
    assert action.after == {
        "zone": "eu-west-1a",
        "encrypted": True,
        "type": "gp3",
        "size": 100,
        "snapshot_id": "snap-12",
        "tags": {
            "Name": "mds-files",
            "Environment": "test",
            "mydigitalstructure:platform": "mds",
            "mydigitalstructure:name": "files",
            "mydigitalstructure:kind": "volume",
        },
    }


def test_what_is_as_wanted_is_left_alone():
    assert not volumes.plan(wanted(), present())
    assert not volumes.plan(wanted(snapshot_id="snap-12"), present())


@pytest.mark.parametrize("changes", [{"size": 101}, {"iops": 4000}, {"iops": 4000, "throughput": 500}, {"type": "gp2"}])
def test_it_changes_in_place(changes):
    (action,) = volumes.plan(wanted(**changes), present())
    assert action.verb == "update"
    assert action.after == changes


def test_it_never_shrinks():
    assert refused(volumes.plan, wanted(size=99), present()) == (
        "volumes: files: size cannot go from 100 to 99 GiB, since a volume only grows; 100 or more is allowed."
    )


@pytest.mark.parametrize(
    "changes",
    [{"zone": "eu-west-1b"}, {"kms_key_id": "arn:aws:kms:eu-west-1:123456789012:key/other"}],
    ids=["zone", "key"],
)
def test_what_would_need_another_volume_is_refused(changes):
    (field,) = changes
    assert refused(volumes.plan, wanted(**changes), present()).startswith(f"volume files: {field} cannot be changed")


def test_an_unencrypted_volume_is_not_taken_for_ours():
    assert "encrypted cannot be changed" in refused(volumes.plan, wanted(), present(encrypted=False))


def test_nothing_is_deleted_unless_its_name_is_given():
    assert not volumes.plan({}, present())
    assert refused(volumes.plan, {}, present(), purge=True) == (
        "volumes: files: not declared any more, but may hold data; only what is in delete_with_data or ignore is "
        "allowed to be left out."
    )
    assert not volumes.plan({}, present(), purge=True, ignore=["f*"])
    (action,) = volumes.plan({}, present(), purge=True, delete_with_data=["files"])
    assert (action.verb, action.name) == ("delete", "files")
    assert "declared in volumes too" in refused(volumes.plan, wanted(), present(), delete_with_data=["files"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "a b"}, "volumes: name 'a b' is not allowed"),
        ({"size": 0}, "volumes: files: size 0 is not allowed; 1 to 65536 GiB is."),
        ({"size": 70000}, "volumes: files: size 70000 is not allowed; 1 to 65536 GiB is."),
        ({"zone": "here"}, "volumes: files: zone 'here' is not allowed; it is such as eu-west-1a."),
        ({"type": "st1"}, "volumes: files: type 'st1' is not allowed; gp3, gp2, io1, io2 are."),
        ({"iops": 100}, "volumes: files: iops 100 is too low; 3000 is the least."),
        ({"type": "io2"}, "volumes: files: iops is missing; io2 needs it."),
        ({"type": "gp2", "iops": 3000}, "volumes: files: iops cannot be set for gp2; gp3, io1 and io2 have it."),
        ({"throughput": 100}, "volumes: files: throughput 100 is not allowed; gp3 alone has it, from 125 MiB/s."),
        (
            {"throughput": 800},
            "volumes: files: throughput 800 is not allowed with 3000 IOPS; a quarter of them, 750 MiB/s, is the most.",
        ),
        ({"kms_key_id": "alias/mine"}, "volumes: files: kms_key_id 'alias/mine' is not allowed"),
        ({"snapshot_id": "latest"}, "volumes: files: snapshot_id 'latest' is not allowed"),
    ],
)
def test_bad_input_is_one_sentence(changes, sentence):
    said = refused(wanted, **changes)
    assert said.startswith(sentence)
    assert "\n" not in said


def test_the_same_volume_twice():
    assert "there twice" in refused(volumes.desired, [FILES, FILES], "mds", {})


def test_the_path_on_nitro_is_made_of_the_volumes_id():
    assert volumes.device_path("vol-0123456789abcdef0").endswith("Elastic_Block_Store_vol0123456789abcdef0")


# --- attachment -----------------------------------------------------------------------------------------------------


VOLUME = {"VolumeId": "vol-1", "State": "in-use", "AvailabilityZone": "eu-west-1a"}


def place(name, state="running", zone="eu-west-1a", devices=()):
    return attachment.Place(name, state, zone, frozenset(devices))


def attach(target, holder=None, *, present=True, **options):
    volume = options.pop("volume", VOLUME)
    return list(attachment.plan("files", volume, target, holder, present=present, **options))


def test_a_free_volume_is_attached():
    (action,) = attach(place("i-1"))
    assert (action.verb, action.kind, action.name) == ("create", "volume_attachment", "files")
    assert action.after == {"instance_id": "i-1"}


def test_what_does_not_exist_yet_is_planned():
    (action,) = attach(None, volume=None)
    assert action.after == {"instance_id": KNOWN_AFTER_APPLY}


def test_it_stays_where_it_is_wanted():
    assert attach(place("i-1", devices=["/dev/sdf"]), place("i-1"), device="/dev/sdf") == []
    assert attach(None, None, present=False) == []


@pytest.mark.parametrize("state", ["stopped", "stopping", "shutting-down", "terminated", "missing"])
def test_it_moves_from_a_host_that_writes_no_more(state):
    (action,) = attach(place("i-2"), place("i-1", state))
    assert (action.verb, action.before, action.after) == ("update", {"instance_id": "i-1"}, {"instance_id": "i-2"})


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("state", ["running", "pending"])
def test_it_is_not_taken_from_a_host_that_runs(state, present):
    said = refused(attach, place("i-2") if present else None, place("i-1", state), present=present)
    assert said.startswith(f"volume_id: files is attached to i-1, which is {state}; ")


def test_a_host_that_runs_is_stopped_when_told():
    (action,) = attach(place("i-2"), place("i-1"), if_running="stop")
    assert action.before == {"instance_id": "i-1", "holder": "running"}
    assert action.after == {"instance_id": "i-2", "holder": "stopped"}


def test_it_is_taken_off_when_told():
    (action,) = attach(None, place("i-1"), present=False, if_running="detach")
    assert (action.verb, action.before) == ("delete", {"instance_id": "i-1"})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"target": place("i-2", zone="eu-west-1b")}, "instance_id: i-2 is in zone eu-west-1b, but volume files is in"),
        ({"target": place("i-2", "terminated")}, "instance_id: i-2 is terminated; "),
        ({"target": place("i-2", devices=["/dev/sdf"]), "device": "/dev/sdf"}, "device: '/dev/sdf' is taken on i-2; "),
        ({"target": place("i-2"), "volume": {**VOLUME, "State": "error"}}, "volume_id: files is error; "),
    ],
)
def test_what_cannot_be_is_refused(arguments, sentence):
    assert refused(attach, **arguments).startswith(sentence)
