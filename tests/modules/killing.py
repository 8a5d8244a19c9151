"""Runs of modules that are killed at a request, or at a call that changes something."""

from __future__ import annotations

import functools
import os
import signal
import threading

import botocore.client
import botocore.httpsession

from tests.lab.calls import is_mutating


class Killer:
    """Kills this process at the n-th of the calls that count, before it is made or after it was answered."""

    def __init__(self, number, answered, call, counts):
        self.left, self.answered, self.call, self.counts = number, answered, call, counts
        self.lock = threading.Lock()

    def __call__(self, *arguments):
        if not self.counts(*arguments):
            return self.call(*arguments)
        with self.lock:
            self.left -= 1
            if self.left == 0 and not self.answered:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = self.call(*arguments)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer


def run_killed(run, number, answered, *, changing=False):
    """Run a module in a child of this process; whether it was killed, at its request of this number.

    :arg run: does it and gives its result.
    :arg answered: whether the request is still answered.
    :arg changing: whether only calls that change something count.
    """
    child = os.fork()
    if child == 0:
        send, call, own = botocore.httpsession.URLLib3Session.send, botocore.client.BaseClient._make_api_call, set()

        def send_apart(session, request):
            if session not in own:
                # its connections are the parent's, who would read what the killed one has asked
                session.close()
                own.add(session)
            return send(session, request)

        at_call = Killer(number, answered, call, lambda client, operation, options: changing and is_mutating(operation))
        at_request = Killer(number, answered, send_apart, lambda session, request: not changing)
        # an object is no method by itself
        botocore.client.BaseClient._make_api_call = functools.partialmethod(at_call)
        botocore.httpsession.URLLib3Session.send = functools.partialmethod(at_request)
        try:
            os._exit(0 if not run()["failed"] else 1)
        finally:
            os._exit(2)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
