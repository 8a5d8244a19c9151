# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tables
short_description: The platform's DynamoDB tables as one set
version_added: 1.0.0
description:
  - Makes and keeps DynamoDB tables with their keys, secondary indexes, capacity and its scaling, time to live,
    point-in-time recovery, streams, encryption, class, protection and tags; all tables at the same time.
  - A table is changed by one call at a time and only while it is ACTIVE, as AWS demands; global indexes are removed and
    added one by one, and each is waited for until it is built.
  - What AWS cannot change (keys, local indexes), or only with a loss on the way (a stream's view type, the attribute of
    time to live), is refused with a sentence. A table is never replaced.
  - A global index or scaling that is not declared any more is removed from a declared table; an index holds nothing
    that its table does not.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Tables are called by it, a hyphen and their own name. Only those that carry its tag
        C(mydigitalstructure:platform) are changed or deleted; a name that somebody else's table has is refused.
    type: str
    required: true
  state:
    description:
      - With V(absent), every table of the platform is deleted, and O(tables) does not matter. Those that are protected,
        or hold items and are not in O(delete_with_data), stop it before anything is deleted.
    type: str
    choices: [present, absent]
    default: present
  tables:
    description:
      - The wanted tables.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the table is called in variables and results. Letters, digits, underscores, hyphens and dots; with the
            platform's name and a hyphen at most 255.
        type: str
        required: true
      attributes:
        description:
          - The type of each attribute that is a key of the table or of an index, and of no other. V(string), V(number)
            or V(binary).
        type: dict
        required: true
      partition_key:
        description:
          - The attribute by which items are spread. It can never be changed.
        type: str
        required: true
      sort_key:
        description:
          - The attribute by which items of one partition key are sorted. It can never be changed.
        type: str
      global_indexes:
        description:
          - Global secondary indexes, at most 20.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The index's name, 3 to 255 letters, digits, underscores, hyphens and dots.
            type: str
            required: true
          partition_key:
            description:
              - The attribute by which the index is spread.
            type: str
            required: true
          sort_key:
            description:
              - The attribute by which the index is sorted.
            type: str
          projection:
            description:
              - Which attributes the index holds beside the keys; V(include) those in
                O(tables[].global_indexes[].include).
            type: str
            choices: [all, keys_only, include]
            default: all
          include:
            description:
              - Further attributes that the index holds, at most 20.
            type: list
            elements: str
            default: []
          capacity:
            description:
              - As the table's. An index that has neither this nor O(tables[].global_indexes[].autoscaling) has both
                from its table.
            type: dict
            suboptions: &capacity
              read:
                description:
                  - Read capacity units.
                type: int
              write:
                description:
                  - Write capacity units.
                type: int
          autoscaling:
            description:
              - As the table's.
            type: dict
            suboptions: &autoscaling
              read:
                description:
                  - How read capacity is scaled.
                type: dict
                suboptions: &scaled
                  min:
                    description:
                      - The least units.
                    type: int
                    required: true
                  max:
                    description:
                      - The most units.
                    type: int
                    required: true
                  target:
                    description:
                      - The percentage of use to aim at, 20 to 90.
                    type: int
                    default: 70
              write:
                description:
                  - How write capacity is scaled.
                type: dict
                suboptions: *scaled
      local_indexes:
        description:
          - Local secondary indexes, at most five. They are made with the table and can never be changed.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The index's name.
            type: str
            required: true
          sort_key:
            description:
              - The attribute by which the index is sorted; its partition key is the table's.
            type: str
            required: true
          projection:
            description:
              - Which attributes the index holds beside the keys.
            type: str
            choices: [all, keys_only, include]
            default: all
          include:
            description:
              - Further attributes that the index holds, at most 20.
            type: list
            elements: str
            default: []
      billing_mode:
        description:
          - Whether requests are paid for, or capacity. AWS switches a table to V(on_demand) at most four times in 24
            hours.
        type: str
        choices: [on_demand, provisioned]
        default: on_demand
      capacity:
        description:
          - Capacity with O(tables[].billing_mode=provisioned). Of what O(tables[].autoscaling) moves it is the figure
            to start from, by default the least, and never set again.
        type: dict
        suboptions: *capacity
      autoscaling:
        description:
          - How capacity is scaled with O(tables[].billing_mode=provisioned).
        type: dict
        suboptions: *autoscaling
      ttl:
        description:
          - The attribute with the time (seconds since 1970) after which an item is deleted. AWS takes one change an
            hour.
        type: str
      recovery_days:
        description:
          - To how many days back the table can be restored, 1 to 35; V(0) is no point-in-time recovery.
        type: int
        default: 35
      stream:
        description:
          - What the table's stream tells of each change. From one view to another it goes over V(none).
        type: str
        choices: [none, keys_only, new_image, old_image, new_and_old_images]
        default: none
      encryption:
        description:
          - Whose key the table is encrypted with, DynamoDB's own, that which AWS keeps for the account, or one of
            yours.
        type: str
        choices: [owned, aws_managed, customer_managed]
        default: owned
      kms_key:
        description:
          - Your KMS key by id, ARN or alias, with O(tables[].encryption=customer_managed). V((known after apply)) is
            accepted in check mode.
        type: str
      table_class:
        description:
          - V(infrequent_access) costs less to keep and more to use.
        type: str
        choices: [standard, infrequent_access]
        default: standard
      deletion_protection:
        description:
          - Whether AWS refuses to delete the table.
        type: bool
        default: true
      tags:
        description:
          - Further tags of this table.
        type: dict
        default: {}
  tags:
    description:
      - Tags of every table. Other tags of the platform's tables are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to delete the platform's tables that are not declared any more.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of names of tables that are neither changed nor deleted.
    type: list
    elements: str
    default: []
  delete_with_data:
    description:
      - Names of tables that are deleted, where that is wanted, although they hold items.
    type: list
    elements: str
    default: []
  replace_indexes:
    description:
      - Global indexes, each as the table's name, a space and its own, that may be removed and built anew where their
        keys or projection differ. Until it is built, nothing can be read from such an index.
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Seconds to wait for each change of a table. An index of a large table takes hours to build; a run that gives up
        leaves it building, and the next run goes on from there.
    type: int
    default: 3600
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
- name: Keep the platform's tables
  mydigitalstructure.aws.tables:
    platform: mds
    tables:
      - name: sessions
        attributes: {id: string, user: string}
        partition_key: id
        global_indexes:
          - {name: by-user, partition_key: user, projection: keys_only}
        ttl: expires
        recovery_days: 0
      - name: audit
        attributes: {space: string, at: string}
        partition_key: space
        sort_key: at
        stream: new_image
        billing_mode: provisioned
        capacity: {read: 5}
        autoscaling:
          write: {min: 5, max: 200, target: 70}
  register: tables_result

