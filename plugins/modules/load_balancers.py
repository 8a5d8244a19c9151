# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: load_balancers
short_description: The platform's access points as one set of application load balancers
version_added: 1.0.0
description:
  - An access point is a TLS entrance to the platform, served by one application load balancer or an array of them.
    The module makes the balancers, their target groups, listeners and rules, and corrects whatever has drifted.
  - AWS lets a target group serve one balancer only, so every balancer has its own, with the same name.
    Targets must be registered with all target groups of an access point.
  - Every balancer listens on port 443 with the access point's certificate and forwards to its target group. On port 80
    it redirects to https.
  - A balancer's scheme and a target group's port, protocol, type and VPC cannot be changed; the module refuses such a
    change before it changes anything.
  - To shrink an array, first run the role that keeps the DNS records with the smaller array, so that names no longer
    lead to the surplus balancers, wait for the records' time to live, and only then run this module with O(purge=true).
    An array of 1 has other balancer names (V(webapi)) than a larger one (V(webapi-1), V(webapi-2)).
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only what carries its tag C(mydigitalstructure:platform) is changed or deleted. AWS names
        start with it and a hyphen.
    type: str
    required: true
  state:
    description:
      - With V(absent), all balancers, listeners, rules and target groups of the platform are deleted. The module ends
        once the balancers' network interfaces are gone, so that security groups and subnets can be deleted next.
    type: str
    choices: [present, absent]
    default: present
  vpc_id:
    description:
      - The VPC of the balancers and their targets. Required with O(state=present) when there are access points.
      - In check mode V((known after apply\)) stands for a VPC that does not exist yet; the same holds for the ids of
        subnets and security groups and for the ARNs of certificates.
    type: str
  access_points:
    description:
      - The wanted access points.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the access point is called. Letters, digits and single hyphens. Together with the platform's name
            before it, and the number in the array after it, it has at most 32 characters.
        type: str
        required: true
      certificate_arn:
        description:
          - The ARN of the certificate that is used unless the client asks for a name of another one.
        type: str
        required: true
      extra_certificate_arns:
        description:
          - ARNs of further certificates of the listener on port 443. Others are removed from it.
        type: list
        elements: str
        default: []
      subnet_ids:
        description:
          - One subnet in each of at least two zones.
        type: list
        elements: str
        required: true
      security_group_ids:
        description:
          - The balancers' security groups.
        type: list
        elements: str
        required: true
      scheme:
        description:
          - Whether the balancers have public addresses. Cannot be changed.
        type: str
        choices: [internet-facing, internal]
        default: internet-facing
      array:
        description:
          - How many balancers serve the access point, 1 to 20.
        type: int
        default: 1
      ip_address_type:
        description:
          - Whether the balancers have IPv6 addresses too, which their subnets must then have.
        type: str
        choices: [ipv4, dualstack, dualstack-without-public-ipv4]
        default: ipv4
      idle_timeout:
        description:
          - Seconds after which an idle connection is closed, 1 to 4000.
        type: int
        default: 60
      deletion_protection:
        description:
          - Whether AWS refuses to delete the balancers. The module never turns it off in order to delete.
        type: bool
        default: false
      access_logs:
        description:
          - Where the balancers write access logs; nowhere when it is not set.
        type: dict
        suboptions:
          bucket:
            description:
              - The bucket's name. Its policy must let the region's balancers write.
            type: str
            required: true
          prefix:
            description:
              - What object names start with.
            type: str
            default: ''
      http_redirect:
        description:
          - Whether port 80 redirects to https. With V(false) nothing listens on it.
        type: bool
        default: true
      ssl_policy:
        description:
          - The TLS protocols and ciphers, by the name of one of AWS's policies.
        type: str
        default: ELBSecurityPolicy-TLS13-1-2-2021-06
      drop_invalid_headers:
        description:
          - Whether headers with names that are not valid are removed rather than passed on.
        type: bool
        default: true
      http2:
        description:
          - Whether clients may use HTTP/2.
        type: bool
        default: true
      waf_fail_open:
        description:
          - Whether requests are let through when AWS WAF cannot be reached.
        type: bool
        default: false
      target:
        description:
          - The target group that each balancer has.
        type: dict
        default: {}
        suboptions:
          port:
            description:
              - The targets' port, unless one is registered with another. Cannot be changed.
            type: int
            default: 80
          protocol:
            description:
              - How the targets are spoken to. Cannot be changed.
            type: str
            choices: [HTTP, HTTPS]
            default: HTTP
          target_type:
            description:
              - What is registered. Cannot be changed.
            type: str
            choices: [instance, ip]
            default: instance
          deregistration_delay:
            description:
              - Seconds for which requests may finish on a target that leaves, 0 to 3600.
            type: int
            default: 300
          slow_start:
            description:
              - Seconds over which a new target's share grows, 30 to 900; 0 is off. Only with the algorithm
                V(round_robin).
            type: int
            default: 0
          algorithm:
            description:
              - How a target is chosen.
            type: str
            choices: [round_robin, least_outstanding_requests, weighted_random]
            default: round_robin
          health_check:
            description:
              - How a target is found to be healthy.
            type: dict
            default: {}
            suboptions:
              path:
                description:
                  - The path that is asked for.
                type: str
                default: /
              protocol:
                description:
                  - How the target is asked.
                type: str
                choices: [HTTP, HTTPS]
                default: HTTP
              port:
                description:
                  - The port that is asked, or V(traffic-port).
                type: str
                default: traffic-port
              matcher:
                description:
                  - The status codes of a healthy target, such as V(200), V(200,302) or V(200-299).
                type: str
                default: '200'
              interval:
                description:
                  - Seconds between two checks, 5 to 300.
                type: int
                default: 30
              timeout:
                description:
                  - Seconds until a check has failed, 2 to 120 and less than the interval.
                type: int
                default: 5
              healthy_threshold:
                description:
                  - Checks that succeed in a row before a target is healthy, 2 to 10.
                type: int
                default: 5
              unhealthy_threshold:
                description:
                  - Checks that fail in a row before a target is unhealthy, 2 to 10.
                type: int
                default: 2
          stickiness:
            description:
              - Keeps a client with one target; off when it is not set.
            type: dict
            suboptions:
              type:
                description:
                  - Whose cookie is followed, the balancer's or the application's.
                type: str
                choices: [lb_cookie, app_cookie]
                default: lb_cookie
              duration:
                description:
                  - Seconds, 1 to 604800.
                type: int
                default: 86400
              cookie_name:
                description:
                  - The application's cookie. Required with V(app_cookie).
                type: str
      rules:
        description:
          - Rules of the listener on port 443, tried in the order of their priorities before the access point's own
            target group. Each has at least one host or path, and exactly one action.
        type: list
        elements: dict
        default: []
        suboptions:
          priority:
            description:
              - 1 to 50000; each once in an access point.
            type: int
            required: true
          hosts:
            description:
              - Host names, C(*) and C(?) allowed, of which one must match.
            type: list
            elements: str
            default: []
          paths:
            description:
              - Path patterns, C(*) and C(?) allowed, of which one must match. A rule has at most five hosts and paths.
            type: list
            elements: str
            default: []
          forward:
            description:
              - Forward to the balancer's own target group, as an exception before a wider rule. AWS does not let a
                balancer forward to another balancer's target group.
            type: bool
            default: false
          redirect:
            description:
              - Redirect; what is not set stays as the client asked.
            type: dict
            suboptions:
              protocol:
                description:
                  - The protocol to go to.
                type: str
                choices: [HTTP, HTTPS]
              host:
                description:
                  - The host to go to.
                type: str
              port:
                description:
                  - The port to go to.
                type: str
              path:
                description:
                  - The path to go to, starting with C(/).
                type: str
              query:
                description:
                  - The query to send, without C(?).
                type: str
              status_code:
                description:
                  - Whether the redirect is permanent (V(301)) or temporary (V(302)).
                type: str
                choices: ['301', '302']
                default: '301'
          fixed_response:
            description:
              - Answer without asking a target.
            type: dict
            suboptions:
              status_code:
                description:
                  - A 2xx, 4xx or 5xx status.
                type: str
                required: true
              content_type:
                description:
                  - The body's type.
                type: str
                choices: [text/plain, text/css, text/html, application/javascript, application/json]
                default: text/plain
              message_body:
                description:
                  - The body, of at most 1024 bytes.
                type: str
                default: ''
      tags:
        description:
          - Further tags of this access point's balancers and target groups.
        type: dict
        default: {}
  tags:
    description:
      - Tags of every balancer and target group. Other tags of the platform's balancers and target groups are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to delete the platform's balancers and target groups that are not declared any more (also those that an
        array has lost), and listeners and rules of declared balancers that are not declared.
      - Fails before anything is changed when deletion protection is on for one of those balancers.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names that are neither changed nor deleted. A balancer's listeners (V(webapi:8443)) and rules
        (V(webapi:443:10)) go by its name too.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds to wait for new balancers to become active, and for deleted ones to be gone with their interfaces.
    type: int
    default: 900
