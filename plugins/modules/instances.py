# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: instances
short_description: The platform's hosts of their own (EC2 instances) as one set
version_added: 1.0.0
description:
  - Makes and keeps single EC2 instances, such as a file host and an admin host. Members of auto-scaling groups are
    never touched; hosts of their own carry the tag C(mydigitalstructure:kind) with the value C(instance).
  - Most fields are changed in place. O(instances[].instance_type) and O(instances[].ebs_optimized) need a stop, which
    O(stop_to_change) allows.
  - The image, subnet, key, private address, user data, an unencrypted root volume and a smaller one need another
    instance. That is made only for names in O(replace); for others the difference is left alone, warned of and returned
    as RV(replacement_needed).
  - A replacement terminates the former instance first, because both cannot have the same address, and makes the other
    one then. A run that is interrupted in between is completed by the next one.
  - The metadata service answers IMDSv2 only, and root volumes are encrypted.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only instances that carry its tag C(mydigitalstructure:platform) are changed or terminated.
    type: str
    required: true
  state:
    description:
      - With V(absent), every host of its own that the platform has is terminated and waited for, and O(instances) does
        not matter.
    type: str
    choices: [present, absent]
    default: present
  instances:
    description:
      - The wanted instances. V((known after apply)) is accepted for ids in check mode.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the instance is called in variables and results. It has 1 to 63 letters, digits, dots, hyphens and
            underscores.
        type: str
        required: true
      image_id:
        description:
          - The image. One of O(instances[].image_id) and O(instances[].image_parameter) is required.
        type: str
      image_parameter:
        description:
          - The SSM parameter that names the image, such as one of Amazon's public parameters.
          - It is read when the instance is made. A newer image behind it matters only to names in O(replace).
        type: str
      instance_type:
        description:
          - The instance type.
        type: str
        required: true
      subnet_id:
        description:
          - The subnet.
        type: str
        required: true
      security_group_ids:
        description:
          - The security groups, 1 to 16.
        type: list
        elements: str
        required: true
      private_ip:
        description:
          - A fixed private address. AWS chooses one when it is left out.
        type: str
      key_name:
        description:
          - The key pair for ssh.
        type: str
      instance_profile:
        description:
          - The name of the instance profile. One that was made a moment ago is waited for.
        type: str
      root_volume:
        description:
          - The root volume. It grows and changes its type in place.
        type: dict
        default: {}
        suboptions:
          size:
            description:
              - GiB. The image's own size when it is left out.
            type: int
          type:
            description:
              - The volume type.
            type: str
            choices: [gp3, gp2, io1, io2]
            default: gp3
          iops:
            description:
              - I/O operations a second, for C(gp3), C(io1) and C(io2).
            type: int
          throughput:
            description:
              - MiB a second, for C(gp3).
            type: int
          encrypted:
            description:
              - Root volumes are always encrypted, so V(false) is refused.
            type: bool
            default: true
      user_data:
        description:
          - User data, at most 16384 bytes. It can be read on the host and with the EC2 API, so it holds no secrets.
            Actions show its SHA-256.
        type: str
      address:
        description:
          - The allocation id of an elastic IP to associate. When it is left out, one of the platform is disassociated.
        type: str
      role:
        description:
          - What the host is for, written into the tag C(mydigitalstructure:role).
        type: str
      tags:
        description:
          - Further tags of this instance, its root volume and its network interface.
        type: dict
        default: {}
      termination_protection:
        description:
          - Whether AWS refuses to terminate the instance. What is protected is neither removed nor replaced. The module
            then fails before it changes anything.
        type: bool
        default: false
      stop_protection:
        description:
          - Whether AWS refuses to stop the instance. Left as it is when it is not given.
        type: bool
      ebs_optimized:
        description:
          - Whether the instance has bandwidth of its own for volumes. Left as it is when it is not given.
        type: bool
      detailed_monitoring:
        description:
          - Whether CloudWatch gets figures each minute.
        type: bool
        default: false
      source_dest_check:
        description:
          - Whether traffic from and to other addresses than the instance's is dropped.
        type: bool
        default: true
      metadata_hop_limit:
        description:
          - How many hops the answers of the metadata service may take; containers need 2.
        type: int
        default: 1
      metadata_tags:
        description:
          - Whether the host can read its tags from the metadata service.
        type: bool
        default: false
      running:
        description:
          - Whether the instance runs. A stopped one is started, or a running one stopped.
        type: bool
        default: true
  replace:
    description:
      - Names of declared instances that may be replaced where they differ in what cannot be changed in place.
      - What is on a root volume is lost. Volumes attached later stay.
    type: list
    elements: str
    default: []
  stop_to_change:
    description:
      - Whether a running instance may be stopped and started for a change that needs it. Otherwise that is refused.
    type: bool
    default: false
  tags:
    description:
      - Tags of every instance. Other tags of the platform's instances are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to terminate the platform's hosts of their own that are not declared any more.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names that are neither changed nor terminated.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds to wait for an instance to run, to stop or to be terminated.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also where subnets and groups do not exist yet.
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Make a file host and an admin host with an elastic IP
  mydigitalstructure.aws.instances:
    platform: mds
    instances:
      - name: file
        role: file
        image_parameter: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
        instance_type: t3.medium
        subnet_id: subnet-0a1b2c3d4e5f60718
        security_group_ids: [sg-0a1b2c3d4e5f60718]
        private_ip: 10.20.16.10
        root_volume:
          size: 20
        termination_protection: true
      - name: admin
        role: admin
        image_id: ami-0a1b2c3d4e5f60718
        instance_type: t3.micro
        subnet_id: subnet-0a1b2c3d4e5f60719
        security_group_ids: [sg-0a1b2c3d4e5f60719]
        key_name: operators
        instance_profile: mds-admin
        address: eipalloc-0a1b2c3d4e5f60718
  register: fleet_instances_result

