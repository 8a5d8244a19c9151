# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores: a copy from a recovery point beside the live one, swapped in, or looked at and removed.

What is under way is noted in a tag of the backup vault before anything is made, so that a run that was killed is gone
on with: its token names the copy and makes AWS start one job, its job tells what the copy is.
"""

from __future__ import annotations

import datetime
import hashlib
import time
import typing as t
import uuid

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    ITEM_ERRORS,
    Place,
    application,
    client,
    explain,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backup_points import (
    Point,
    Source,
    aws_now,
    choose,
    chosen,
    points,
    role_arn,
    sources,
    stamp,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backups import (
    NOTE_PREFIX,
    assumable,
    tags_on,
    vault_name,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._restore_kinds import KINDS, Kind
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    InputError,
    Plan,
    concurrently,
)

COPY, DRILL = "restored_copy", "restore_drill"
BEGUN, SWAPPED = "begun", "swapped"
RUNNING = ("PENDING", "RUNNING")
NO_JOB = "-"
LONGEST_KEY = 128
"""Characters of a tag's key."""
DRILLS_AT_ONCE = 4
"""DynamoDB restores four tables of an account at the same time."""


class Note(t.NamedTuple):
    """What is under way: the restore's token, how far it came, AWS's job and the recovery point."""

    token: str
    state: str
    job: str
    point: str

    @classmethod
    def read(cls, text: str) -> Note:
        return cls(*text.split(" ", 3))

    def text(self) -> str:
        return " ".join(self)


class Gone(Exception):
    """What a note speaks of is not there any more."""


class Notes:
    """The notes in the vault's tags.

    :arg purpose: ``swap`` or ``drill``; one source may have one of each.
    """

    def __init__(self, backup, vault_arn: str, purpose: str) -> None:
        self.backup, self.arn, self.purpose = backup, vault_arn, purpose

    def key(self, source: Source) -> str:
        key = f"{NOTE_PREFIX}{self.purpose}:{source.kind}:"
        fits = len(key) + len(source.name) <= LONGEST_KEY
        return key + (source.name if fits else hashlib.sha256(source.name.encode()).hexdigest())

    def all(self) -> dict[str, Note]:
        try:
            tags = tags_on(self.backup, self.arn)
        except is_boto3_error_code(("ResourceNotFoundException", "AccessDeniedException")):
            raise InputError(
                f"platform: the vault {self.arn} cannot be read; role backups makes it, with playbook provision."
            ) from None
        return {key: Note.read(text) for key, text in tags.items() if key.startswith(NOTE_PREFIX)}

    def write(self, source: Source, note: Note) -> Note:
        self.backup.tag_resource(ResourceArn=self.arn, Tags={self.key(source): note.text()})
        return note

    def drop(self, source: Source) -> None:
        self.backup.untag_resource(ResourceArn=self.arn, TagKeyList=[self.key(source)])


def token_for(point: Point) -> str:
    """A new restore's token: the recovery point's time, so that names tell it, and something of its own."""
    return f"{point.created.astimezone(datetime.UTC):%Y%m%d%H%M}{uuid.uuid4().hex[:6]}"