notes:
  - Rules are read and kept on the listeners that speak HTTPS only.
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
- name: Two access points, one of them an array of two balancers
  mydigitalstructure.aws.load_balancers:
    platform: mds
    vpc_id: vpc-0123456789abcdef0
    access_points:
      - name: webapi
        array: 2
        certificate_arn: arn:aws:acm:ap-southeast-2:123456789012:certificate/11111111-2222-3333-4444-555555555555
        subnet_ids: [subnet-0aaaaaaaaaaaaaaaa, subnet-0bbbbbbbbbbbbbbbb]
        security_group_ids: [sg-0123456789abcdef0]
        deletion_protection: true
        target:
          health_check:
            path: /health
            interval: 15
        rules:
          - priority: 10
            hosts: [old.example.com]
            redirect:
              host: www.example.com
      - name: admin
        certificate_arn: arn:aws:acm:ap-southeast-2:123456789012:certificate/11111111-2222-3333-4444-666666666666
        subnet_ids: [subnet-0aaaaaaaaaaaaaaaa, subnet-0bbbbbbbbbbbbbbbb]
        security_group_ids: [sg-0fedcba9876543210]
  register: balancers_result

- name: Delete every balancer and target group of the platform
  mydigitalstructure.aws.load_balancers:
    platform: mds
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
      description: One of C(create), C(update) and C(delete).
      returned: always
      type: str
    kind:
      description: One of C(load_balancer), C(target_group), C(listener) and C(listener_rule).
      returned: always
      type: str
    name:
      description:
        - The balancer's name; C(<balancer>:<port>) for a listener and C(<balancer>:<port>:<priority>) for a rule.
      returned: always
      type: str
    fields:
      description: The values that are made or deleted, or C(before) and C(after) of each changed field.
      returned: always
      type: dict
