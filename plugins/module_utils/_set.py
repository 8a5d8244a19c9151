# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of things that are wanted, sets that are there, and the way from one to the other.

Nothing here knows a service or makes a call. A service's file turns variables into a *desired* set and
what AWS lists into an *observed* set, both ``{name: {field: value}}``; :func:`compare` makes the
:class:`Plan`; :func:`apply` carries out one phase of it with bounded concurrency.
"""

from __future__ import annotations

import concurrent.futures
import fnmatch
import typing as t
from dataclasses import dataclass, field

KNOWN_AFTER_APPLY = "(known after apply)"
"""Stands for a value that AWS gives only once the thing exists; a plan may hold it, a request never."""

CREATE, UPDATE, REPLACE, DELETE = "create", "update", "replace", "delete"

Fields = t.Mapping[str, t.Any]
NamedSet = t.Mapping[str, Fields]


class InputError(Exception):
    """Input that cannot work. Its text is one sentence: the variable, its value, and what is allowed."""


def refuse(problems: t.Iterable[str]) -> None:
    """Raise :class:`InputError` of all the problems, a line each; without any, do nothing."""
    text = "\n".join(problems)
    if text:
        raise InputError(text)


@dataclass(frozen=True)
class Action:
    """One change of one thing.

    ``before`` and ``after`` hold the fields that matter to the verb: all of them for a creation
    (``after``) and a removal (``before``), and only those that differ for an update or a replacement.
    ``context`` is for the code that carries the action out (ids, the whole item); it is never shown.
    """

    verb: str
    kind: str
    name: str
    before: Fields = field(default_factory=dict)
    after: Fields = field(default_factory=dict)
    context: t.Any = field(default=None, compare=False, repr=False)

    @property
    def title(self) -> str:
        """``create subnet app-a``, for messages."""
        return f"{self.verb} {self.kind} {self.name}"

    def fields(self) -> dict[str, t.Any]:
        """What the action changes: values for a creation or removal, ``{before, after}`` otherwise."""
        if self.verb == CREATE:
            return dict(self.after)
        if self.verb == DELETE:
            return dict(self.before)
        names = sorted({*self.before, *self.after})
        return {name: {"before": self.before.get(name), "after": self.after.get(name)} for name in names}

    def as_dict(self) -> dict[str, t.Any]:
        """The action as a module returns it."""
        return {"verb": self.verb, "kind": self.kind, "name": self.name, "fields": self.fields()}


@dataclass
class Plan:
    """Actions in the order in which they were planned."""

    actions: list[Action] = field(default_factory=list)

    def __add__(self, other: Plan) -> Plan:
        return Plan([*self.actions, *other.actions])

    def __iter__(self) -> t.Iterator[Action]:
        return iter(self.actions)

    def __len__(self) -> int:
        return len(self.actions)

    def __bool__(self) -> bool:
        return bool(self.actions)

    def only(self, *kinds: str, verbs: t.Collection[str] = ()) -> list[Action]:
        """The actions of these kinds (any, when none is given) with these verbs (any, when none is given)."""
        return [a for a in self.actions if (not kinds or a.kind in kinds) and (not verbs or a.verb in verbs)]

    def as_list(self) -> list[dict[str, t.Any]]:
        """Every action as a module returns it, sorted by kind and name."""
        return [a.as_dict() for a in sorted(self.actions, key=lambda a: (a.kind, a.name, a.verb))]

    def as_diff(self) -> dict[str, dict[str, dict[str, t.Any]]]:
        """``{before: {kind: {name: fields}}, after: ...}``, sorted; what is left alone is not in it."""
        sides: dict[str, dict[str, dict[str, t.Any]]] = {"before": {}, "after": {}}
        for action in sorted(self.actions, key=lambda a: (a.kind, a.name)):
            if action.verb != CREATE:
                side = sides["before"].setdefault(action.kind, {})
                side[action.name] = {**side.get(action.name, {}), **action.before}
            if action.verb != DELETE:
                side = sides["after"].setdefault(action.kind, {})
                side[action.name] = {**side.get(action.name, {}), **action.after}
        return sides


def ignored(name: str, patterns: t.Iterable[str]) -> bool:
    """Whether a name matches one of the shell patterns (``*``, ``?``, ``[...]``; case matters)."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def differing(wanted: Fields, present: Fields) -> list[str]:
    """The names of the wanted fields whose present value is another; a field not wanted is not compared."""
    return sorted(name for name, value in wanted.items() if present.get(name) != value)


def compare(
    kind: str,
    desired: NamedSet,
    observed: NamedSet,
    *,
    purge: bool = False,
    ignore: t.Iterable[str] = (),
    fixed: t.Collection[str] = (),
    replaced_by: t.Collection[str] = (),
) -> Plan:
    """Plan the way from the observed set to the desired one.

    A field counts when the desired item names it; values must be in the same normal form on both sides.
    A difference in one of ``fixed`` (what AWS cannot change in place) raises :class:`InputError`; one in
    ``replaced_by`` makes the verb ``replace``. With ``purge``, observed items that are not desired are
    deleted. Names that match ``ignore`` are neither changed nor deleted. Each action's context is
    ``(desired item or None, observed item or None)``.
    """
    ignore = tuple(ignore)
    actions = []
    for name in sorted({*desired, *observed}):
        wanted, present = desired.get(name), observed.get(name)
        if ignored(name, ignore):
            continue
        context = (wanted, present)
        if present is None:
            actions.append(Action(CREATE, kind, name, after=dict(wanted), context=context))
        elif wanted is None:
            if purge:
                actions.append(Action(DELETE, kind, name, before=dict(present), context=context))
        else:
            names = differing(wanted, present)
            for stuck in sorted(set(names) & set(fixed)):
                raise InputError(
                    f"{kind} {name}: {stuck} cannot be changed from {present.get(stuck)!r} to {wanted[stuck]!r}; "
                    f"AWS allows only a {kind} of another name, or the present value."
                )
            if names:
                verb = REPLACE if set(names) & set(replaced_by) else UPDATE
                before = {n: present.get(n) for n in names}
                after = {n: wanted[n] for n in names}
                actions.append(Action(verb, kind, name, before, after, context))
    return Plan(actions)