class Restore:
    """One source on its way from a recovery point to a copy, and on."""

    def __init__(self, backup, notes: Notes, kind: Kind, role: str, options: t.Mapping[str, t.Any]) -> None:
        self.backup, self.notes, self.kind, self.role, self.options = backup, notes, kind, role, options
        self.source = kind.source
        self.vault = vault_name(options["platform"])

    def begin(self, point: Point) -> Note:
        return self.notes.write(self.source, Note(token_for(point), BEGUN, NO_JOB, point.arn))

    def copy(self, note: Note, live: dict[str, t.Any]) -> tuple[Note, str, dict[str, t.Any], int]:
        """The note as it is then, the copy's ARN, the copy, ready, and the seconds that AWS's job took."""
        if note.job == NO_JOB:
            note = self.start(note, live)
        job = self.job(note)
        arn = job.get("CreatedResourceArn") or ""
        # with the job done, what is not there is not on its way either
        if self.kind.copy(arn, note.token) is None:
            raise Gone
        took = round((job["CompletionDate"] - job["CreationDate"]).total_seconds())
        return note, arn, self.kind.ready(arn, note.token), took

    def start(self, note: Note, live: dict[str, t.Any]) -> Note:
        try:
            given = self.backup.get_recovery_point_restore_metadata(
                BackupVaultName=self.vault, RecoveryPointArn=note.point
            )
            self.kind.prepare(note.token)
            made = assumable(self.backup.start_restore_job)(
                RecoveryPointArn=note.point,
                Metadata=self.kind.metadata(live, given.get("RestoreMetadata") or {}, note.token),
                IamRoleArn=self.role,
                IdempotencyToken=note.token,
                ResourceType=self.kind.resource_type,
            )
        except is_boto3_error_code("ResourceNotFoundException"):
            raise Gone from None
        return self.notes.write(self.source, note._replace(job=made["RestoreJobId"]))

    def job(self, note: Note) -> dict[str, t.Any]:
        """AWS's job, completed; one that failed is forgotten, so that the next run starts another."""

        def look() -> dict[str, t.Any]:
            try:
                return self.backup.describe_restore_job(RestoreJobId=note.job)
            except is_boto3_error_code("ResourceNotFoundException"):
                raise Gone from None

        found = self.kind.waited(look, lambda job: job["Status"] not in RUNNING, "AWS Backup's restore")
        if found["Status"] != "COMPLETED":
            self.kind.remove(found.get("CreatedResourceArn") or "", note.token)
            self.notes.drop(self.source)
            why = found.get("StatusMessage") or "AWS gives no reason"
            raise InputError(f"the restore of {self.source.title} is {found['Status'].lower()}: {why}.")
        return found

    def swap(self, note: Note, live: dict[str, t.Any]) -> dict[str, t.Any]:
        """Restore and swap in, or what is left of it."""
        if note.state == SWAPPED:
            return self.close(note, self.job(note).get("CreatedResourceArn") or "", {})
        note, arn, copy, took = self.copy(note, live)
        told = self.kind.swap(arn, note.token)
        note = self.notes.write(self.source, note._replace(state=SWAPPED))
        return self.close(note, arn, {**told, "seconds": took})

    def close(self, note: Note, arn: str, told: dict[str, t.Any]) -> dict[str, t.Any]:
        self.kind.finish(arn, note.token)
        self.notes.drop(self.source)
        return told

    def beside(self, note: Note, live: dict[str, t.Any]) -> dict[str, t.Any]:
        """Restore, and leave the copy to whoever asked for it."""
        note, arn, copy, took = self.copy(note, live)
        seen, problems = self.kind.check(live, copy, Point(note.point, datetime.datetime.now(datetime.UTC), "", 0, ""))
        self.notes.drop(self.source)
        return {"id": seen["id"], "kept": [], "notes": [f"Look at it: {each}." for each in problems], "seconds": took}


# --- restore --------------------------------------------------------------------------------------------------------


def asked_source(module: AnsibleAWSModule, place: Place) -> Source:
    """The source that is asked for.

    A database, and a table, is known by its name also while a restore that was killed has left it without one.
    """
    kind, name, platform = (module.params[key] for key in ("kind", "name", "platform"))
    if kind == "database":
        return Source(kind, name, place.arn("rds", f"db:{name}"), name)
    if kind == "table":
        table = f"{platform}-{name}"
        return Source(kind, name, place.arn("dynamodb", f"table/{table}"), table)
    return chosen(sources(module), [{"kind": kind, "name": name}], "name")[0]


def restore_plan(source: Source, point: Point, options: t.Mapping[str, t.Any], live_id: str) -> Plan:
    """What a restore does: the copy, and what becomes of the live one."""
    from_point = {"recovery_point": point.arn, "created": stamp(point.created)}
    actions = [Action(CREATE, COPY, source.title, after=from_point)]
    if options["swap"]:
        if source.kind in ("volume", "database"):
            before, after = {"id": live_id}, {"id": KNOWN_AFTER_APPLY}
        else:
            where = f"{options['prefix']}*" if source.kind == "bucket" else "items"
            before, after = {where: "as they are"}, {where: f"as of {stamp(point.created)}"}
        actions.append(Action(UPDATE, source.kind, source.name, before, after))
    return Plan(actions)


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``restore`` module's plan, applied unless in check mode, and what was restored."""
    options = module.params
    if options["kind"] == "bucket" and options["prefix"] is None:
        raise InputError(
            "prefix: it is missing; give the beginning of the keys that are restored, or an empty text for all."
        )
    if options["kind"] != "bucket" and options["prefix"] is not None:
        raise InputError(f"prefix: {options['prefix']!r} is not allowed with kind {options['kind']}; a bucket has one.")
    place = Place.of(module)
    backup = client(module, "backup")
    source = asked_source(module, place)
    kind = KINDS[source.kind](module, source, options)
    notes = Notes(backup, place.arn("backup", f"backup-vault:{vault_name(options['platform'])}"), "swap")
    note = notes.all().get(notes.key(source))
    found = points(module, backup, source)
    live = kind.live()
    if note is None:
        if live is None:
            raise InputError(
                f"name: {source.title} ({source.id}) is not there to be restored; playbook provision makes it, then it "
                "can be restored into."
            )
        point = choose(found, options["moment"], source, aws_now(backup))
    else:
        point = next((item for item in found if item.arn == note.point), None) or Point(
            note.point, datetime.datetime.now(datetime.UTC), "", 0, source.arn
        )
        if options["moment"] != "latest":
            other = choose(found, options["moment"], source, aws_now(backup))
            if other.arn != point.arn:
                raise InputError(
                    f"moment: {options['moment']!r}: a restore of {source.title} from {stamp(point.created)} was "
                    "begun and did not end; run it with moment latest to end it first."
                )
    if options["swap"] and live and not (note and note.state == SWAPPED):
        kind.refuse_swap(live)
    whole = restore_plan(source, point, options, kind.id_of(live))
    told = {"kind": source.kind, "name": source.name, "recovery_point": point.arn, "created": stamp(point.created)}
    if module.check_mode:
        return whole, {"restored": {**told, "id": KNOWN_AFTER_APPLY, "kept": [], "notes": [], "seconds": 0}}
    role = options["role_arn"] or role_arn(place, options["platform"])
    restore = Restore(backup, notes, kind, role, options)
    result: dict[str, t.Any] = {"id": source.id, "kept": [], "notes": [], "seconds": 0}

    def carry_out(group: list[Action]) -> None:
        current = note or restore.begin(point)
        go = restore.swap if options["swap"] or current.state == SWAPPED else restore.beside
        try:
            result.update(go(current, live or {}))
        except Gone:
            notes.drop(source)
            raise InputError(
                f"{source.title}: the restore that was under way has lost its recovery point or its copy; run again "
                "for a new one."
            ) from None

    application(whole).run_together([list(whole)], carry_out)
    return whole, {"restored": {**told, **result}}


