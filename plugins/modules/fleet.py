# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fleet
short_description: One fleet of hosts, from launch template to instance refresh, as one set
version_added: 1.0.0
description:
  - Makes a launch template, an auto-scaling group that launches from it, and the group's scaling policies, scheduled
    actions and lifecycle hooks, and keeps them as declared. Group and template are called C(<platform>-<name>).
  - The launch template gets a new version only when what it launches differs from every version that it has. That
    version becomes the default one. IMDSv2 is required and the root volume is encrypted, always.
  - The group names the version by its number, never by C($Latest) or C($Default), because AWS can roll an instance
    refresh back only when the group and the refresh name numbers.
  - With O(refresh=never) the group takes a new version at once, and hosts get it as they are replaced. Otherwise the
    group keeps the former version until the instance refresh to the new one has succeeded, so that hosts launched
    after a failure or a roll-back still get what worked.
  - Policies, scheduled actions and hooks are parts of the fleet, as rules are of a security group. Those that are not
    declared are deleted unless they match O(ignore).
  - A group or template of that name without the platform's tag is never changed.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only what carries its tag C(mydigitalstructure:platform) is changed or deleted.
    type: str
    required: true
  state:
    description:
      - With V(absent) the group is set to no hosts and deleted with them, and when they are terminated the launch
        template is deleted too. The options besides O(platform), O(name) and O(delete_timeout) do not matter then.
      - V(absent) is refused while an instance is protected from scale-in, or the group has deletion protection.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - The fleet's name, such as V(app). With the platform's name and a hyphen it may have 128 characters.
    type: str
    required: true
  role:
    description:
      - What the hosts are for, the value of their tag C(mydigitalstructure:role). The default is O(name).
    type: str
  tags:
    description:
      - Further tags of the template, the group, its instances, and their volumes and network interfaces. Other tags
        of the template and the group are removed.
      - With O(instance_metadata_tags=true) AWS allows only letters, digits and C(+-=.,_:@) in the keys.
    type: dict
    default: {}
  ignore:
    description:
      - Shell patterns of the names of scaling policies, scheduled actions and lifecycle hooks that are neither changed
        nor deleted, such as V(CodeDeploy-*).
    type: list
    elements: str
    default: []
  image_id:
    description:
      - The image that hosts start from. One of O(image_id) and O(image_parameter) is needed.
    type: str
  image_parameter:
    description:
      - The name of the SSM parameter that holds the image's id; AWS looks it up at each launch.
      - AWS cannot roll back an instance refresh of a template with such a parameter.
    type: str
  instance_type:
    description:
      - The hosts' type. It may be left out where O(instance_types) is given.
    type: str
  instance_types:
    description:
      - The types to choose from, the preferred one first. They make the group a mixed one.
    type: list
    elements: str
  mixed:
    description:
      - How on-demand and spot capacity are mixed.
    type: dict
    suboptions:
      on_demand_base:
        description:
          - How many hosts are on-demand before the percentage counts.
        type: int
        default: 0
      on_demand_percentage:
        description:
          - How many percent of the further hosts are on-demand, 0 to 100.
        type: int
        default: 100
      spot_allocation_strategy:
        description:
          - How AWS chooses among the spot pools.
        type: str
        choices: [lowest-price, capacity-optimized, capacity-optimized-prioritized, price-capacity-optimized]
        default: price-capacity-optimized
  instance_profile:
    description:
      - The name of the hosts' IAM instance profile. One that was just made is waited for.
    type: str
  security_group_ids:
    description:
      - The hosts' security groups. Needed with O(state=present).
    type: list
    elements: str
    default: []
  subnet_ids:
    description:
      - The subnets to launch in. Needed with O(state=present).
    type: list
    elements: str
    default: []
  target_group_arns:
    description:
      - The target groups that hosts are registered with; others are detached. When it is left out, they are left as
        they are.
    type: list
    elements: str
  key_name:
    description:
      - The name of the SSH key pair.
    type: str
  user_data:
    description:
      - What hosts run at their first start, as plain text of up to 16384 bytes.
      - It is no place for secrets, since whoever may describe a host can read it. Plans show only its digest.
    type: str
  root_volume:
    description:
      - The root volume. It is always encrypted, and deleted with its host.
    type: dict
    suboptions:
      device_name:
        description:
          - The image's root device. With O(image_id) it is read from the image when left out, and another one is
            refused; with O(image_parameter) it is V(/dev/xvda) when left out.
        type: str
      size:
        description:
          - Size in GiB. The default is that of the image.
        type: int
      type:
        description:
          - The volume's type.
        type: str
        choices: [gp3, gp2, io1, io2, st1, sc1, standard]
        default: gp3
      iops:
        description:
          - Operations a second, for types gp3, io1 and io2.
        type: int
      throughput:
        description:
          - MiB a second, for type gp3.
        type: int
      kms_key_id:
        description:
          - The key to encrypt with. The default is the account's default key for EBS.
        type: str
  metadata_hop_limit:
    description:
      - How many network hops an answer of the instance metadata service may take, 1 to 64. Containers need 2.
    type: int
    default: 1
  instance_metadata_tags:
    description:
      - Whether a host can read its own tags from the instance metadata service.
    type: bool
    default: true
  monitoring:
    description:
      - Whether the hosts' metrics have a detail of one minute, at a price.
    type: bool
    default: false
  keep_versions:
    description:
      - How many launch template versions are kept. Those that the group, a host or a refresh uses are kept besides.
    type: int
    default: 5
  min:
    description:
      - The fewest hosts. Needed with O(state=present). A value that one of O(schedules) sets is left alone, and so are
        those of O(max) and O(desired).
    type: int
  max:
    description:
      - The most hosts. Needed with O(state=present).
    type: int
  desired:
    description:
      - How many hosts to have now. When it is left out, AWS's present value stays, so that scaling is not fought.
    type: int
  health_check_type:
    description:
      - Whether a host must pass the load balancers' health checks, or only those of EC2.
    type: str
    choices: [EC2, ELB]
    default: ELB
  health_check_grace_period:
    description:
      - Seconds after launch for which a failed health check does not count.
    type: int
    default: 300
  default_instance_warmup:
    description:
      - Seconds until a new host's metrics count; V(-1) for none. When it is left out, it is left as it is.
    type: int
  cooldown:
    description:
      - Seconds between simple scaling activities. When it is left out, it is left as it is.
    type: int
  termination_policies:
    description:
      - Which host goes first, by the names that AWS has or the ARN of a Lambda function.
    type: list
    elements: str
    default: [Default]
  capacity_rebalance:
    description:
      - Whether a spot host that is likely to be interrupted is replaced before it is.
    type: bool
    default: false
  max_instance_lifetime:
    description:
      - Seconds after which a host is replaced, from 86400 (a day) to 31536000 (a year); V(0) for no limit. When it is
        left out, it is left as it is.
    type: int
  protect_from_scale_in:
    description:
      - Whether new hosts are protected from scale-in.
    type: bool
    default: false
  deletion_protection:
    description:
      - What AWS refuses to do to the group. Another value than V(none) needs a boto3 that knows it.
    type: str
    choices: [none, prevent-force-deletion, prevent-all-deletion]
    default: none
  suspended_processes:
    description:
      - The scaling processes that are suspended; others are resumed. When it is left out, they are left as they are.
    type: list
    elements: str
  metrics:
    description:
      - The group's metrics that are collected; others are not. When it is left out, they are left as they are.
    type: list
    elements: str
  scaling:
    description:
      - The scaling policies.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The policy's name.
        type: str
        required: true
      type:
        description:
          - The kind of policy.
        type: str
        choices: [target_tracking]
        default: target_tracking
      metric:
        description:
          - The metric to keep at the target, V(ASGAverageCPUUtilization), V(ASGAverageNetworkIn),
            V(ASGAverageNetworkOut) or V(ALBRequestCountPerTarget).
        type: str
        required: true
      target_value:
        description:
          - The value to keep the metric at, above 0.
        type: float
        required: true
      load_balancer_arn:
        description:
          - For V(ALBRequestCountPerTarget), the application load balancer whose requests count.
        type: str
      target_group_arn:
        description:
          - For V(ALBRequestCountPerTarget), the target group whose requests count.
        type: str
      resource_label:
        description:
          - For V(ALBRequestCountPerTarget), balancer and target group in CloudWatch's form, in place of both ARNs.
        type: str
      disable_scale_in:
        description:
          - Whether the policy only adds hosts.
        type: bool
        default: false
      warmup:
        description:
          - Seconds until a new host counts for this policy. The default is O(default_instance_warmup).
        type: int
  schedules:
    description:
      - The scheduled actions. One whose time is over is as good as not declared.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The scheduled action's name.
        type: str
        required: true
      recurrence:
        description:
          - When it happens, as the five fields of cron. Without it, it happens once at O(schedules[].start).
        type: str
      time_zone:
        description:
          - The time zone of O(schedules[].recurrence), by its name in the IANA database. The default is C(Etc/UTC).
        type: str
      min:
        description:
          - The fewest hosts from then on.
        type: int
      max:
        description:
          - The most hosts from then on.
        type: int
      desired:
        description:
          - How many hosts to have then.
        type: int
      start:
        description:
          - The earliest time, in ISO 8601 such as V(2026-12-24T18:00:00Z); UTC when it names no offset.
        type: str
      end:
        description:
          - The latest time, in the same form.
        type: str
  hooks:
    description:
      - The lifecycle hooks. They are made together with the group, so that the first hosts are held too.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The hook's name.
        type: str
        required: true
      transition:
        description:
          - Whether a host is held while it is launched or while it is terminated.
        type: str
        choices: [launching, terminating]
        required: true
      heartbeat_timeout:
        description:
          - Seconds for which a host is held unless somebody completes the action or sends a heartbeat, 30 to 7200.
        type: int
        default: 3600
      default_result:
        description:
          - What happens when that time is over.
        type: str
        choices: [ABANDON, CONTINUE]
        default: ABANDON
      notification_target_arn:
        description:
          - The SQS queue or SNS topic that is told.
        type: str
      role_arn:
        description:
          - The IAM role by which auto-scaling may tell it. AWS cannot take it away again.
        type: str
      metadata:
        description:
          - Text that is sent along. AWS cannot take it away again.
        type: str
  refresh:
    description:
      - When hosts are replaced by an instance refresh. V(never), V(on_change) when what the group launches differs, or
        V(now) in every run.
      - A refresh that runs towards the same is joined, and one towards something else is cancelled and replaced.
      - A version that was rolled back is not tried again by V(on_change); a warning says so.
    type: str
    choices: [never, on_change, now]
    default: never
  refresh_preferences:
    description:
      - How hosts are replaced. What is left out is as AWS has it by default.
    type: dict
    suboptions:
      min_healthy_percentage:
        description:
          - How many percent of the hosts must be healthy throughout, 0 to 100.
        type: int
      max_healthy_percentage:
        description:
          - How many percent there may be meanwhile, 100 to 200, and at most 100 above the fewest.
        type: int
      checkpoints:
        description:
          - Percentages at which the refresh pauses, rising and ending with 100.
        type: list
        elements: int
      checkpoint_delay:
        description:
          - Seconds of a pause, 0 to 172800.
        type: int
      instance_warmup:
        description:
          - Seconds until a new host counts as ready. The default is O(default_instance_warmup).
        type: int
      auto_rollback:
        description:
          - Whether AWS rolls a failed refresh back. It is refused with O(image_parameter).
        type: bool
      skip_matching:
        description:
          - Whether hosts that are right already stay.
        type: bool
      scale_in_protected_instances:
        description:
          - What happens to hosts that are protected from scale-in.
        type: str
        choices: [Refresh, Ignore, Wait]
      standby_instances:
        description:
          - What happens to hosts in standby.
        type: str
        choices: [Terminate, Ignore, Wait]
  refresh_wait:
    description:
      - Whether to wait until the refresh, or the roll-back, has ended. The module fails with AWS's reason unless it
        ended well.
    type: bool
    default: false
  refresh_timeout:
    description:
      - Seconds to wait for a refresh to end.
    type: int
    default: 3600
  rollback:
    description:
      - Roll back the instance refresh that runs, and do nothing else. When none runs, RV(msg) says so.
      - Set the variables back as well. Otherwise O(refresh=now) tries the same again.
    type: bool
    default: false
  delete_timeout:
    description:
      - Seconds to wait with O(state=absent) until the group, and then its hosts, are gone.
    type: int
    default: 1800
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also on an empty account.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Run two to six app hosts behind a load balancer
  mydigitalstructure.aws.fleet:
    platform: mds
    name: app
    image_id: ami-0123456789abcdef0
    instance_type: t3.small
    instance_profile: mds-app
    security_group_ids: [sg-0123456789abcdef0]
    subnet_ids: [subnet-0123456789abcdef0, subnet-0fedcba9876543210]
    target_group_arns:
      - arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:targetgroup/mds-webapi/0123456789abcdef
    root_volume:
      size: 20
    min: 2
    max: 6
    scaling:
      - name: cpu
        metric: ASGAverageCPUUtilization
        target_value: 55
    schedules:
      - name: morning
        recurrence: 0 7 * * MON-FRI
        time_zone: Australia/Sydney
        min: 4
    hooks:
      - name: drain
        transition: terminating
        heartbeat_timeout: 120
        default_result: CONTINUE
    refresh: on_change
    refresh_preferences:
      min_healthy_percentage: 100
      max_healthy_percentage: 150
      auto_rollback: true

