# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a set of IAM policies lets its holder do: everything, or what leads to it.

A judgement of documents, not an evaluation of requests: a condition on an Allow makes it weaker (``conditions``), a
Deny counts only without a condition and on every resource, a boundary takes away the actions that it does not allow.
Which roles a service would lend, and what other accounts allow, is not looked at.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._iam_actions import matcher
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._policies import everything, listed

Document = t.Mapping[str, t.Any]

PASS = "iam:PassRole"
ESCALATIONS: tuple[tuple[str, ...], ...] = (
    # what changes the permissions of whoever it names
    ("iam:AddUserToGroup",),
    ("iam:AttachGroupPolicy",),
    ("iam:AttachRolePolicy",),
    ("iam:AttachUserPolicy",),
    ("iam:CreatePolicyVersion",),
    ("iam:PutGroupPolicy",),
    ("iam:PutRolePolicy",),
    ("iam:PutUserPolicy",),
    ("iam:SetDefaultPolicyVersion",),
    ("iam:UpdateAssumeRolePolicy",),
    # what makes credentials of others
    ("iam:CreateAccessKey",),
    ("iam:CreateLoginProfile",),
    ("iam:UpdateLoginProfile",),
    # what runs code with a role that is there already
    ("lambda:UpdateFunctionCode",),
    ("ssm:SendCommand",),
    # what runs code with any role
    (PASS, "cloudformation:CreateStack"),
    (PASS, "codebuild:CreateProject", "codebuild:StartBuild"),
    (PASS, "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"),
    (PASS, "ec2:RunInstances"),
    (PASS, "ecs:RegisterTaskDefinition", "ecs:RunTask"),
    (PASS, "glue:CreateJob", "glue:StartJobRun"),
    (PASS, "lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
    (PASS, "lambda:CreateFunction", "lambda:InvokeFunction"),
    (PASS, "sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl"),
)
"""Actions that together give their holder other permissions than its own, the first one on any resource.

Source: Rhino Security Labs, "AWS IAM Privilege Escalation Methods"; policy_sentry has most of them in its audit data.
"""

NO, CONDITIONS, YES = "no", "conditions", "yes"
"""How far something is allowed: not at all, if a policy's conditions hold, always."""


def statements(document: t.Any) -> list[dict[str, t.Any]]:
    """The statements of a document; what is malformed is left out, because IAM could not have taken it."""
    found = document.get("Statement") if isinstance(document, dict) else None
    return [statement for statement in listed(found) if isinstance(statement, dict)]


def covers(statement: Document, action: str) -> bool:
    """Whether a statement is about an action."""
    if "NotAction" in statement:
        return not any(matcher(str(pattern))(action) for pattern in listed(statement["NotAction"]))
    return any(pattern == "*:*" or matcher(str(pattern))(action) for pattern in listed(statement.get("Action")))


def anywhere(statement: Document) -> bool:
    """Whether a statement is about every resource, or every one of a kind, such as ``arn:aws:iam::*:role/*``."""
    if "NotResource" in statement:
        return True
    return any(
        resource == "*" or re.fullmatch(r"arn(:[^:]*){4}:([\w-]+[:/])?\*+(/\*+)?", str(resource)) is not None
        for resource in listed(statement.get("Resource"))
    )


class Grants:
    """What these policies, ``{name: document}``, allow within a boundary."""

    def __init__(self, policies: t.Mapping[str, t.Any], boundary: t.Any = None) -> None:
        self.boundary = boundary
        self.allows: list[tuple[str, dict[str, t.Any]]] = []
        self.denies: list[dict[str, t.Any]] = []
        for name in sorted(policies):
            for statement in statements(policies[name]):
                if statement.get("Effect") == "Allow":
                    self.allows.append((name, statement))
                elif not statement.get("Condition") and anywhere(statement):
                    self.denies.append(statement)

    def within(self, action: str) -> bool:
        """Whether neither a boundary nor a Deny takes an action away."""
        if any(covers(statement, action) for statement in self.denies):
            return False
        return self.boundary is None or Grants({"boundary": self.boundary}).allowed(action, False)[0] != NO

    def allowed(self, action: str, on_all: bool = True) -> tuple[str, str]:
        """How far an action is allowed (on every resource, or on some), and by which policy."""
        best = (NO, "")
        if not self.within(action):
            return best
        for name, statement in self.allows:
            if covers(statement, action) and (not on_all or anywhere(statement)):
                if not statement.get("Condition"):
                    return YES, name
                best = (CONDITIONS, name) if best[0] == NO else best
        return best

    def administrator(self) -> tuple[str, str]:
        """How far every action on every resource is allowed, and by which policy."""
        best = (NO, "")
        if self.boundary is not None and Grants({"boundary": self.boundary}).administrator()[0] == NO:
            return best
        # a Deny of something leaves the rest, and with it the way around the Deny, unless it is IAM that is denied
        if any(covers(statement, "iam:PutUserPolicy") for statement in self.denies):
            return best
        for name, statement in self.allows:
            wide = everything(listed(statement.get("Action"))) and (
                "NotResource" in statement or everything(listed(statement.get("Resource")))
            )
            if wide and not statement.get("Condition"):
                return YES, name
            if wide and best[0] == NO:
                best = (CONDITIONS, name)
        return best

    def escalations(self) -> dict[str, tuple[str, list[str]]]:
        """The ways to other permissions, ``{"iam:PassRole with ec2:RunInstances": (how far, policies)}``."""
        found = {}
        for first, *others in ESCALATIONS:
            answers = [self.allowed(first), *(self.allowed(action, False) for action in others)]
            how = {answer[0] for answer in answers}
            if NO not in how:
                ways = f"{first} with {' and '.join(others)}" if others else first
                found[ways] = (CONDITIONS if CONDITIONS in how else YES, sorted({answer[1] for answer in answers}))
        return found
