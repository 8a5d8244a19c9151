# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dns_zones
short_description: Whole hosted zones of Route 53 as one set
version_added: 1.0.0
description:
  - Makes and keeps hosted zones with their records. Records are compared in a normal form, whatever case, dots,
    escapes, quoting and order people and Route 53 use. International names become ASCII by IDNA 2003.
  - Changes go in as few requests as AWS's limits allow (1,000 values or 32,000 characters each, an update counting
    twice). What has to be removed and made in one step, such as a CNAME that becomes an alias, is in one request.
  - After writing, the zones are read again, and what is not there is a failure.
  - The NS and SOA records of a zone's apex are never touched, and those of a scope of
    M(mydigitalstructure.aws.dns_records) only together with their zone by O(state=absent).
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only zones that carry its tag C(mydigitalstructure:platform) are changed or removed.
    type: str
    required: true
  state:
    description:
      - With V(absent), every hosted zone of the platform is removed with its records. Records that are neither in
        O(zones), nor of a scope, nor needed by a certificate or a mail domain make it fail before anything is removed,
        unless O(purge=true).
      - Of an adopted zone the records in O(zones) and the platform's tags are removed.
    type: str
    choices: [present, absent]
    default: present
  zones:
    description:
      - The wanted hosted zones.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The zone's domain name. International names may be given as they are read.
        type: str
        required: true
      comment:
        description: A comment on the zone. Left as it is when it is not given.
        type: str
      private:
        description: Makes the zone a private one, which only the given VPCs see.
        type: dict
        suboptions:
          vpc_ids:
            description: The VPCs, all in one region.
            type: list
            elements: str
            required: true
          region:
            description: The VPCs' region, when it is not the module's.
            type: str
      delegation_set:
        description: The id of a reusable delegation set, for a zone that is made.
        type: str
      adopt:
        description:
          - Whether to take over a zone of this name that is there already and is no platform's. It keeps its tags, gets
            the platform's and C(mydigitalstructure:adopted), and is never removed by this module.
        type: bool
        default: false
      tags:
        description: Further tags of this zone.
        type: dict
        default: {}
      records:
        description: The zone's records.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The record's name. V(@) is the apex, a name that ends with the zone's is complete, and any other is
                below the zone. A name that ends with a dot is complete and has to lie in the zone.
            type: str
            required: true
          type:
            description:
              - The record's type, one of A, AAAA, CAA, CNAME, DS, HTTPS, MX, NAPTR, NS, PTR, SPF, SRV, SSHFP, SVCB,
                TLSA, TXT. A zone has one SOA record, which is Route 53's own.
            type: str
            required: true
          ttl:
            description: Seconds for which others may keep the record. 300 when it is left out; not for an alias.
            type: int
          values:
            description:
              - The record's values. A TXT value is given as plain text and is quoted and split by the module, or as
                character strings in quotes.
            type: list
            elements: str
          alias:
            description: What the record is an alias of, instead of O(zones[].records[].values).
            type: dict
            suboptions:
              target:
                description: The target's complete DNS name, or V(@) for the zone's apex.
                type: str
                required: true
              zone_id:
                description: The id of the target's hosted zone. The record's own zone when it is not given.
                type: str
              evaluate_health:
                description: Whether the record counts as healthy only while its target does.
                type: bool
                default: true
          set_identifier:
            description: Tells records of a name and type with a routing policy from each other.
            type: str
          weight:
            description: The record's share of answers, from 0 to 255.
            type: int
          failover:
            description: Which of two records this is.
            type: str
            choices: [PRIMARY, SECONDARY]
          latency_region:
            description: The region whose latency decides whether this record answers.
            type: str
          geolocation:
            description: Where the asker is for this record to answer.
            type: dict
            suboptions:
              continent:
                description: A continent's two-letter code.
                type: str
              country:
                description: A country's two-letter code, or V(*).
                type: str
              subdivision:
                description: The code of a state of the United States or an oblast of Ukraine.
                type: str
          geoproximity:
            description: The place whose distance to the asker decides whether this record answers.
            type: dict
            suboptions:
              region:
                description: A region of AWS.
                type: str
              local_zone_group:
                description: A local zone group of AWS.
                type: str
              coordinates:
                description: Any place, in degrees with at most two decimals.
                type: dict
                suboptions:
                  latitude:
                    description: From -90 to 90.
                    type: float
                    required: true
                  longitude:
                    description: From -180 to 180.
                    type: float
                    required: true
              bias:
                description: Makes the area that is nearest to the place greater (to 99) or smaller (to -99).
                type: int
                default: 0
          cidr_location:
            description: The addresses of askers that this record answers.
            type: dict
            suboptions:
              collection_id:
                description: The id of a CIDR collection.
                type: str
                required: true
              location:
                description: The name of a location in the collection, or V(*).
                type: str
                required: true
          multivalue:
            description: Whether this record is one of up to eight healthy ones in an answer.
            type: bool
          health_check_id:
            description: The id of the health check that decides whether this record answers.
            type: str
  tags:
    description:
      - Tags of every zone. Other tags of the platform's zones are removed, except those of adopted zones.
    type: dict
    default: {}
  purge:
    description:
      - Whether to remove records of declared zones that are not declared, and the platform's zones that are not
        declared, except adopted ones.
      - Without it a record that is not declared goes only when Route 53 would refuse a declared one because of it.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of records (C(www.example.com A), C(* TXT), C(api.example.com A *webapi-1*)) and of zones
        (C(example.com)) that are neither changed nor removed.
    type: list
    elements: str
    default: []
  wait:
    description:
      - Whether to wait until all servers of Route 53 have the changes.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Makes the same plan and changes nothing, also where values are C((known after apply)).
    support: full
  diff_mode:
    description: Returns what differs before and after, by kind and name.
    support: full