- name: Let four of five further hosts be spot instances
  mydigitalstructure.aws.fleet:
    platform: mds
    name: worker
    image_parameter: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
    instance_types: [t3.small, t3a.small, t2.small]
    mixed:
      on_demand_base: 1
      on_demand_percentage: 20
    capacity_rebalance: true
    health_check_type: EC2
    security_group_ids: [sg-0123456789abcdef0]
    subnet_ids: [subnet-0123456789abcdef0]
    min: 1
    max: 10

- name: Roll the refresh that runs back, and wait for it
  mydigitalstructure.aws.fleet:
    platform: mds
    name: app
    rollback: true
    refresh_wait: true

- name: Remove the fleet
  mydigitalstructure.aws.fleet:
    platform: mds
    name: app
    state: absent
"""

RETURN = r"""
actions:
  description: What was changed, or would be in check mode, sorted by kind and name.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: One of C(create), C(update), C(replace) and C(delete).
      returned: always
      type: str
    kind:
      description:
        - One of C(launch_template), C(launch_template_version), C(auto_scaling_group), C(scaling_policy),
          C(scheduled_action), C(lifecycle_hook) and C(instance_refresh).
      returned: always
      type: str
    name:
      description: The name of the fleet, the policy, the scheduled action or the hook.
      returned: always
      type: str
    fields:
      description: The values that are made or deleted, or C(before) and C(after) of each changed field.
      returned: always
      type: dict