class ApplyError(Exception):
    """Some actions of a plan failed.

    ``done`` and ``not_done`` are actions; ``failed`` are pairs of an action and what AWS said of it. ``text`` stands in
    place of the list of these, where one sentence tells more.
    """

    def __init__(
        self, done: list[Action], failed: list[tuple[Action, str]], not_done: list[Action], text: str | None = None
    ) -> None:
        self.done, self.failed, self.not_done = done, failed, not_done
        reasons = "; ".join(f"{action.title}: {reason}" for action, reason in failed)
        count = len(done) + len(failed) + len(not_done)
        super().__init__(text or f"{len(failed)} of {count} changes failed: {reasons}")


class Application:
    """Carries out a plan, phase by phase, and knows what has been done.

    ``errors`` are the exceptions that mean "AWS refused this item", put into words by ``describe``; any
    other is a defect and is raised.
    """

    def __init__(
        self,
        plan: Plan,
        errors: tuple[type[Exception], ...],
        workers: int = 8,
        describe: t.Callable[[Exception], str] = str,
    ) -> None:
        self.plan, self.errors, self.workers, self.describe = plan, errors, workers, describe
        self.done: list[Action] = []

    def run(self, actions: t.Sequence[Action], do: t.Callable[[Action], t.Any], workers: int | None = None) -> list:
        """Do these actions of the plan at the same time; return what ``do`` returned, in their order.

        All of a phase are tried. If one fails, :class:`ApplyError` names what was done, what failed and
        why, and what was not reached.
        """
        return self.run_together([[action] for action in actions], lambda group: do(group[0]), workers)

    def run_together(
        self, groups: t.Sequence[list[Action]], do: t.Callable[[list[Action]], t.Any], workers: int | None = None
    ) -> list:
        """The same for groups of actions that one call carries out, wholly or not at all."""
        results: list[t.Any] = []
        failed: list[tuple[Action, str]] = []
        if not groups:
            return results
        with concurrent.futures.ThreadPoolExecutor(min(workers or self.workers, len(groups))) as pool:
            futures = [pool.submit(do, group) for group in groups]
            for group, future in zip(groups, futures):
                try:
                    results.append(future.result())
                except self.errors as error:
                    failed += [(action, self.describe(error)) for action in group]
                else:
                    self.done += group
        self._refuse(failed)
        return results

    def run_chains(
        self, chains: t.Sequence[t.Sequence[Action]], do: t.Callable[[Action], t.Any], workers: int | None = None
    ) -> None:
        """Do chains of actions at the same time, the actions of one chain one after the other.

        What fails ends its own chain alone; :class:`ApplyError` tells what was not reached.
        """

        def follow(chain: t.Sequence[Action]) -> tuple[Action, str] | None:
            for action in chain:
                try:
                    do(action)
                except self.errors as error:
                    return action, self.describe(error)
                self.done.append(action)
            return None

        if not chains:
            return
        with concurrent.futures.ThreadPoolExecutor(min(workers or self.workers, len(chains))) as pool:
            ends = [future.result() for future in [pool.submit(follow, chain) for chain in chains]]
        self._refuse([end for end in ends if end])

    def _refuse(self, failed: list[tuple[Action, str]]) -> None:
        """Raise :class:`ApplyError` if anything failed."""
        if failed:
            settled = {id(a) for a in self.done} | {id(a) for a, reason in failed}
            raise ApplyError(self.done, failed, [a for a in self.plan if id(a) not in settled])


def concurrently(*calls: t.Callable[[], t.Any], workers: int = 8) -> list[t.Any]:
    """Make independent reads at the same time; their results in the calls' order, the first error raised."""
    if len(calls) < 2:
        return [call() for call in calls]
    with concurrent.futures.ThreadPoolExecutor(min(workers, len(calls))) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def unique(items: t.Iterable[Fields], variable: str, key: str = "name") -> dict[str, Fields]:
    """Key a list by ``key``; the same key twice is an :class:`InputError` that names the variable."""
    keyed: dict[str, Fields] = {}
    for item in items:
        name = item[key]
        if name in keyed:
            raise InputError(f"{variable}: {key} {name!r} is there twice; each {key} is allowed once.")
        keyed[name] = item
    return keyed


def known(value: t.Any) -> bool:
    """Whether a value is there and is not :data:`KNOWN_AFTER_APPLY`, also not inside it or in its text."""
    if isinstance(value, str):
        return bool(value) and KNOWN_AFTER_APPLY not in value
    if isinstance(value, t.Mapping):
        return all(known(v) for v in value.values())
    if isinstance(value, (list, tuple, set)):
        return all(known(v) for v in value)
    return value is not None