load_balancers:
  description:
    - The declared balancers, keyed by name.
    - In check mode what does not exist yet has C((known after apply)) for what AWS gives it.
  returned: success
  type: dict
  contains:
    arn:
      description: The balancer's ARN.
      returned: always
      type: str
    name:
      description: The balancer's name in AWS.
      returned: always
      type: str
    dns_name:
      description: The name that alias records point to.
      returned: always
      type: str
    zone_id:
      description: The hosted zone of O(ignore:dns_name), for alias records.
      returned: always
      type: str
    access_point:
      description: The access point that it serves.
      returned: always
      type: str
    target_group_arn:
      description: The ARN of its target group.
      returned: always
      type: str
    ip_address_type:
      description: Whether it has IPv6 addresses.
      returned: always
      type: str
target_groups:
  description: The target groups, keyed by their balancer's name.
  returned: success
  type: dict
  contains:
    arn:
      description: The target group's ARN.
      returned: always
      type: str
    name:
      description: The target group's name in AWS.
      returned: always
      type: str
    access_point:
      description: The access point that it serves.
      returned: always
      type: str
    port:
      description: The targets' port.
      returned: always
      type: int
access_points:
  description: The declared access points, keyed by name.
  returned: success
  type: dict
  contains:
    balancers:
      description: The names of its balancers, in the array's order.
      returned: always
      type: list
      elements: str
    target_group_arns:
      description: Their target groups' ARNs, in the same order. Targets belong in all of them.
      returned: always
      type: list
      elements: str
    dns_names:
      description: Their DNS names, in the same order.
      returned: always
      type: list
      elements: str