auto_scaling_group:
  description: The group. In check mode what is not known yet is C((known after apply)). Null with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: The group's name.
      returned: always
      type: str
    arn:
      description: The group's ARN.
      returned: always
      type: str
    min:
      description: The fewest hosts.
      returned: always
      type: int
    max:
      description: The most hosts.
      returned: always
      type: int
    desired:
      description: How many hosts there are to be now.
      returned: always
      type: raw
    instances:
      description: The hosts, sorted by id.
      returned: always
      type: list
      elements: dict
      contains:
        id:
          description: The instance's id.
          returned: always
          type: str
        zone:
          description: The availability zone.
          returned: always
          type: str
        type:
          description: The instance type.
          returned: always
          type: str
        lifecycle_state:
          description: The state in the group, such as C(InService) or C(Pending:Wait).
          returned: always
          type: str
        health_status:
          description: C(Healthy) or C(Unhealthy).
          returned: always
          type: str
        version:
          description: The launch template version that the host was launched from.
          returned: always
          type: int
launch_template:
  description: The launch template. Null with O(state=absent).
  returned: success
  type: dict
  contains:
    id:
      description: The template's id.
      returned: always
      type: str
    name:
      description: The template's name.
      returned: always
      type: str
    version:
      description:
        - The version that is wanted, which the group has, or gets when its instance refresh has succeeded.
      returned: always
      type: int