- name: Delete what is not declared any more, and one table with all that it holds
  mydigitalstructure.aws.tables:
    platform: mds
    tables:
      - name: sessions
        attributes: {id: string}
        partition_key: id
    purge: true
    delete_with_data: [audit]

- name: Delete all tables of the platform that hold nothing
  mydigitalstructure.aws.tables:
    platform: mds
    state: absent
"""

RETURN = r"""
tables:
  description: The declared tables, keyed by name.
  returned: success
  type: dict
  contains:
    name:
      description: What AWS calls the table.
      type: str
    arn:
      description: The table's ARN.
      type: str
    status:
      description: V(ACTIVE) and the like.
      type: str
    stream_arn:
      description: The stream's ARN, null without a stream.
      type: str
    indexes:
      description: The global indexes by name, each with its C(status).
      type: dict
actions:
  description:
    - What the plan does, sorted. An action's C(kind) is C(table), C(table_index) or C(table_scaling). The C(name) of an
      index is its table's and its own, with a space between them; that of scaling has V(read) or V(write) at its end.
    - Indexes of a table that is deleted go with it and are no actions of their own.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: table
      name: sessions
      fields: {deletion_protection: {before: true, after: false}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tables import work
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tables_input import (
    BILLING,
    CLASSES,
    ENCRYPTIONS,
    PROJECTIONS,
    STREAMS,
)


def main():
    # no_log: "key" in a name is no secret here
    plain_key = {"type": "str", "no_log": False}
    scaled = {
        "min": {"type": "int", "required": True},
        "max": {"type": "int", "required": True},
        "target": {"type": "int", "default": 70},
    }
    capacity = {
        "capacity": {"type": "dict", "options": {"read": {"type": "int"}, "write": {"type": "int"}}},
        "autoscaling": {
            "type": "dict",
            "options": {"read": {"type": "dict", "options": scaled}, "write": {"type": "dict", "options": scaled}},
        },
    }
    projected = {
        "name": {"type": "str", "required": True},
        "projection": {"type": "str", "choices": list(PROJECTIONS), "default": "all"},
        "include": {"type": "list", "elements": "str", "default": []},
    }
    global_index = {**projected, "partition_key": {**plain_key, "required": True}, "sort_key": plain_key, **capacity}
    local_index = {**projected, "sort_key": {**plain_key, "required": True}}
    table = {
        "name": {"type": "str", "required": True},
        "attributes": {"type": "dict", "required": True},
        "partition_key": {**plain_key, "required": True},
        "sort_key": plain_key,
        "global_indexes": {"type": "list", "elements": "dict", "default": [], "options": global_index},
        "local_indexes": {"type": "list", "elements": "dict", "default": [], "options": local_index},
        "billing_mode": {"type": "str", "choices": list(BILLING), "default": "on_demand"},
        **capacity,
        "ttl": {"type": "str"},
        "recovery_days": {"type": "int", "default": 35},
        "stream": {"type": "str", "choices": ["none", *STREAMS], "default": "none"},
        "encryption": {"type": "str", "choices": list(ENCRYPTIONS), "default": "owned"},
        "kms_key": plain_key,
        "table_class": {"type": "str", "choices": list(CLASSES), "default": "standard"},
        "deletion_protection": {"type": "bool", "default": True},
        "tags": {"type": "dict", "default": {}},
    }
    module = set_module(
        {
            "tables": {"type": "list", "elements": "dict", "default": [], "options": table},
            "delete_with_data": {"type": "list", "elements": "str", "default": []},
            "replace_indexes": {"type": "list", "elements": "str", "default": []},
            "wait_timeout": {"type": "int", "default": 3600},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
