# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: network
short_description: The platform's VPC with all its parts as one set
version_added: 1.0.0
description:
  - Makes and keeps a VPC with its subnets, internet gateway, NAT gateways, route tables, gateway endpoints, flow log
    and the elastic IP for administrative access.
  - All parts are read at the same time, compared by value, and brought to what is declared; routes, associations and
    tags that were changed by hand are put back.
  - A NAT gateway or route table that takes over is made before the one that it replaces goes.
  - The VPC's main route table, default security group and DHCP options are left alone.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only what carries its tag C(mydigitalstructure:platform) is changed or removed.
    type: str
    required: true
  state:
    description:
      - With V(absent), the whole network of the platform is removed, and the other options do not matter. It is refused
        while network interfaces, subnets, route tables, security groups or network ACLs that the platform does not own
        are in the VPC.
    type: str
    choices: [present, absent]
    default: present
  cidr:
    description:
      - The VPC's IPv4 range, from /16 to /28, without host bits. AWS cannot change it later.
      - Required with O(state=present).
    type: str
  subnets:
    description:
      - The subnets. They lie in at least two zones, inside O(cidr), and do not overlap.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the subnet is called in variables and results.
        type: str
        required: true
      tier:
        description:
          - V(public) has a route to the internet gateway, V(app) goes out through a NAT gateway if there is one, and
            V(data) has no way out.
        type: str
        choices: [public, app, data]
        required: true
      zone:
        description: The availability zone, such as V(ap-southeast-2a).
        type: str
        required: true
      cidr:
        description: The subnet's IPv4 range, from /16 to /28, without host bits. AWS cannot change it later.
        type: str
        required: true
      map_public_ip:
        description:
          - Whether instances get a public address when they start. Those in tier V(public) do when it is left out.
        type: bool
  nat:
    description:
      - NAT gateways for the tier V(app). V(one) costs least, and its zone takes the others with it; V(zone) makes one
        in each zone; V(none) leaves only the gateway endpoints. Changed in place.
      - A gateway whose subnet is not declared any more moves to another public subnet of its zone and keeps its
        address, so that what goes out through it has no way out for the minutes that AWS needs.
    type: str
    choices: [none, one, zone]
    default: one
  gateway_endpoints:
    description:
      - Services that the tiers V(app) and V(data) reach without leaving AWS's network. V(s3) and V(dynamodb) have such
        endpoints.
    type: list
    elements: str
    default: [s3, dynamodb]
  flow_logs:
    description:
      - A record of the VPC's traffic. None when it is left out.
    type: dict
    suboptions:
      destination_type:
        description: Where records go.
        type: str
        choices: [s3, cloud-watch-logs]
        default: s3
      destination:
        description: The ARN of a bucket for V(s3), or the name of a log group for V(cloud-watch-logs).
        type: str
        required: true
      role_arn:
        description: The ARN of a role that may write to the log group. Needed with V(cloud-watch-logs).
        type: str
      traffic_type:
        description: Which traffic is recorded.
        type: str
        choices: [ACCEPT, REJECT, ALL]
        default: ALL
  admin_address:
    description:
      - Whether there is one elastic IP for administrative access.
    type: str
    choices: [eip, none]
    default: eip
  tags:
    description:
      - Tags of every part. Other tags of the platform's parts are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to remove the platform's subnets that are not declared any more. What follows from the other options
        (gateways, addresses, route tables, endpoints, the flow log) always follows them.
      - A subnet that stays without being declared keeps its routes.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names of parts that are neither changed nor removed.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds to wait for a NAT gateway to come or to go, and for what holds a part that is to be removed.
    type: int
    default: 600
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
- name: Make a network over two zones with one NAT gateway
  mydigitalstructure.aws.network:
    platform: mds
    cidr: 10.20.0.0/16
    nat: one
    subnets:
      - {name: public-a, tier: public, zone: ap-southeast-2a, cidr: 10.20.0.0/24}
      - {name: public-b, tier: public, zone: ap-southeast-2b, cidr: 10.20.1.0/24}
      - {name: app-a, tier: app, zone: ap-southeast-2a, cidr: 10.20.16.0/22}
      - {name: app-b, tier: app, zone: ap-southeast-2b, cidr: 10.20.20.0/22}
    region: ap-southeast-2

- name: Remove the network
  mydigitalstructure.aws.network:
    platform: mds
    state: absent
    region: ap-southeast-2
"""

RETURN = r"""
vpc:
  description:
    - The VPC; null when it is absent. In check mode an id that AWS has not given yet is C((known after apply)), here
      and below.
  returned: success
  type: dict
  sample: {id: vpc-0a1b2c3d, cidr: 10.20.0.0/16}
subnets:
  description: The declared subnets by name.
  returned: success
  type: dict
  sample: {app-a: {id: subnet-0a1b2c3d, zone: ap-southeast-2a, tier: app, cidr: 10.20.16.0/22}}
internet_gateway:
  description: The internet gateway.
  returned: success
  type: dict
  sample: {id: igw-0a1b2c3d}
nat_gateways:
  description: The NAT gateways by name, with their subnet's name and their address.
  returned: success
  type: dict
  sample: {nat-a: {id: nat-0a1b2c3d, subnet: public-a, public_ip: 203.0.113.5}}
route_tables:
  description: The route tables by name, with their subnets' names, and the gateway's name for each destination.
  returned: success
  type: dict
  sample: {app: {id: rtb-0a1b2c3d, subnets: [app-a, app-b], routes: {0.0.0.0/0: nat-a}}}
endpoints:
  description: The gateway endpoints by service, with the names of their route tables.
  returned: success
  type: dict
  sample: {s3: {id: vpce-0a1b2c3d, route_tables: [app, data]}}
flow_log:
  description: The flow log; null without one.
  returned: success
  type: dict
admin_address:
  description: The elastic IP for administrative access; null without one.
  returned: success
  type: dict
  sample: {allocation_id: eipalloc-0a1b2c3d, public_ip: 203.0.113.4}
actions:
  description: What was done, or in check mode would be done, sorted by kind and name.
  returned: success
  type: list
  elements: dict
  sample:
    - {verb: create, kind: subnet, name: app-a, fields: {cidr: 10.20.16.0/22, zone: ap-southeast-2a}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._network import work


def main():
    subnet = {
        "name": {"type": "str", "required": True},
        "tier": {"type": "str", "choices": ["public", "app", "data"], "required": True},
        "zone": {"type": "str", "required": True},
        "cidr": {"type": "str", "required": True},
        "map_public_ip": {"type": "bool"},
    }
    flow_logs = {
        "destination_type": {"type": "str", "choices": ["s3", "cloud-watch-logs"], "default": "s3"},
        "destination": {"type": "str", "required": True},
        "role_arn": {"type": "str"},
        "traffic_type": {"type": "str", "choices": ["ACCEPT", "REJECT", "ALL"], "default": "ALL"},
    }
    module = set_module(
        {
            "cidr": {"type": "str"},
            "subnets": {"type": "list", "elements": "dict", "default": [], "options": subnet},
            "nat": {"type": "str", "choices": ["none", "one", "zone"], "default": "one"},
            "gateway_endpoints": {"type": "list", "elements": "str", "default": ["s3", "dynamodb"]},
            "flow_logs": {"type": "dict", "options": flow_logs},
            "admin_address": {"type": "str", "choices": ["eip", "none"], "default": "eip"},
            "wait_timeout": {"type": "int", "default": 600},
        },
        required_if=[("state", "present", ["cidr"])],
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