refresh:
  description: The instance refresh that runs, or else the last one. Null when there was none.
  returned: success
  type: dict
  contains:
    id:
      description: The refresh's id.
      returned: always
      type: str
    status:
      description: Its status, such as C(InProgress), C(Successful) or C(RollbackSuccessful).
      returned: always
      type: str
    status_reason:
      description: Why it has this status.
      returned: always
      type: str
    percentage_complete:
      description: How many percent of the hosts are replaced.
      returned: always
      type: int
    version:
      description: The launch template version that it leads to.
      returned: always
      type: int
msg:
  description: With O(rollback=true), why there is nothing to roll back.
  returned: when there is nothing to roll back
  type: str
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import client, run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet import converge

OPTIONS = {
    "name": {"type": "str", "required": True},
    "role": {"type": "str"},
    "ignore": {"type": "list", "elements": "str", "default": []},
    "image_id": {"type": "str"},
    "image_parameter": {"type": "str"},
    "instance_type": {"type": "str"},
    "instance_types": {"type": "list", "elements": "str"},
    "mixed": {
        "type": "dict",
        "options": {
            "on_demand_base": {"type": "int", "default": 0},
            "on_demand_percentage": {"type": "int", "default": 100},
            "spot_allocation_strategy": {
                "type": "str",
                "choices": [
                    "lowest-price",
                    "capacity-optimized",
                    "capacity-optimized-prioritized",
                    "price-capacity-optimized",
                ],
                "default": "price-capacity-optimized",
            },
        },
    },
    "instance_profile": {"type": "str"},
    "security_group_ids": {"type": "list", "elements": "str", "default": []},
    "subnet_ids": {"type": "list", "elements": "str", "default": []},
    "target_group_arns": {"type": "list", "elements": "str"},
    "key_name": {"type": "str"},
    "user_data": {"type": "str"},
    "root_volume": {
        "type": "dict",
        "options": {
            "device_name": {"type": "str"},
            "size": {"type": "int"},
            "type": {
                "type": "str",
                "choices": ["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"],
                "default": "gp3",
            },
            "iops": {"type": "int"},
            "throughput": {"type": "int"},
            "kms_key_id": {"type": "str"},
        },
    },
    "metadata_hop_limit": {"type": "int", "default": 1},
    "instance_metadata_tags": {"type": "bool", "default": True},
    "monitoring": {"type": "bool", "default": False},
    "keep_versions": {"type": "int", "default": 5},
    "min": {"type": "int"},
    "max": {"type": "int"},
    "desired": {"type": "int"},
    "health_check_type": {"type": "str", "choices": ["EC2", "ELB"], "default": "ELB"},
    "health_check_grace_period": {"type": "int", "default": 300},
    "default_instance_warmup": {"type": "int"},
    "cooldown": {"type": "int"},
    "termination_policies": {"type": "list", "elements": "str", "default": ["Default"]},
    "capacity_rebalance": {"type": "bool", "default": False},
    "max_instance_lifetime": {"type": "int"},
    "protect_from_scale_in": {"type": "bool", "default": False},
    "deletion_protection": {
        "type": "str",
        "choices": ["none", "prevent-force-deletion", "prevent-all-deletion"],
        "default": "none",
    },
    "suspended_processes": {"type": "list", "elements": "str"},
    "metrics": {"type": "list", "elements": "str"},
    "scaling": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "type": {"type": "str", "choices": ["target_tracking"], "default": "target_tracking"},
            "metric": {"type": "str", "required": True},
            "target_value": {"type": "float", "required": True},
            "load_balancer_arn": {"type": "str"},
            "target_group_arn": {"type": "str"},
            "resource_label": {"type": "str"},
            "disable_scale_in": {"type": "bool", "default": False},
            "warmup": {"type": "int"},
        },
    },
    "schedules": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "recurrence": {"type": "str"},
            "time_zone": {"type": "str"},
            "min": {"type": "int"},
            "max": {"type": "int"},
            "desired": {"type": "int"},
            "start": {"type": "str"},
            "end": {"type": "str"},
        },
    },
    "hooks": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "transition": {"type": "str", "required": True, "choices": ["launching", "terminating"]},
            "heartbeat_timeout": {"type": "int", "default": 3600},
            "default_result": {"type": "str", "choices": ["ABANDON", "CONTINUE"], "default": "ABANDON"},
            "notification_target_arn": {"type": "str"},
            "role_arn": {"type": "str"},
            "metadata": {"type": "str"},
        },
    },
    "refresh": {"type": "str", "choices": ["never", "on_change", "now"], "default": "never"},
    "refresh_preferences": {
        "type": "dict",
        "options": {
            "min_healthy_percentage": {"type": "int"},
            "max_healthy_percentage": {"type": "int"},
            "checkpoints": {"type": "list", "elements": "int"},
            "checkpoint_delay": {"type": "int"},
            "instance_warmup": {"type": "int"},
            "auto_rollback": {"type": "bool"},
            "skip_matching": {"type": "bool"},
            "scale_in_protected_instances": {"type": "str", "choices": ["Refresh", "Ignore", "Wait"]},
            "standby_instances": {"type": "str", "choices": ["Terminate", "Ignore", "Wait"]},
        },
    },
    "refresh_wait": {"type": "bool", "default": False},
    "refresh_timeout": {"type": "int", "default": 3600},
    "rollback": {"type": "bool", "default": False},
    "delete_timeout": {"type": "int", "default": 1800},
}


def main() -> None:
    module = set_module(OPTIONS, purge=False)
    run(
        module,
        lambda: converge(module.params, module.check_mode, client(module, "ec2"), client(module, "autoscaling")),
    )


if __name__ == "__main__":
    main()
