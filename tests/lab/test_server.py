"""Starting, stopping, resetting, and the log of calls."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time

import pytest

from tests.lab import control
from tests.lab.client import Lab


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tests.lab", *arguments],
        cwd=control.REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_line(tmp_path):
    state = str(tmp_path / "lab")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = command("--state", state, "start", "--port", str(port))
    try:
        assert started.returncode == 0, started.stderr
        assert f"Port {port} is taken." in started.stdout
        pid = control.read_state(tmp_path / "lab")["pid"]
        again = command("--state", state, "start", "--port", "0")
        assert "already runs" in again.stdout and f"pid {pid}" in again.stdout
        assert stat.S_IMODE(os.stat(tmp_path / "lab" / "lab.json").st_mode) == 0o600
        lab = Lab.connect(tmp_path / "lab")
        lab.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
        lab.client("ec2").describe_vpcs()
        assert "2 calls logged" in command("status", "--state", state).stdout
        logged = command("calls", "--state", state, "--mutating").stdout.splitlines()
        assert [json.loads(line)["operation"] for line in logged] == ["CreateVpc"]
        assert "2 calls, 1 of them mutating" in command("calls", "--state", state, "--summary").stdout
        assert len((tmp_path / "lab" / "calls.jsonl").read_text().splitlines()) == 2
        exported = command("env", "--state", state).stdout
        assert f"export AWS_ENDPOINT_URL={lab.endpoint}" in exported
        assert command("reset", "--state", state).returncode == 0
        assert lab.calls() == []
    finally:
        stopped = command("stop", "--state", state)
    assert f"pid {pid}" in stopped.stdout
    assert control.process_started(pid) is None
    assert "did not run" in command("stop", "--state", state).stdout
    assert command("status", "--state", state).returncode == 1


def test_stop_leaves_a_process_that_is_not_ours(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        state = {"pid": other.pid, "started": "1", "port": 1, "access_key": "x", "secret_key": "y"}
        (tmp_path / "lab.json").write_text(json.dumps(state))
        assert control.stop(tmp_path) is None
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_listens_on_loopback_only(lab):
    assert lab.endpoint.startswith("http://127.0.0.1:")
    port = int(lab.endpoint.rpartition(":")[2])
    with socket.socket() as probe, pytest.raises(OSError):
        probe.settimeout(2)
        probe.connect(("127.0.0.2", port))


def test_names_of_calls(lab):
    lab.client("ec2").describe_vpcs()
    lab.client("route53").list_hosted_zones()
    zone = lab.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    lab.client("route53").list_resource_record_sets(HostedZoneId=zone)
    lab.client("acm").list_certificates()
    lab.client("autoscaling").describe_auto_scaling_groups()
    lab.client("elbv2").describe_load_balancers()
    where = {"LocationConstraint": "ap-southeast-2"}
    lab.client("s3").create_bucket(Bucket="one", CreateBucketConfiguration=where)
    lab.client("s3").put_object(Bucket="one", Key="a/b c", Body=b"x" * 100)
    lab.client("s3").get_object(Bucket="one", Key="a/b c")["Body"].read()
    lab.client("s3").head_object(Bucket="one", Key="a/b c")
    lab.client("dynamodb").list_tables()
    lab.client("iam").list_roles()
    lab.client("sts").get_caller_identity()
    lab.client("sesv2").list_email_identities()
    found = [(call["service"], call["operation"], call["mutating"]) for call in lab.calls()]
    assert found == [
        ("ec2", "DescribeVpcs", False),
        ("route53", "ListHostedZones", False),
        ("route53", "CreateHostedZone", True),
        ("route53", "ListResourceRecordSets", False),
        ("acm", "ListCertificates", False),
        ("autoscaling", "DescribeAutoScalingGroups", False),
        ("elbv2", "DescribeLoadBalancers", False),
        ("s3", "CreateBucket", True),
        ("s3", "PutObject", True),
        ("s3", "GetObject", False),
        ("s3", "HeadObject", False),
        ("dynamodb", "ListTables", False),
        ("iam", "ListRoles", False),
        ("sts", "GetCallerIdentity", False),
        ("sesv2", "ListEmailIdentities", False),
    ]
    caller = lab.environment()["AWS_ACCESS_KEY_ID"]
    assert {(call["caller"], call["status"] // 100, call["error"]) for call in lab.calls()} == {(caller, 2, None)}
    assert [call["operation"] for call in lab.mutating()] == ["CreateHostedZone", "CreateBucket", "PutObject"]


def test_errors_and_dry_runs_in_the_log(lab):
    ec2 = lab.client("ec2")
    with pytest.raises(ec2.exceptions.ClientError):
        ec2.describe_vpcs(VpcIds=["vpc-0"])
    with pytest.raises(ec2.exceptions.ClientError):
        ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, DryRun=True)
    with pytest.raises(ec2.exceptions.ClientError, match="LabError"):
        ec2.describe_capacity_blocks()
    assert [call["error"] for call in lab.calls()] == ["InvalidVpcID.NotFound", "DryRunOperation", "LabError"]
    assert lab.mutating() == []
    lab.clear_calls()
    assert lab.calls() == []


def test_reset_empties_everything_quickly(lab):
    ec2 = lab.client("ec2")
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    lab.client("s3").create_bucket(Bucket="one", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    lab.advance(60)
    lab.reset()
    quickest = 9.0
    for _turn in range(5):
        lab.client("ec2").describe_vpcs()
        begun = time.perf_counter()
        lab.reset()
        quickest = min(quickest, time.perf_counter() - begun)
    assert quickest < 0.1
    assert lab.calls() == []
    assert [vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]] == [True]
    assert lab.client("s3").list_buckets()["Buckets"] == []


def test_ends_with_the_process_that_started_it(tmp_path):
    script = (
        "from tests.lab.client import Lab; import pathlib, sys;"
        f"lab = Lab.start(pathlib.Path({str(tmp_path)!r})); print(lab.pid, flush=True); import os; os._exit(1)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=control.REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    pid = int(run.stdout)
    deadline = time.monotonic() + 10
    while control.process_started(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert control.process_started(pid) is None
