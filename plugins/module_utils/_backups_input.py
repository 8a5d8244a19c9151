# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted of AWS Backup, in one normal form; whatever AWS would refuse is refused here, in one sentence.

Source of the limits: the AWS Backup API's reference (CreateBackupPlan, PutBackupVaultLockConfiguration, Lifecycle).
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, unique

Item = t.Mapping[str, t.Any]

COLD_DAYS = 90
"""The fewest days that AWS keeps in cold storage what was moved there."""
MOST_DAYS = 36500
START_MINUTES = 60
COMPLIANCE_WORD = "yes, for ever"
COMPLIANCE_DAYS = 3
CRON = "cron(0 15 ? * * *)"
FIELDS = {
    "minute": (0, 59, ""),
    "hour": (0, 23, ""),
    "day of the month": (1, 31, "?LW"),
    "month": (1, 12, ""),
    "day of the week": (1, 7, "?L#"),
    "year": (1970, 2199, ""),
}
NAMES = {
    "month": ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    "day of the week": ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
}


def schedule_problem(text: str) -> str:
    """What is wrong with a cron expression as AWS Backup takes it; empty when nothing is."""
    found = re.fullmatch(r"cron\((.*)\)", text.strip())
    parts = found[1].split() if found else []
    if len(parts) != len(FIELDS):
        return "it has six fields in brackets: minute, hour, day of the month, month, day of the week and year"
    if not parts[0].isdigit():
        return "its minute is one number, since backups of one rule are an hour apart at least"
    for part, (field, (least, most, extra)) in zip(parts, FIELDS.items()):
        if part in ("*", "?") and (part == "*" or "?" in extra):
            continue
        allowed = NAMES.get(field, [])
        for word in re.split(r"[,\-/#]", part.upper()):
            number = re.sub(r"[LW]$", "", word) if extra else word
            if word == "*" or word in allowed or (extra and word in ("L", "LW")):
                continue
            if not number.isdigit() or not least <= int(number) <= most:
                return f"its {field} {part!r} is not within {least} to {most}"
    if (parts[2] == "?") == (parts[4] == "?"):
        return "one of day of the month and day of the week is a question mark, and only one"
    return ""


def lifecycle(item: Item, where: str) -> dict[str, int]:
    """``{delete_after_days, cold_after_days}``, each only where it is given.

    :arg where: what a refusal calls it, up to the option's name.
    """
    delete, cold = item.get("delete_after_days") or 0, item.get("cold_after_days") or 0
    for option, days in (("delete_after_days", delete), ("cold_after_days", cold)):
        if not 0 <= days <= MOST_DAYS:
            raise InputError(f"{where}{option} {days} is not allowed; 1 to {MOST_DAYS} days are, and 0 for never.")
    if cold and delete and delete < cold + COLD_DAYS:
        raise InputError(
            f"{where}delete_after_days {delete} is too soon after cold_after_days {cold}; what is in cold storage "
            f"stays there for {COLD_DAYS} days, so {cold + COLD_DAYS} or more is allowed."
        )
    given = {"delete_after_days": delete, "cold_after_days": cold}
    return {option: days for option, days in given.items() if days}


def lock(wanted: Item | None) -> dict[str, int] | None:
    """The vault's lock, ``{min_retention_days, max_retention_days, compliance_after_days}``; None for none."""
    if not wanted:
        return None
    low, high = wanted.get("min_retention_days") or 0, wanted.get("max_retention_days") or 0
    after, word = wanted.get("compliance_after_days") or 0, wanted.get("compliance") or ""
    for option, days in (("min_retention_days", low), ("max_retention_days", high)):
        if not 0 <= days <= MOST_DAYS:
            raise InputError(f"lock: {option} {days} is not allowed; 1 to {MOST_DAYS} days are, and 0 for none.")
    if not low and not high:
        raise InputError("lock: min_retention_days 0 and max_retention_days 0 lock nothing; set one of them.")
    if high and low > high:
        raise InputError(
            f"lock: min_retention_days {low} is more than max_retention_days {high}; at most {high} is allowed."
        )
    if after and word != COMPLIANCE_WORD:
        raise InputError(
            f"lock: compliance_after_days {after} makes a lock that nobody can ever take away, AWS included, so it is "
            f'allowed only together with compliance: "{COMPLIANCE_WORD}".'
        )
    if after and after < COMPLIANCE_DAYS:
        raise InputError(f"lock: compliance_after_days {after} is not allowed; {COMPLIANCE_DAYS} days are the fewest.")
    given = {"min_retention_days": low, "max_retention_days": high, "compliance_after_days": after}
    return {option: days for option, days in given.items() if days}


def within_lock(days: int, locked: Item | None, where: str) -> None:
    """Raise :class:`InputError` for a retention that the lock would refuse; 0 is for ever."""
    low, high = ((locked or {}).get(option, 0) for option in ("min_retention_days", "max_retention_days"))
    if (low and days and days < low) or (high and (not days or days > high)):
        raise InputError(
            f"{where}delete_after_days {days or 'for never'} is outside of the vault's lock; "
            f"{low or 1} to {high or MOST_DAYS} days are allowed."
        )


def rules(given: t.Sequence[Item], region: str, locked: Item | None) -> dict[str, dict[str, t.Any]]:
    """The plan's rules in normal form, by name.

    :arg region: the vault's own, to which nothing is copied.
    :arg locked: the lock, as :func:`lock` gives it.
    """
    wanted: dict[str, dict[str, t.Any]] = {}
    begun: dict[tuple[str, str], str] = {}
    for name, item in unique(given, "rules").items():
        where = f"rules: {name}: "
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,50}", name):
            raise InputError(
                f"rules: name {name!r} is not allowed; 1 to 50 letters, digits, hyphens, dots and underscores are."
            )
        problem = schedule_problem(item["schedule"])
        if problem:
            raise InputError(f"{where}schedule {item['schedule']!r} is not allowed: {problem}, such as {CRON}.")
        begins = (re.sub(r"\s+", " ", item["schedule"].strip()), item.get("timezone") or "Etc/UTC")
        if begins in begun:
            raise InputError(
                f"{where}schedule {item['schedule']!r} is that of rule {begun[begins]} too, and AWS makes one backup "
                "of both; another time, or one rule, is allowed."
            )
        begun[begins] = name
        start, complete = item.get("start_window_minutes") or 480, item.get("completion_window_minutes") or 10080
        if start < START_MINUTES:
            raise InputError(f"{where}start_window_minutes {start} is not allowed; {START_MINUTES} is the least.")
        if complete < start + START_MINUTES:
            raise InputError(
                f"{where}completion_window_minutes {complete} ends before what begins in the last of "
                f"start_window_minutes {start} can be done; {start + START_MINUTES} or more is allowed."
            )
        kept = lifecycle(item, where)
        within_lock(kept.get("delete_after_days", 0), locked, where)
        copies = {}
        for copy in item.get("copies") or []:
            if copy["region"] == region or copy["region"] in copies:
                raise InputError(
                    f"{where}copies: region {copy['region']!r} is the vault's own or there twice; another is allowed."
                )
            copies[copy["region"]] = lifecycle(copy, f"{where}copies: {copy['region']}: ")
        wanted[name] = {
            "schedule": begins[0],
            "timezone": begins[1],
            "start_window_minutes": start,
            "completion_window_minutes": complete,
            "lifecycle": kept,
            "copies": copies,
        }
    return wanted
