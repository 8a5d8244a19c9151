"""Start and stop the lab's server process, and know whether it runs.

The state directory holds ``lab.json`` (pid, when that process started, port, throw-away credentials; readable by
its owner only), ``server.log`` and ``calls.jsonl``.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import string
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_STATE = REPOSITORY / ".cache" / "lab"
DEFAULT_PORT = 5555
REGION = "ap-southeast-2"
START_SECONDS = 60
STOP_SECONDS = 20


class LabError(Exception):
    """What could not be done, in one sentence."""


def new_credentials() -> dict[str, str]:
    """Credentials that no account on earth has: made up afresh at every start."""
    alphabet = string.ascii_uppercase + string.digits
    return {
        "access_key": "LAB" + "".join(secrets.choice(alphabet) for _rest in range(17)),
        "secret_key": secrets.token_urlsafe(30),
    }


def process_started(pid: int) -> str | None:
    """When a process started (clock ticks since boot), which with its pid names it for ever; None if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def read_state(state_dir: Path) -> dict | None:
    """The state of the server that runs from this directory, or None when none does."""
    try:
        state = json.loads((state_dir / "lab.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state if process_started(state["pid"]) == state["started"] else None


def write_state(state_dir: Path, port: int, credentials: dict[str, str]) -> None:
    """Written by the server itself once it listens."""
    state = {"pid": os.getpid(), "started": process_started(os.getpid()), "port": port, **credentials}
    new = state_dir / f"lab.json.{os.getpid()}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(state, file)
    new.replace(state_dir / "lab.json")


def request(state: dict, path: str, wanted: dict | None = None, timeout: float = 60) -> object:
    """Ask an admin address of a running server; POST when ``wanted`` is given."""
    data = None if wanted is None else json.dumps(wanted).encode()
    url = f"http://127.0.0.1:{state['port']}{path}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data=data), timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise LabError(json.load(error)["error"]) from None


def healthy(state: dict) -> bool:
    """Whether the server answers, and is the one meant."""
    try:
        return request(state, "/lab/health", timeout=5)["pid"] == state["pid"]
    except (OSError, ValueError, LabError):
        return False


def start(state_dir: Path, port: int = DEFAULT_PORT, quotas: str = "off", with_parent: bool = False) -> dict:
    """Start a server unless one runs from this directory; returns its state with ``already``: bool.

    With ``with_parent`` the server ends when the process that started it does.
    """
    state_dir = Path(state_dir)
    state = read_state(state_dir)
    if state and healthy(state):
        return {**state, "already": True}
    if state:
        stop(state_dir)
    state_dir.mkdir(parents=True, exist_ok=True)
    (state_dir / "lab.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.lab", "--state", str(state_dir), "serve"]
    command += ["--port", str(port), "--quotas", quotas]
    if with_parent:
        command += ["--while-pid", str(os.getpid())]
    with open(state_dir / "server.log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        state = read_state(state_dir)
        if state and state["pid"] == process.pid and healthy(state):
            return {**state, "already": False}
        time.sleep(0.05)
    if process.poll() is None:
        process.kill()
    process.wait()
    tail = (state_dir / "server.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise LabError(f"The lab did not start; {state_dir / 'server.log'} ends with: {' / '.join(tail)}")


def stop(state_dir: Path) -> int | None:
    """Stop the server that was started from this directory, and wait; its pid, or None when none ran."""
    state = read_state(Path(state_dir))
    if state is None:
        return None
    pid = state["pid"]
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if process_started(pid) != state["started"]:
                (Path(state_dir) / "lab.json").unlink(missing_ok=True)
                return pid
            time.sleep(0.02)
    raise LabError(f"The lab's server, process {pid}, did not end.")


def environment(state: dict) -> dict[str, str]:
    """The variables that point any AWS client at a running server."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{state['port']}",
        "AWS_ACCESS_KEY_ID": state["access_key"],
        "AWS_SECRET_ACCESS_KEY": state["secret_key"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
