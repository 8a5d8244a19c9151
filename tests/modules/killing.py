"""Runs of modules that are killed at a request."""

from __future__ import annotations

import os
import signal
import threading

import botocore.httpsession


class Killer:
    """Kills this process at its n-th request, before it is sent or after it was answered."""

    def __init__(self, number, answered):
        self.left, self.answered = number, answered
        self.send = botocore.httpsession.URLLib3Session.send
        self.lock = threading.Lock()

    def __call__(self, session, request):
        with self.lock:
            self.left -= 1
            if self.left == 0 and not self.answered:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = self.send(session, request)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer


def run_killed(run, number, answered):
    """Run a module in a child of this process; whether it was killed, at its request of this number.

    :arg run: does it and gives its result.
    :arg answered: whether the request is still answered.
    """
    child = os.fork()
    if child == 0:
        killer, own = Killer(number, answered), set()

        def send(session, request):
            if session not in own:
                # its connections are the parent's, who would read what the killed one has asked
                session.close()
                own.add(session)
            return killer(session, request)

        botocore.httpsession.URLLib3Session.send = send
        try:
            os._exit(0 if not run()["failed"] else 1)
        finally:
            os._exit(2)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
