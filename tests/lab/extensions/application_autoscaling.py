"""Application Auto Scaling: what it scales must be there, pages go on to their end, policies go with their target.

As AWS does, capacity of DynamoDB that lies outside of a target's bounds is moved into them once there is a policy.
"""

from __future__ import annotations

import json

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse, _build_target
from moto.core.exceptions import AWSError
from moto.dynamodb.models import dynamodb_backends

PAGE = 50
LINKED_ROLE = (
    "aws-service-role/dynamodb.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
)


def refused(message: str) -> AWSError:
    return AWSError(message, exception_type="ValidationException")


def missing(what: str, resource: str) -> AWSError:
    message = f"No {what} found for service namespace: dynamodb, resource ID: {resource}"
    return AWSError(message, exception_type="ObjectNotFoundException")


def scaled(backend: ApplicationAutoscalingBackend, resource: str):
    """The table or index that a resource ID of DynamoDB names."""
    parts = resource.split("/")
    table = dynamodb_backends[backend.account_id][backend.region_name].tables.get(parts[1])
    if table is None:
        raise refused(f"DynamoDB table does not exist: {resource}")
    if len(parts) == 2:
        return table
    found = [index for index in table.global_indexes if index.name == parts[3]]
    if not found:
        raise refused(f"DynamoDB index does not exist: {resource}")
    return found[0]


def move(backend: ApplicationAutoscalingBackend, resource: str, dimension: str) -> None:
    """Bring capacity into a target's bounds, if it has a policy."""
    target = backend.targets[dimension][resource]
    policies = [p for p in backend.policies.values() if (p.resource_id, p.scalable_dimension) == (resource, dimension)]
    owner, units = scaled(backend, resource), dimension.rpartition(":")[2]
    present = owner.throughput[units]
    if policies and present:
        owner.throughput = {**owner.throughput, units: min(max(present, target.min_capacity), target.max_capacity)}


def describe_scalable_targets(self: ApplicationAutoScalingResponse) -> str:
    self._validate_params()
    found = self.applicationautoscaling_backend.describe_scalable_targets(
        self._get_param("ServiceNamespace"), self._get_param("ResourceIds"), self._get_param("ScalableDimension")
    )
    start = int(self._get_param("NextToken") or 0)
    end = start + min(self._get_int_param("MaxResults") or PAGE, PAGE)
    answer: dict = {"ScalableTargets": []}
    role = f"arn:aws:iam::{self.current_account}:role/{LINKED_ROLE}"
    for target in found[start:end]:
        shown = {key: value for key, value in _build_target(target).items() if value is not None}
        role = (
            f"arn:aws:iam::{self.current_account}:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com"
        )
        answer["ScalableTargets"].append({"RoleARN": role, **shown})
    if end < len(found):
        answer["NextToken"] = str(end)
    return json.dumps(answer)


def install() -> None:
    backend = ApplicationAutoscalingBackend
    register, put = backend.register_scalable_target, backend.put_scaling_policy
    deregister = backend.deregister_scalable_target

    def register_scalable_target(self, namespace, r_id, dimension, min_capacity, max_capacity, *further, **named):
        there = self.targets.get(dimension, {}).get(r_id)
        least = there.min_capacity if there and min_capacity is None else min_capacity
        most = there.max_capacity if there and max_capacity is None else max_capacity
        if least is None or most is None or least > most:
            raise refused(f"MinCapacity {least} and MaxCapacity {most} of {r_id} do not fit")
        if namespace == "dynamodb":
            scaled(self, r_id)
        target = register(self, namespace, r_id, dimension, min_capacity, max_capacity, *further, **named)
        if namespace == "dynamodb":
            move(self, r_id, dimension)
        return target

    def put_scaling_policy(
        self, policy_name, service_namespace, resource_id, scalable_dimension, policy_body, policy_type
    ):
        if not self._scalable_target_exists(resource_id, scalable_dimension):
            raise missing("scalable target", resource_id)
        others = [
            policy.policy_name
            for policy in self.policies.values()
            if (policy.resource_id, policy.scalable_dimension) == (resource_id, scalable_dimension)
        ]
        if service_namespace == "dynamodb" and others and policy_name not in others:
            raise refused("Only one TargetTrackingScaling policy for a given metric specification is allowed.")
        policy = put(self, policy_name, service_namespace, resource_id, scalable_dimension, policy_body, policy_type)
        if service_namespace == "dynamodb":
            move(self, resource_id, scalable_dimension)
        return policy

    def deregister_scalable_target(self, namespace, r_id, dimension):
        if not self._scalable_target_exists(r_id, dimension):
            raise missing("scalable target", r_id)
        for key, policy in list(self.policies.items()):
            if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
                policy.delete_alarms(self.account_id, self.region_name)
                del self.policies[key]
        deregister(self, namespace, r_id, dimension)

    for method in (register_scalable_target, put_scaling_policy, deregister_scalable_target):
        setattr(backend, method.__name__, method)
    ApplicationAutoScalingResponse.describe_scalable_targets = describe_scalable_targets
