"""The lab's clock: real time plus what tests and the virtual quota mode moved it forward."""

from __future__ import annotations

import threading
import time


class Clock:
    """Seconds since the epoch. It only ever moves forward."""

    def __init__(self, real=time.time):
        self._real = real
        self._lock = threading.Lock()
        self._offset = 0.0

    def now(self) -> float:
        return self._real() + self._offset

    @property
    def advanced(self) -> float:
        """Seconds by which it is ahead of real time."""
        return self._offset

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"The lab's clock cannot be moved by {seconds} seconds: it only moves forward.")
        with self._lock:
            self._offset += seconds

    def reset(self) -> None:
        with self._lock:
            self._offset = 0.0


CLOCK = Clock()
