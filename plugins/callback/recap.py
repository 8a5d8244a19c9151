# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: recap
type: aggregate
short_description: What a playbook made, by service
version_added: 1.0.0
description:
  - At the end of a playbook, tells for each role of this collection what was created, changed and removed, with names,
    ids and addresses, and how long it took. In check mode it tells what would be.
  - The plan that C(provision) makes before it applies anything is told only where nothing was applied.
author:
  - mydigitalstructure (@mydigitalstructure)
requirements:
  - to be named in C(callbacks_enabled) of ansible.cfg
options:
  path:
    description:
      - A file that gets all actions as JSON, by role, for schedules. None when it is not set.
    type: path
    env:
      - name: MDS_RECAP_PATH
    ini:
      - section: callback_recap
        key: path
"""

import json
import time
import typing as t

from ansible import constants as C
from ansible.plugins.callback import CallbackBase

COLLECTION = "mydigitalstructure.aws."
WAITING = 5
"""So many of the mail domains that wait are named; there may be thousands."""
VERBS = ("create", "update", "replace", "delete")
COLOURS = {
    "create": C.COLOR_OK,
    "update": C.COLOR_CHANGED,
    "replace": C.COLOR_CHANGED,
    "delete": C.COLOR_ERROR,
}
DONE = {"create": "created", "update": "changed", "replace": "replaced", "delete": "removed"}


def made(result: dict[str, t.Any]) -> t.Iterator[tuple[str, str]]:
    """What a module's result says is there: a name, and its id and address."""
    if (result.get("vpc") or {}).get("cidr"):
        yield f"VPC {result['vpc']['cidr']}", result["vpc"]["id"]
    for name, subnet in (result.get("subnets") or {}).items():
        yield f"subnet {name}", f"{subnet['id']}  {subnet['cidr']}  {subnet['zone']}"
    for name, gateway in (result.get("nat_gateways") or {}).items():
        yield f"NAT gateway {name}", f"{gateway['id']}  {gateway['public_ip']}"
    if result.get("admin_address"):
        yield "admin address", result["admin_address"]["public_ip"]
    for name, group in (result.get("security_groups") or {}).items():
        yield f"group {name}", group["id"]
    for name, table in (result.get("tables") or {}).items():
        if isinstance(table, dict) and "stream_arn" in table:
            yield f"table {name}", table["arn"]
    for name, database in (result.get("databases") or {}).items():
        if "endpoint" in database:
            yield (
                f"{database['engine']} {name}",
                f"{database['endpoint']}:{database['port']}  secret {database['secret_arn']}",
            )
            for replica, item in database["replicas"].items():
                yield f"  replica {replica}", f"{item['endpoint']}:{item['port']}"
    for name, bucket in (result.get("buckets") or {}).items():
        yield f"bucket {name}", bucket["arn"]
    for name, certificate in (result.get("certificates") or {}).items():
        yield f"certificate {name}", f"{certificate['status']}  {certificate['arn']}"
    for name, balancer in (result.get("load_balancers") or {}).items():
        yield f"balancer {name}", f"https://{balancer['dns_name']}"
    for name, zone in (result.get("zones") or {}).items():
        servers = zone["name_servers"]
        yield f"zone {name}", f"{zone['id']}  {servers if isinstance(servers, str) else ' '.join(servers)}"
        for key, record in zone["records"].items():
            domain, kind = key.split(" ")[:2]
            if kind == "A" and record.get("alias"):
                yield f"  {domain}", f"https://{domain}  ->  {record['alias']['target']}"
    for name, stream in (result.get("streams") or {}).items():
        yield f"mail stream {name}", stream["name"]
    if result.get("domains") and "waiting" in result:
        count, waiting = len(result["domains"]), result["waiting"]
        few = f": {' '.join(waiting[:WAITING])}{' ...' if len(waiting) > WAITING else ''}" if waiting else ""
        yield "mail domains", f"{count}, {len(waiting)} of them wait for their records in DNS{few}"
    if result.get("smtp"):
        smtp = result["smtp"]
        yield f"SMTP as {smtp['user']}", f"{smtp['host']}:{smtp['port']}  secret {smtp['secret']['name']}"
    group = result.get("auto_scaling_group")
    if isinstance(group, dict) and group.get("name"):
        count = len(group.get("instances") or [])
        yield f"fleet {group['name']}", f"{count} hosts, {group.get('min')} to {group.get('max')} allowed"
    for name, volume in (result.get("volumes") or {}).items():
        yield f"volume {name}", f"{volume['id']}  {volume['size']} GiB {volume['type']}  {volume['zone']}"
    if isinstance(result.get("vault"), dict) and "plan" in result:
        yield f"backup vault {result['vault']['name']}", result["vault"]["arn"]
    for name, host in (result.get("instances") or {}).items():
        if isinstance(host, dict) and "private_ip" in host:
            yield f"host {name}", f"{host['id']}  {host['private_ip']}  {host.get('public_ip') or ''}".rstrip()


