"""AWS's API rate limits as token buckets, one for each account, region and class of operations.

The rows are those of the project's table of quotas (README.md says what is assumed). ``off`` admits everything;
``throttle`` refuses with AWS's own error what finds its bucket empty; ``virtual`` refuses nothing, but moves the lab's
clock to the moment at which the bucket would admit the call, and adds up by how much.
"""

from __future__ import annotations

from dataclasses import dataclass

from .calls import Identity, is_mutating
from .clock import Clock

MODES = ("off", "throttle", "virtual")


@dataclass(frozen=True)
class Row:
    """A row of the table: how many calls at once, and how many more a second."""

    name: str
    capacity: float
    refill: float
    # whether each operation has a bucket of its own, or all that the row covers share one
    shared: bool = False


ROUTE53 = Row("Route 53, all operations of an account", 50, 10, shared=True)
ROUTE53_CREATE = Row("Route 53 CreateHostedZone", 40, 2)
SES = Row("SES v1, every operation but sending", 1, 1)
SESV2 = Row("SES v2, identity and configuration-set operations", 1, 1)
EC2_NARROWED = Row("EC2 Describe*, with a filter or page size", 100, 20)
EC2_WIDE = Row("EC2 Describe*, unfiltered and unpaginated", 50, 10)
EC2_MUTATING = Row("EC2 mutating calls", 50, 5)
DEFAULT = Row("anything else (default row)", 20, 10)

# (code, message, HTTP status) by service; services without an entry answer in the way of their protocol
REFUSALS = {
    "route53": ("Throttling", "Rate exceeded", 400),
    "ses": ("Throttling", "Rate exceeded", 400),
    "sesv2": ("TooManyRequestsException", "Too Many Requests", 429),
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
}
QUERY_SERVICES = frozenset({"autoscaling", "cloudformation", "elb", "elbv2", "iam", "rds", "sns", "sqs", "sts"})


def rows(what: Identity) -> tuple[Row, ...]:
    """The rows whose buckets a call takes a token from."""
    service, operation = what.service, what.operation
    if service == "route53":
        return (ROUTE53, ROUTE53_CREATE) if operation == "CreateHostedZone" else (ROUTE53,)
    if service == "ses" and not operation.startswith("Send"):
        return (SES,)
    if service == "sesv2" and ("EmailIdentit" in operation or "ConfigurationSet" in operation):
        return (SESV2,)
    if service == "ec2":
        if is_mutating(operation):
            return (EC2_MUTATING,)
        return (EC2_WIDE,) if operation.startswith("Describe") and not what.narrowed else (EC2_NARROWED,)
    return (DEFAULT,)


def refusal(service: str) -> tuple[str, str, int]:
    """AWS's throttling error of a service: (code, message, HTTP status)."""
    code = "Throttling" if service in QUERY_SERVICES else "ThrottlingException"
    return REFUSALS.get(service, (code, "Rate exceeded", 400))


class Bucket:
    """Tokens that refill with time up to a capacity; ``at`` is when they were last counted."""

    def __init__(self, row: Row, at: float):
        self.row = row
        self.tokens = float(row.capacity)
        self.at = at

    def wait(self, now: float) -> float:
        """Seconds from now until it has a whole token."""
        self.tokens = min(self.row.capacity, self.tokens + max(0.0, now - self.at) * self.row.refill)
        self.at = now
        # what rounding of the clock takes away is not a wait
        return max(0.0, (1 - self.tokens - 1e-6) / self.row.refill)

    def take(self) -> None:
        self.tokens -= 1


class Quotas:
    """All buckets of a lab. ``virtual_seconds``: what calls would have waited for in ``virtual`` mode."""

    def __init__(self, clock: Clock, mode: str = "off"):
        self.clock = clock
        self.mode = mode
        self.reset()

    def reset(self) -> None:
        """Full buckets."""
        self._buckets: dict[tuple, Bucket] = {}
        self.virtual_seconds = 0.0
        # how often each row made a call wait or refused it
        self.held: dict[str, int] = {}

    def admit(self, account: str, what: Identity) -> tuple[str, str, int] | None:
        """None when the call may pass, otherwise the error to answer with: (code, message, HTTP status)."""
        if self.mode == "off":
            return None
        buckets = [self._bucket(account, what, row) for row in rows(what)]
        now = self.clock.now()
        waits = [bucket.wait(now) for bucket in buckets]
        if max(waits) > 0:
            for bucket, wait in zip(buckets, waits):
                if wait > 0:
                    self.held[bucket.row.name] = self.held.get(bucket.row.name, 0) + 1
            if self.mode == "throttle":
                return refusal(what.service)
            self.clock.advance(max(waits))
            self.virtual_seconds += max(waits)
            now = self.clock.now()
            for bucket in buckets:
                bucket.wait(now)
        for bucket in buckets:
            bucket.take()
        return None

    def _bucket(self, account: str, what: Identity, row: Row) -> Bucket:
        region = "" if what.service == "route53" else what.region
        key = (account, region, what.service, row.name, "" if row.shared else what.operation)
        if key not in self._buckets:
            self._buckets[key] = Bucket(row, self.clock.now())
        return self._buckets[key]
