# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what AWS does later and no botocore waiter covers."""

from __future__ import annotations

import time
import typing as t

Result = t.TypeVar("Result")


def poll(
    look: t.Callable[[], Result],
    settled: t.Callable[[Result], bool],
    timeout: float,
    *,
    first: float = 0.5,
    longest: float = 15.0,
) -> Result:
    """Look until the answer is settled or ``timeout`` seconds have passed; the last answer either way.

    The first look is at once; the pauses grow by half from ``first`` to ``longest`` seconds, so that what
    is quick is not waited for and what is slow does not use up the account's request quota. Whoever calls
    decides what an answer that never settled means.
    """
    end = time.monotonic() + timeout
    pause = first
    while True:
        answer = look()
        left = end - time.monotonic()
        if settled(answer) or left <= 0:
            return answer
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, longest)
