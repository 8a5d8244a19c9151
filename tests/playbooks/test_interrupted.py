"""A playbook that is killed between any two calls: the next run completes it, nothing is there twice or left over."""

from __future__ import annotations

import concurrent.futures
import json
import os
import random
import re
import signal
import subprocess
import sys

import pytest

from tests.lab.client import Lab
from tests.playbooks.runner import account, family, run_interrupted, run_playbook

pytestmark = pytest.mark.once

SEED = int(os.environ.get("INTERRUPTED_SEED", "20260"))
# a story is five runs of the whole platform, minutes of a core, and .ci/run has an hour
CONVERGES, DESTROYS = 2, 1
CONFIRMED = {"destroy_confirm": "mds"}

# what AWS chooses anew each time, in ids, names of hosts and times
CHOSEN = [
    r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b",
    r'(?<="ClientToken": ")[0-9a-f]{64}',
    r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    r"(?<=[a-z]-)[0-9a-f]{8,17}\b",
    r"(?<=/)[0-9a-f]{16}\b",
    r"\b(ip|ec2)-\d+-\d+-\d+-\d+\b",
    r"\b\d+\.\d+\.\d+\.\d+\b(?!/(?!32\b))",
    r"\b\d{4}-\d\d-\d\d[T ][0-9:.]+(\+00:00|Z)?",
    r"(?<=hostedzone/)[A-Z0-9]+",
    r"\b_[0-9a-f]{32}\b",
    r"\b_[0-9a-z]+(?=\.[a-z]+\.acm-validations)",
    r"\bA(ROA|IPA|KIA|IDA)[A-Z0-9]+\b",
    r'(?<="UserId": ")\w+',
    r"(?<=secret:mds/mail/smtp-)\w{6}",
    r"(?<=secret:rds!db-\*-)\w{6}",
    r"\bdb-[A-Z]{26}\b",
    r"\b[0-9a-f]{64}\b",
    r'(?<="PolicyId": ")\w+',
    # a backup plan's
    r'(?<="VersionId": ")\w+',
    r"\b[0-9a-f]{48}\b",
    r'(?<="InstanceProfileId": ")\w+',
    r"(?<=-)\d+(?=\.[a-z0-9-]+\.elb\.)",
]


def sorted_within(value):
    """The same with its lists in order: AWS promises none."""
    if isinstance(value, dict):
        return {key: sorted_within(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((sorted_within(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def picture(held: dict[str, list]) -> dict[str, list]:
    """An account with a star for what AWS chose: equal for two platforms of one description."""
    text = json.dumps(held)
    for pattern in CHOSEN:
        text = re.sub(pattern, "*", text)
    return sorted_within(json.loads(text))


class Account:
    """A lab of its own, and the collection's playbooks on it."""

    def __init__(self, directory):
        self.directory = directory
        self.lab = Lab.start(state_dir=directory / "lab", port=0)

    def run(self, name, variables=None):
        self.lab.clear_calls()
        return run_playbook(self.directory, name, variables=variables, environment=self.lab.environment())

    def kill(self, name, moment, variables=None):
        calls, seconds = moment
        return run_interrupted(
            self.lab,
            self.directory,
            name,
            seconds,
            calls=calls,
            variables=variables,
            environment=self.lab.environment(),
        )

    def held(self):
        return account(self.lab.environment())


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    """Two of them, so that two stories run at the same time."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
            patch.delenv(name)
        made = []
        try:
            for _number in range(2):
                made.append(Account(tmp_path_factory.mktemp("interrupted")))
            yield made
        finally:
            for one in made:
                one.lab.stop()


@pytest.fixture(scope="module")
def clean(accounts):
    """A platform made and removed without interruption: its picture, and how many calls of both change something."""
    first = accounts[0]
    found = first.held()
    made = first.run("provision")
    assert made.status == 0, made.failure()
    calls, whole = len(first.lab.mutating()), picture(first.held())
    removed = first.run("destroy", CONFIRMED)
    assert removed.status == 0, removed.failure()
    assert first.held() == found
    return {"picture": whole, "provision": calls, "destroy": len(first.lab.mutating())}


@pytest.fixture(scope="module")
def stories(accounts, clean):
    """Each: a first converge is killed, the next one completes it, a third looks; some are then removed likewise."""
    chance = random.Random(SEED)
    print(f"INTERRUPTED_SEED={SEED}")

    def moment(calls: int, number: int, of: int) -> tuple[int, float]:
        """After so many changing calls, and some seconds; one in each of so many parts, none at the very end."""
        return 1 + int(0.9 * calls * (number + chance.random()) / of), chance.random() / 4

    moments = [
        (
            moment(clean["provision"], number, CONVERGES),
            moment(clean["destroy"], number, DESTROYS) if number < DESTROYS else None,
        )
        for number in range(CONVERGES)
    ]

    def tell(one: Account, moment: tuple[int, float], removal: tuple[int, float] | None) -> dict:
        one.lab.reset()
        found = one.held()
        told = {"found": found, "moment": moment, "made": one.kill("provision", moment)}
        told |= {"next": one.run("provision"), "picture": picture(one.held())}
        told |= {"again": one.run("provision"), "again_changed": one.lab.mutating()}
        if removal is not None:
            told |= {"removal": removal, "removed": one.kill("destroy", removal, CONFIRMED)}
            told |= {"destroy": one.run("destroy", CONFIRMED), "left": one.held()}
        print(f"provision killed after {told['made']} changing calls of {clean['provision']}")
        if removal is not None:
            print(f"destroy killed after {told['removed']} changing calls of {clean['destroy']}")
        return told

    def tell_all(one: Account, mine: list[tuple]) -> list[dict]:
        return [tell(one, *moment) for moment in mine]

    with concurrent.futures.ThreadPoolExecutor(len(accounts)) as pool:
        halves = [pool.submit(tell_all, one, moments[n :: len(accounts)]) for n, one in enumerate(accounts)]
        told = [story for half in halves for story in half.result()]
    return sorted(told, key=lambda story: story["moment"])


@pytest.mark.parametrize("number", range(CONVERGES))
def test_the_next_provision_completes_one_that_was_killed(stories, clean, number):
    story = stories[number]
    assert story["made"], f"it was not interrupted at {story['moment']}"
    assert story["next"].status == 0, story["next"].failure()
    differing = {kind: items for kind, items in story["picture"].items() if items != clean["picture"][kind]}
    assert differing == {kind: clean["picture"][kind] for kind in differing}, story["moment"]
    assert story["again"].status == 0, story["again"].failure()
    assert story["again"].stats["changed"] == 0, story["again"].actions()
    assert story["again_changed"] == []


@pytest.mark.parametrize("number", range(DESTROYS))
def test_the_next_destroy_completes_one_that_was_killed(stories, number):
    story = [story for story in stories if "removal" in story][number]
    assert story["removed"], f"it was not interrupted at {story['removal']}"
    assert story["destroy"].status == 0, story["destroy"].failure()
    for kind, items in story["found"].items():
        assert story["left"][kind] == items, (kind, story["removal"])


def test_the_whole_family_of_a_process_is_found():
    """A worker in a session of its own would otherwise go on after the kill."""
    script = "import subprocess, sys; print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True)"
    script += "; sys.stdin.read()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        members = family(process.pid)
        for member in members:
            os.kill(member, signal.SIGKILL)
    assert members == [process.pid, child]