"""

EXAMPLES = r"""
- name: Keep a zone
  mydigitalstructure.aws.dns_zones:
    platform: mds
    zones:
      - name: mydigitalstructure.com
        records:
          - name: "@"
            type: A
            alias: {target: mds-webapi-1.ap-southeast-2.elb.amazonaws.com, zone_id: Z1GM3OXH4ZPM65}
          - {name: www, type: CNAME, ttl: 3600, values: [mydigitalstructure.com]}
          - {name: "@", type: TXT, values: ["v=spf1 include:amazonses.com -all"]}
    purge: true
    ignore: ["_acme-challenge.* TXT"]
    region: ap-southeast-2

- name: Remove all zones of the platform
  mydigitalstructure.aws.dns_zones:
    platform: mds
    state: absent
    purge: true
    region: ap-southeast-2
"""

RETURN = r"""
zones:
  description: The declared zones by name; a private zone's has C((private)) behind it.
  returned: success
  type: dict
  contains:
    id:
      description: The zone's id. C((known after apply)) in check mode for a zone that does not exist yet.
      type: str
      sample: Z0123456789ABCDEFGHIJ
    name_servers:
      description: The name servers to enter at the domain's registrar.
      type: list
      elements: str
    private:
      description: Whether the zone is private.
      type: bool
    records:
      description: The declared records in normal form, by name, type and set identifier.
      type: dict
      sample: {www.mydigitalstructure.com CNAME: {ttl: 3600, values: [mydigitalstructure.com.]}}
batches:
  description: How many change requests were sent, or in check mode would be sent.
  returned: success
  type: int
  sample: 1
actions:
  description: What was done, or in check mode would be done, sorted by kind and name.
  returned: success
  type: list
  elements: dict
  sample:
    - {verb: create, kind: record, name: www.mydigitalstructure.com CNAME, fields: {ttl: 3600}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_zones import work


def main():
    text = {"type": "str"}
    alias = {
        "target": {"type": "str", "required": True},
        "zone_id": text,
        "evaluate_health": {"type": "bool", "default": True},
    }
    degrees = {"type": "float", "required": True}
    geoproximity = {
        "region": text,
        "local_zone_group": text,
        "coordinates": {"type": "dict", "options": {"latitude": degrees, "longitude": degrees}},
        "bias": {"type": "int", "default": 0},
    }
    record = {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "required": True},
        "ttl": {"type": "int"},
        "values": {"type": "list", "elements": "str"},
        "alias": {"type": "dict", "options": alias},
        "set_identifier": text,
        "weight": {"type": "int"},
        "failover": {"type": "str", "choices": ["PRIMARY", "SECONDARY"]},
        "latency_region": text,
        "geolocation": {"type": "dict", "options": {"continent": text, "country": text, "subdivision": text}},
        "geoproximity": {"type": "dict", "options": geoproximity},
        "multivalue": {"type": "bool"},
        "cidr_location": {
            "type": "dict",
            "options": {
                "collection_id": {"type": "str", "required": True},
                "location": {"type": "str", "required": True},
            },
        },
        "health_check_id": text,
    }
    vpcs = {"vpc_ids": {"type": "list", "elements": "str", "required": True}, "region": text}
    zone = {
        "name": {"type": "str", "required": True},
        "comment": text,
        "private": {"type": "dict", "options": vpcs},
        "delegation_set": text,
        "adopt": {"type": "bool", "default": False},
        "tags": {"type": "dict", "default": {}},
        "records": {"type": "list", "elements": "dict", "default": [], "options": record},
    }
    module = set_module(
        {
            "zones": {"type": "list", "elements": "dict", "default": [], "options": zone},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 300},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
