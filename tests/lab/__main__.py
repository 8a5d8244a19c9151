"""``python -m tests.lab``: start, stop and look at the embedded AWS."""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import signal
import sys
import threading
from pathlib import Path

from . import control


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="An embedded AWS on loopback.")
    shared = argparse.ArgumentParser(add_help=False)
    for where, default in ((parser, control.DEFAULT_STATE), (shared, argparse.SUPPRESS)):
        where.add_argument("--state", type=Path, default=default, metavar="DIR", help="where pid, log and calls are")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("start", "start the server"), ("serve", "be the server, in the foreground")):
        command = commands.add_parser(name, help=text, parents=[shared])
        command.add_argument("--port", type=int, default=control.DEFAULT_PORT, help="0: any free one")
        command.add_argument("--quotas", choices=("off", "throttle", "virtual"), default="off")
        if name == "serve":
            command.add_argument("--while-pid", type=int, help="end when this process does")
    commands.add_parser("stop", help="stop it", parents=[shared])
    commands.add_parser("status", help="whether it runs, and where", parents=[shared])
    commands.add_parser("reset", help="an empty account again, without a restart", parents=[shared])
    commands.add_parser("env", help="print what points an AWS client at it", parents=[shared])
    commands.add_parser("smtp", help="start SES's SMTP endpoint in it, and print where it listens", parents=[shared])
    commands.add_parser("mail", help="print the mail that the endpoint took", parents=[shared])
    calls = commands.add_parser("calls", help="print the API calls", parents=[shared])
    calls.add_argument("--mutating", action="store_true", help="only those that change something")
    calls.add_argument("--summary", action="store_true", help="a count for each operation")
    return parser.parse_args(arguments)


def running(state_dir: Path) -> dict:
    state = control.read_state(state_dir)
    if state is None:
        raise control.LabError(f"The lab does not run (state directory {state_dir}).")
    return state


def start(options: argparse.Namespace) -> int:
    state = control.start(options.state, options.port, options.quotas)
    where = f"on http://127.0.0.1:{state['port']} (pid {state['pid']}, state in {options.state})"
    if state["already"]:
        print(f"The lab already runs {where}.")
    else:
        taken = options.port not in (0, state["port"])
        print(f"The lab runs {where}." + (f" Port {options.port} is taken." if taken else ""))
    return 0


def stop(options: argparse.Namespace) -> int:
    pid = control.stop(options.state)
    print("The lab did not run." if pid is None else f"The lab (pid {pid}) has stopped.")
    return 0


def status(options: argparse.Namespace) -> int:
    state = running(options.state)
    health = control.request(state, "/lab/health")
    where = f"http://127.0.0.1:{state['port']}"
    print(f"The lab runs on {where} (pid {state['pid']}); quotas {health['quotas']}, {health['calls']} calls logged.")
    return 0


def reset(options: argparse.Namespace) -> int:
    control.request(running(options.state), "/lab/reset", {})
    print("The lab is empty.")
    return 0


def env(options: argparse.Namespace) -> int:
    for name, value in control.environment(running(options.state)).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def calls(options: argparse.Namespace) -> int:
    from .calls import summary

    found = control.request(running(options.state), "/lab/calls")
    if options.mutating:
        found = [call for call in found if call["mutating"]]
    if not options.summary:
        for call in found:
            print(json.dumps(call))
        return 0
    for service, operation, count, failed, seconds in summary(found):
        print(f"{count:6} {service + ':' + operation:60} {seconds:8.3f} s" + (f"  {failed} failed" if failed else ""))
    print(f"{len(found):6} calls, {sum(call['mutating'] for call in found)} of them mutating")
    return 0


def smtp(options: argparse.Namespace) -> int:
    print(json.dumps(control.request(running(options.state), "/lab/smtp", {})))
    return 0


def mail(options: argparse.Namespace) -> int:
    for message in control.request(running(options.state), "/lab/mail"):
        print(json.dumps(message))
    return 0


def serve(options: argparse.Namespace) -> int:
    from .server import Lab, listen

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options.state.mkdir(parents=True, exist_ok=True)
    server = listen(Lab(options.state, options.quotas), options.port)
    control.write_state(options.state, server.port, control.new_credentials())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    begun = options.while_pid and control.process_started(options.while_pid)
    while not ended.wait(1):
        if options.while_pid and control.process_started(options.while_pid) != begun:
            break
    server.server_close()
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    options.state = options.state.resolve()
    command = {
        "start": start,
        "stop": stop,
        "status": status,
        "reset": reset,
        "env": env,
        "calls": calls,
        "smtp": smtp,
        "mail": mail,
        "serve": serve,
    }[options.command]
    try:
        return command(options)
    except (control.LabError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