- name: Let the admin host have its new image, and stop hosts where a new type needs it
  mydigitalstructure.aws.instances:
    platform: mds
    instances:
      - name: admin
        role: admin
        image_id: ami-0a1b2c3d4e5f60719
        instance_type: t3.small
        subnet_id: subnet-0a1b2c3d4e5f60719
        security_group_ids: [sg-0a1b2c3d4e5f60719]
    replace: [admin]
    stop_to_change: true

- name: Terminate every host of its own that the platform has
  mydigitalstructure.aws.instances:
    platform: mds
    state: absent
"""

RETURN = r"""
instances:
  description:
    - The declared instances, keyed by name, as they are after the plan. Empty with O(state=absent).
    - What is not known yet in check mode is V((known after apply)).
  returned: success
  type: dict
  sample:
    admin:
      name: admin
      id: i-0a1b2c3d4e5f60718
      arn: arn:aws:ec2:ap-southeast-2:123456789012:instance/i-0a1b2c3d4e5f60718
      state: running
      zone: ap-southeast-2a
      subnet_id: subnet-0a1b2c3d4e5f60718
      private_ip: 10.20.0.10
      public_ip: 203.0.113.10
      image_id: ami-0a1b2c3d4e5f60718
      instance_type: t3.micro
      root_volume_id: vol-0a1b2c3d4e5f60718
      address: eipalloc-0a1b2c3d4e5f60718
      role: admin
      tags: {Name: mds-admin}
  contains:
    name:
      description: The declared name.
      type: str
    id:
      description: The instance's id.
      type: str
    arn:
      description: The instance's ARN.
      type: str
    state:
      description: The instance's state.
      type: str
    zone:
      description: The availability zone.
      type: str
    subnet_id:
      description: The subnet.
      type: str
    private_ip:
      description: The primary private address.
      type: str
    public_ip:
      description: The public address, null without one.
      type: str
    image_id:
      description: The image.
      type: str
    instance_type:
      description: The instance type.
      type: str
    root_volume_id:
      description: The root volume.
      type: str
    address:
      description: The allocation id of the elastic IP, null without one.
      type: str
    role:
      description: The declared role.
      type: str
    tags:
      description: The instance's tags.
      type: dict
replacement_needed:
  description:
    - What differs, needs another instance, and is left alone because the name is not in O(replace). Keyed by name, then
      by field, with C(before) and C(after).
  returned: success
  type: dict
  sample:
    file:
      image_id: {before: ami-0a1b2c3d4e5f60718, after: ami-0a1b2c3d4e5f60719}
actions:
  description:
    - What the plan does, sorted. The C(kind) is C(instance), the C(verb) one of create, update, replace and delete.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: instance
      name: file
      fields:
        detailed_monitoring: {before: false, after: true}
diff:
  description: The fields that differ, C(before) and C(after), by kind and name.
  returned: success
  type: dict
done:
  description: Actions that were carried out before others failed.
  returned: when some actions failed
  type: list
  elements: dict
failed_actions:
  description: Actions that failed, each with its C(reason).
  returned: when some actions failed
  type: list
  elements: dict
not_done:
  description: Actions that were not reached.
  returned: when some actions failed
  type: list
  elements: dict
"""

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._instances import work


def main():
    volume = {
        "size": {"type": "int"},
        "type": {"type": "str", "choices": ["gp3", "gp2", "io1", "io2"], "default": "gp3"},
        "iops": {"type": "int"},
        "throughput": {"type": "int"},
        "encrypted": {"type": "bool", "default": True},
    }
    instance = {
        "name": {"type": "str", "required": True},
        "image_id": {"type": "str"},
        "image_parameter": {"type": "str"},
        "instance_type": {"type": "str", "required": True},
        "subnet_id": {"type": "str", "required": True},
        "security_group_ids": {"type": "list", "elements": "str", "required": True},
        "private_ip": {"type": "str"},
        "key_name": {"type": "str", "no_log": False},
        "instance_profile": {"type": "str"},
        "root_volume": {"type": "dict", "default": {}, "options": volume},
        "user_data": {"type": "str"},
        "address": {"type": "str"},
        "role": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
        "termination_protection": {"type": "bool", "default": False},
        "stop_protection": {"type": "bool"},
        "ebs_optimized": {"type": "bool"},
        "detailed_monitoring": {"type": "bool", "default": False},
        "source_dest_check": {"type": "bool", "default": True},
        "metadata_hop_limit": {"type": "int", "default": 1},
        "metadata_tags": {"type": "bool", "default": False},
        "running": {"type": "bool", "default": True},
    }
    module = set_module(
        {
            "instances": {"type": "list", "elements": "dict", "default": [], "options": instance},
            "replace": {"type": "list", "elements": "str", "default": []},
            "stop_to_change": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 600},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
