"""A rotation while clients go on, and one that is killed at any of its calls."""

from __future__ import annotations

import email.utils
import json
import os
import random
import threading

import boto3
import pytest

from tests.modules.killing import run_killed

DAY, HOUR = 86400, 3600
SEED, KILLS = int(os.environ.get("ROTATION_SEED", "20261")), 20
USERS = ("deploy", "backup")
OPTIONS = {
    "platform": "mds",
    "max_age_days": 30,
    "unused_hours": 2,
    "grace_days": 3,
    "users": [{"name": name} for name in USERS],
}
SESSION = boto3.session.Session()
# a rotation: each run, and how far the clock goes after it
RUNS = (31 * DAY, 3 * HOUR, 3 * DAY)


@pytest.fixture
def iam(lab):
    return lab.client("iam")


def make_users(lab):
    for name in USERS:
        tag = {"Key": "mydigitalstructure:platform", "Value": "mds"}
        lab.client("iam").create_user(UserName=name, Tags=[tag])


def secret(lab, user):
    return json.loads(lab.client("secretsmanager").get_secret_value(SecretId=f"mds/keys/{user}")["SecretString"])


def sts(lab, held, session):
    key = {"aws_access_key_id": held["access_key_id"], "aws_secret_access_key": held["secret_access_key"]}
    return session.client("sts", region_name="ap-southeast-2", endpoint_url=lab.endpoint, **key)


class Client(threading.Thread):
    """Calls without a pause with the key of the secret, which it reads again when its copy is ``keep`` seconds old."""

    def __init__(self, lab, user, keep):
        super().__init__(daemon=True)
        self.lab, self.user, self.keep = lab, user, keep
        self.calls, self.failures, self.used = 0, [], set()
        self.ended = threading.Event()
        self.round = threading.Event()

    def run(self):
        source, read, now, session = None, 0.0, 0.0, boto3.session.Session()
        while not self.ended.is_set():
            try:
                if source is None or now - read >= self.keep:
                    held = secret(self.lab, self.user)
                    source, read = sts(self.lab, held, session), now
                    self.used.add(held["access_key_id"])
                answer = source.get_caller_identity()
                now = email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
                self.calls += 1
            except Exception as error:
                self.failures.append(repr(error))
            self.round.set()


def test_clients_go_on_during_a_rotation(lab, iam, run_module):
    """One reads the secret for each call, one keeps it for an hour; the old key goes when it is free for two."""
    make_users(lab)
    assert not run_module("access_keys", **OPTIONS)["failed"]
    lab.advance(31 * DAY)
    clients = [Client(lab, "deploy", 0), Client(lab, "deploy", HOUR)]
    for one in clients:
        one.start()
    done = []
    try:
        for _half_hour in range(9):
            result = run_module("access_keys", **OPTIONS)
            assert not result["failed"], result
            done += [action["verb"] for action in result["actions"]]
            lab.advance(HOUR / 2)
            for one in clients:
                # one round may have begun before the clock moved
                for _round in range(2):
                    one.round.clear()
                    assert one.round.wait(60)
    finally:
        for one in clients:
            one.ended.set()
            one.join()
    assert sorted(done) == ["create"] * 2 + ["update"] * 2
    for one in clients:
        assert one.failures == []
        assert one.calls > 18 and len(one.used) == 2
    states = sorted(key["Status"] for key in iam.list_access_keys(UserName="deploy")["AccessKeyMetadata"])
    assert states == ["Active", "Inactive"]


def signs_in(lab, user):
    return sts(lab, secret(lab, user), SESSION).get_caller_identity()["Arn"].endswith(f":user/{user}")


def begin(lab, run_module):
    """Users with keys that are due; the ids of those."""
    lab.reset()
    make_users(lab)
    assert not run_module("access_keys", **OPTIONS)["failed"]
    lab.advance(RUNS[0])
    return {user: secret(lab, user)["access_key_id"] for user in USERS}


@pytest.mark.once
def test_killed_at_twenty_moments(lab, iam, run_module):
    """Every user can sign in right after the kill, and the next runs come to the end of the rotation."""
    chance = random.Random(SEED)
    begin(lab, run_module)
    requests = []
    for pause in (*RUNS[1:], 0):
        lab.clear_calls()
        assert not run_module("access_keys", **OPTIONS)["failed"]
        requests.append(len(lab.calls()))
        lab.advance(pause)
    told = [(n, number) for n, count in enumerate(requests) for number in range(1, count + 1)]
    killed = 0
    for stage, number in sorted(chance.sample(told, KILLS)):
        old = begin(lab, run_module)
        for pause in RUNS[1 : stage + 1]:
            assert not run_module("access_keys", **OPTIONS)["failed"]
            lab.advance(pause)
        where = f"ROTATION_SEED={SEED} stage {stage} request {number} of {requests[stage]}"
        killed += run_killed(lambda: run_module("access_keys", **OPTIONS), number, chance.random() < 0.5)
        assert all(signs_in(lab, user) for user in USERS), where
        for pause in (*RUNS[1:], 0):
            result = run_module("access_keys", **OPTIONS)
            assert not result["failed"], (where, result)
            assert all(signs_in(lab, user) for user in USERS), where
            lab.advance(pause)
        for user in USERS:
            (left,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
            assert left["AccessKeyId"] == secret(lab, user)["access_key_id"] != old[user], where
        again = run_module("access_keys", **OPTIONS)
        assert (again["actions"], again["waiting"]) == ([], {}), where
    assert killed >= KILLS - 2