"""

import functools

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import client, run, set_module
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._load_balancers import ensure

HEALTH_CHECK = {
    "path": {"type": "str", "default": "/"},
    "protocol": {"type": "str", "choices": ["HTTP", "HTTPS"], "default": "HTTP"},
    "port": {"type": "str", "default": "traffic-port"},
    "matcher": {"type": "str", "default": "200"},
    "interval": {"type": "int", "default": 30},
    "timeout": {"type": "int", "default": 5},
    "healthy_threshold": {"type": "int", "default": 5},
    "unhealthy_threshold": {"type": "int", "default": 2},
}
STICKINESS = {
    "type": {"type": "str", "choices": ["lb_cookie", "app_cookie"], "default": "lb_cookie"},
    "duration": {"type": "int", "default": 86400},
    "cookie_name": {"type": "str"},
}
TARGET = {
    "port": {"type": "int", "default": 80},
    "protocol": {"type": "str", "choices": ["HTTP", "HTTPS"], "default": "HTTP"},
    "target_type": {"type": "str", "choices": ["instance", "ip"], "default": "instance"},
    "deregistration_delay": {"type": "int", "default": 300},
    "slow_start": {"type": "int", "default": 0},
    "algorithm": {
        "type": "str",
        "choices": ["round_robin", "least_outstanding_requests", "weighted_random"],
        "default": "round_robin",
    },
    "health_check": {"type": "dict", "default": {}, "options": HEALTH_CHECK},
    "stickiness": {"type": "dict", "options": STICKINESS},
}
REDIRECT = {
    "protocol": {"type": "str", "choices": ["HTTP", "HTTPS"]},
    "host": {"type": "str"},
    "port": {"type": "str"},
    "path": {"type": "str"},
    "query": {"type": "str"},
    "status_code": {"type": "str", "choices": ["301", "302"], "default": "301"},
}
FIXED_RESPONSE = {
    "status_code": {"type": "str", "required": True},
    "content_type": {
        "type": "str",
        "choices": ["text/plain", "text/css", "text/html", "application/javascript", "application/json"],
        "default": "text/plain",
    },
    "message_body": {"type": "str", "default": ""},
}
RULE = {
    "priority": {"type": "int", "required": True},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "paths": {"type": "list", "elements": "str", "default": []},
    "forward": {"type": "bool", "default": False},
    "redirect": {"type": "dict", "options": REDIRECT},
    "fixed_response": {"type": "dict", "options": FIXED_RESPONSE},
}
ACCESS_LOGS = {"bucket": {"type": "str", "required": True}, "prefix": {"type": "str", "default": ""}}
ACCESS_POINT = {
    "name": {"type": "str", "required": True},
    "certificate_arn": {"type": "str", "required": True},
    "extra_certificate_arns": {"type": "list", "elements": "str", "default": []},
    "subnet_ids": {"type": "list", "elements": "str", "required": True},
    "security_group_ids": {"type": "list", "elements": "str", "required": True},
    "scheme": {"type": "str", "choices": ["internet-facing", "internal"], "default": "internet-facing"},
    "array": {"type": "int", "default": 1},
    "ip_address_type": {
        "type": "str",
        "choices": ["ipv4", "dualstack", "dualstack-without-public-ipv4"],
        "default": "ipv4",
    },
    "idle_timeout": {"type": "int", "default": 60},
    "deletion_protection": {"type": "bool", "default": False},
    "access_logs": {"type": "dict", "options": ACCESS_LOGS},
    "http_redirect": {"type": "bool", "default": True},
    "ssl_policy": {"type": "str", "default": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
    "drop_invalid_headers": {"type": "bool", "default": True},
    "http2": {"type": "bool", "default": True},
    "waf_fail_open": {"type": "bool", "default": False},
    "target": {"type": "dict", "default": {}, "options": TARGET},
    "rules": {"type": "list", "elements": "dict", "default": [], "options": RULE},
    "tags": {"type": "dict", "default": {}},
}


def main():
    module = set_module(
        {
            "vpc_id": {"type": "str"},
            "access_points": {"type": "list", "elements": "dict", "default": [], "options": ACCESS_POINT},
            "wait_timeout": {"type": "int", "default": 900},
        }
    )
    connect = functools.lru_cache(maxsize=None)(functools.partial(client, module))
    run(module, lambda: ensure(connect, module.params, module.check_mode))


if __name__ == "__main__":
    main()
