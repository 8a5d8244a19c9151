"""IAM: AWS's own managed policies are there, as in every account, without reading them again at each reset."""

from __future__ import annotations

import copy
import functools
import os

from moto.iam.models import AWSManagedPolicy, IAMBackend


def install() -> None:
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    read = IAMBackend._init_aws_policies

    @functools.cache
    def policies(region: str, account: str) -> list[AWSManagedPolicy]:
        reader = object.__new__(IAMBackend)
        reader.region_name, reader.account_id = region, account
        return read(reader)

    def init_aws_policies(self: IAMBackend) -> list[AWSManagedPolicy]:
        # copies, because a policy counts what it is attached to
        return [copy.copy(policy) for policy in policies(self.region_name, self.account_id)]

    IAMBackend._init_aws_policies = init_aws_policies