# --- drills ---------------------------------------------------------------------------------------------------------


class Drill:
    """One source's drill: restored, looked at, removed, timed."""

    def __init__(self, restore: Restore, note: Note | None, found: list[Point]) -> None:
        self.restore, self.note, self.found = restore, note, found
        self.source, self.kind, self.notes = restore.source, restore.kind, restore.notes

    def __call__(self, options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """What was seen; a problem is told, never raised, so that other drills go on."""
        begun = time.monotonic()
        told: dict[str, t.Any] = {"kind": self.source.kind, "name": self.source.name, "point": None, "created": None}
        told |= {"restore_seconds": None, "seen": {}, "problems": []}
        try:
            self.drill(options, told)
        except ITEM_ERRORS as error:
            told["problems"].append(explain(getattr(error, "exception", None) or error))
        return {**told, "seconds": round(time.monotonic() - begun, 1), "passed": not told["problems"]}

    def drill(self, options: t.Mapping[str, t.Any], told: dict[str, t.Any]) -> None:
        live = self.kind.live()
        if live is None:
            raise InputError(f"{self.source.title} is not there.")
        if self.note:
            # what a run that was killed has left
            self.clean(self.note, live)
        point = choose(self.found, options["moment"], self.source, aws_now(self.restore.backup))
        told |= {"point": point.arn, "created": stamp(point.created)}
        try:
            note, arn, copy, took = self.restore.copy(self.restore.begin(point), live)
        except Gone:
            self.notes.drop(self.source)
            raise InputError(f"the recovery point {point.arn} or its copy went while it was restored.") from None
        told["restore_seconds"] = took
        told["seen"], problems = self.kind.check(live, copy, point)
        told["problems"] += problems
        self.kind.remove(arn, note.token)
        self.notes.drop(self.source)

    def clean(self, note: Note, live: dict[str, t.Any]) -> None:
        """Remove the copy of a drill that did not end; its job, if it had one, is waited for."""
        try:
            note, arn, unused_copy, unused_took = self.restore.copy(note, live)
            self.kind.remove(arn, note.token)
        except Gone:
            self.kind.remove("", note.token)
        self.notes.drop(self.source)


def drill_work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``restore_drill`` module's plan, applied unless in check mode, and how each drill went."""
    options = module.params
    place = Place.of(module)
    backup = client(module, "backup")
    picked = chosen(sources(module), options["resources"])
    notes = Notes(backup, place.arn("backup", f"backup-vault:{vault_name(options['platform'])}"), "drill")
    left = notes.all()
    found = concurrently(*[lambda s=s: points(module, backup, s) for s in picked])
    whole = Plan([Action(CREATE, DRILL, source.title, after={"moment": options["moment"]}) for source in picked])
    if module.check_mode:
        return whole, {"drills": [], "failed_drills": []}
    role = options["role_arn"] or role_arn(place, options["platform"])
    drills = []
    for source, its in zip(picked, found):
        kind = KINDS[source.kind](module, source, {**options, "swap": False, "prefix": ""})
        restore = Restore(backup, notes, kind, role, options)
        drills.append(Drill(restore, left.get(notes.key(source)), its))
    ended = concurrently(*[lambda d=d: d(options) for d in drills], workers=DRILLS_AT_ONCE)
    failed = [f"{d['kind']} {d['name']}: {'; '.join(d['problems'])}" for d in ended if not d["passed"]]
    return whole, {"drills": ended, "failed_drills": failed}
