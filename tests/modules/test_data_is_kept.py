"""Every option of the modules that keep data, changed in turn on what exists: in place, or refused with one sentence.

The options come from the modules' own argument specs, so one without a value to change to fails the test. Each change
is planned, with ``purge`` too, and one of each option is made; then all is still the same and holds what it did.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import typing as t

import botocore.httpsession
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from tests.modules.kept_subjects import PLANNED, REFUSED, SAME, SUBJECTS, Subject

HOLD_DATA = {"table", "bucket", "volume", "database"}
"""Kinds of things that hold data. An index or a replica holds nothing that its table or database does not."""
LOSING = {"DeleteTable", "DeleteBucket", "DeleteObject", "DeleteObjects", "DeleteVolume", "DetachVolume"}
LOSING |= {"DeleteDBInstance"}
YEAR = 365 * 86400


def argument_spec(name: str) -> dict:
    """The options that a module really has."""
    module = importlib.import_module(f"ansible_collections.mydigitalstructure.aws.plugins.modules.{name}")
    found: dict = {}

    class Captured(Exception):
        pass

    def capture(self, **settings):
        found.update(settings["argument_spec"])
        raise Captured

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Captured):
        patch.setattr(AnsibleAWSModule, "__init__", capture)
        module.main()
    return found


def options_of(spec: dict, beneath: str = "") -> t.Iterator[tuple[str, dict]]:
    """Every option and suboption by its path."""
    for name, option in spec.items():
        yield beneath + name, option
        yield from options_of(option.get("options", {}), f"{beneath}{name}.")


def holder_of(options: t.Any, place: str) -> tuple[dict, str]:
    """What holds the value at a place, and the value's name there; of a list the first item unless numbered."""
    *way, last = place.split(".")
    for name in [*way, ""]:
        if isinstance(options, list):
            options = options[int(name) if name.isdigit() else 0]
        if name and not name.isdigit():
            options = options.setdefault(name, {})
    return options, last


def changed(base: dict, change: dict) -> dict:
    options = copy.deepcopy(base)
    for place, value in change.items():
        holder, name = holder_of(options, place)
        holder[name] = value
    return options


def changes_of(subject: Subject, path: str, option: dict) -> list[dict]:
    """What an option is changed to; an option of which nobody has thought is a :class:`KeyError`."""
    if path in subject.changes or "choices" not in option and option["type"] != "bool":
        return subject.changes[path]
    holder, name = holder_of(copy.deepcopy(subject.base), path)
    present = holder.get(name, option.get("default"))
    return [{path: value} for value in option.get("choices", (True, False)) if value != present]


def outcome(result: dict) -> str:
    """What a run came to; a refusal is one sentence, and nothing of AWS's."""
    if not result["failed"]:
        lost = [action for action in result["actions"] if action["verb"] == "replace"]
        lost += [a for a in result["actions"] if a["verb"] == "delete" and a["kind"] in HOLD_DATA]
        assert lost == []
        return PLANNED if result["actions"] else SAME
    said = result["msg"]
    assert said.endswith(".") and ". " not in said and "\n" not in said and "AWS refused" not in said, said
    return REFUSED


@contextlib.contextmanager
def nothing_changing(lab) -> t.Iterator[None]:
    """Meanwhile the lab is asked the same only once: plans change nothing, which is looked at in the end."""
    send, answers = botocore.httpsession.URLLib3Session.send, {}

    def remembered(session, request):
        asked = request.method, request.url, request.headers.get("X-Amz-Target"), request.body
        if asked not in answers:
            answers[asked] = send(session, request)
        return answers[asked]

    lab.clear_calls()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.httpsession.URLLib3Session, "send", remembered)
        yield
    assert lab.mutating() == []


@pytest.mark.once
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_option(lab, run_module, impatient, name):
    subject = SUBJECTS[name](lab)
    made = run_module(name, **subject.base)
    assert not made["failed"], made
    subject.fill()
    before = subject.identity()
    spec = argument_spec(name)
    told: dict[str, set[str]] = {}
    allowed: dict[str, dict] = {}
    with nothing_changing(lab):
        for path, option in options_of(spec):
            for change in changes_of(subject, path, option):
                # what purge refuses may be allowed without it
                for purge in ({"purge": True}, {}) if "purge" in spec else ({},):
                    options = changed(subject.base, change)
                    came_to = outcome(run_module(name, check=True, **{**purge, **options}))
                    told.setdefault(path, set()).add(came_to)
                    if came_to == PLANNED:
                        allowed.setdefault(path, options)
                    if came_to != REFUSED:
                        break
    wrong = {path: came_to for path, came_to in told.items() if came_to != subject.outcomes.get(path, {PLANNED})}
    assert wrong == {}

    for options in allowed.values():
        # AWS takes some changes only so often
        lab.advance(YEAR)
        outcome(run_module(name, **options))
    after = subject.identity()
    assert {name: after.get(name) for name in before} == before
    assert LOSING & {call["operation"] for call in lab.mutating()} == set()


@pytest.mark.parametrize("name", ["tables", "buckets", "volumes"])
def test_the_same_removal_asked_for_by_name(lab, run_module, impatient, name):
    """What the test above would find."""
    subject = SUBJECTS[name](lab)
    run_module(name, **subject.base)
    subject.fill()
    planned = run_module(name, check=True, purge=True, **{**subject.base, **subject.by_name})
    assert [
        action["kind"] for action in planned["actions"] if action["verb"] == "delete" and action["kind"] in HOLD_DATA
    ]