class Service:
    """What a role's tasks said."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.results: dict[str, tuple[bool, dict[str, t.Any]]] = {}

    def add(self, task: str, planned: bool, result: dict[str, t.Any]) -> None:
        """Keep a task's last result; one that was only planned never takes the place of a real one."""
        if task not in self.results or self.results[task][0] or not planned:
            self.results[task] = (planned, result)

    @property
    def planned(self) -> bool:
        return all(planned for planned, unused in self.results.values())

    def told(self) -> dict[str, dict[str, t.Any]]:
        """The results by task: where something was applied, what was only planned beside it does not count."""
        return {task: result for task, (planned, result) in self.results.items() if planned == self.planned}

    def actions(self) -> list[dict[str, t.Any]]:
        """The modules' actions, and one for each item that a stock module changed."""
        found: list[dict[str, t.Any]] = []
        for task, result in self.told().items():
            if isinstance(result.get("actions"), list):
                found += [a for a in result["actions"] if isinstance(a, dict) and a.get("verb") in VERBS]
            elif "results" in result:
                found += [
                    {"verb": "update", "kind": task, "name": str(item.get("_ansible_item_label", "")), "fields": {}}
                    for item in result["results"]
                    if item.get("changed")
                ]
            elif result.get("changed"):
                found.append({"verb": "update", "kind": task, "name": "", "fields": {}})
        # the same record may have been written by two steps of a role
        return list({(a["verb"], a["kind"], a["name"]): a for a in found}.values())


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mydigitalstructure.aws.recap"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None, options=None):
        super().__init__(display=display, options=options)
        self.services: dict[str, Service] = {}
        self.begun: dict[str, float] = {}

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.begun[task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result):
        self.keep(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.keep(result, failed=True)

    def keep(self, result, failed: bool = False) -> None:
        task = result._task
        role = task._role.get_name() if task._role else ""
        if not role.startswith(COLLECTION):
            return
        service = self.services.setdefault(role.removeprefix(COLLECTION), Service())
        service.seconds += time.monotonic() - self.begun.get(task._uuid, time.monotonic())
        answer = result._result
        if failed:
            # a half-failed apply has what it did before
            answer = {"actions": answer.get("done") or [], "changed": bool(answer.get("done"))}
        if answer.get("_ansible_no_log") or task.no_log or "censored" in answer:
            answer = {"changed": answer.get("changed", False)}
        if task.action.startswith((COLLECTION, "amazon.aws.", "community.aws.")):
            service.add(task.get_name(include_role_fqcn=False).split(" : ")[-1], bool(task.check_mode), answer)

    def v2_playbook_on_stats(self, stats):
        told = {name: service for name, service in self.services.items() if service.results}
        if not told:
            return
        self._display.banner("THE PLATFORM, BY SERVICE")
        for name, service in told.items():
            self.tell(name, service)
        path = self.get_option("path")
        if path:
            report = {
                name: {"planned": service.planned, "seconds": round(service.seconds, 1), "actions": service.actions()}
                for name, service in told.items()
            }
            with open(path, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=1, default=str)

    def tell(self, name: str, service: Service) -> None:
        actions = service.actions()
        counts = {verb: sum(1 for action in actions if action["verb"] == verb) for verb in VERBS}
        would = "would be " if service.planned and actions else ""
        changes = ", ".join(f"{count} {would}{DONE[verb]}" for verb, count in counts.items() if count)
        self._display.display(
            f"{name:<10} {changes or 'nothing to change'}  ({service.seconds:.1f} s)",
            color=C.COLOR_CHANGED if actions else C.COLOR_OK,
        )
        for action in actions:
            line = f"{would}{DONE[action['verb']]} {action['kind'].replace('_', ' ')} {action['name']}".rstrip()
            self._display.display(f"    {line}", color=COLOURS[action["verb"]])
        for result in service.told().values():
            for label, value in made(result):
                self._display.display(f"    {label:<42} {value}")
