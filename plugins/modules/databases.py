# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: databases
short_description: RDS databases with their groups and replicas, as one set
version_added: 1.0.0
description:
  - Makes and keeps databases of RDS (PostgreSQL, MySQL, MariaDB), each with its subnet group, parameter group and read
    replicas. All databases are worked on at the same time.
  - Every database is encrypted, not public, demands TLS, and has its master password in Secrets Manager, made and
    replaced by RDS unless there are replicas. No password is ever seen.
  - What AWS cannot change, or what nobody has allowed (an upgrade, a smaller storage), is refused with a sentence
    before anything is changed. A database is never replaced, and never removed but with O(state=absent).
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  platform:
    description:
      - The platform's name. Only what carries its tag C(mydigitalstructure:platform) is changed or deleted; an
        identifier that somebody else's instance has is refused.
    type: str
    required: true
  state:
    description:
      - With V(absent), every database of the platform is deleted, replicas first, and O(databases) does not matter. One
        that is protected stops it before anything is deleted.
    type: str
    choices: [present, absent]
    default: present
  databases:
    description:
      - The wanted databases.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the database is called in variables and results.
        type: str
        required: true
      identifier:
        description:
          - What RDS calls the instance. The platform's name, a hyphen and O(databases[].name) by default. The subnet
            group has the same name, the parameter group and replicas begin with it.
        type: str
      engine:
        description:
          - The engine. It can never be changed.
        type: str
        choices: [postgres, mysql, mariadb]
        default: postgres
      engine_version:
        description:
          - The version, such as V(17.6), or a major one (V(17), V(8.4)) for any of its minor ones. A higher one than
            there is upgrades the database only with O(databases[].allow_version_upgrade).
        type: str
        required: true
      allow_version_upgrade:
        description:
          - Whether the database may be upgraded to O(databases[].engine_version) now.
        type: bool
        default: false
      allow_major_version_upgrade:
        description:
          - Whether that may be a major version. It is not done while there are replicas.
        type: bool
        default: false
      auto_minor_version_upgrade:
        description:
          - Whether AWS upgrades minor versions in the maintenance window. A minor version higher than the declared one
            is then no difference.
        type: bool
        default: true
      instance_class:
        description:
          - The instance's class, such as V(db.m7g.large).
        type: str
        required: true
      storage:
        description:
          - GiB. It grows, by a tenth at least, and is never made smaller.
        type: int
        required: true
      storage_max:
        description:
          - To how many GiB AWS may grow the storage by itself; V(0) for not at all. What it has grown to is no
            difference.
        type: int
        default: 0
      storage_type:
        description:
          - The type of storage.
        type: str
        choices: [gp2, gp3, io1, io2]
        default: gp3
      iops:
        description:
          - Operations a second; V(0) for the type's own. gp3 below 400 GiB has 3000, from there on 12000 to 64000.
        type: int
        default: 0
      throughput:
        description:
          - MiB a second; V(0) for the type's own. gp3 below 400 GiB has 125, from there on 500 to 4000.
        type: int
        default: 0
      multi_az:
        description:
          - Whether a standby in another zone takes over when the instance fails.
        type: bool
        default: false
      port:
        description:
          - The port; V(0) for the engine's own, 5432 or 3306.
        type: int
        default: 0
      database_name:
        description:
          - The name of a database that is made with the instance. It can never be changed.
        type: str
      master_username:
        description:
          - The master user. It can never be changed.
        type: str
        required: true
      credentials:
        description:
          - Who keeps the master password. With V(rds) RDS does, in a secret of its own, and replaces it every seven
            days. RDS makes no replicas of such a database; with V(secret) the password is in a secret of the
            platform's, C(<platform>/database/<name>).
        type: str
        choices: [rds, secret]
        default: rds
      secret_kms_key:
        description:
          - The ARN of the KMS key of the secret that holds the master password; AWS's own without one.
        type: str
      kms_key:
        description:
          - The ARN of the KMS key of the storage; AWS's own without one. It can never be changed.
        type: str
      subnet_ids:
        description:
          - Ids of the subnets in which it may lie, in at least two zones. V((known after apply)) is accepted in check
            mode.
        type: list
        elements: str
        required: true
      security_group_ids:
        description:
          - Ids of the security groups that say who reaches it.
        type: list
        elements: str
        required: true
      parameters:
        description:
          - The engine's parameters that differ from AWS's defaults. C(rds.force_ssl) or C(require_secure_transport),
            which force TLS, are always among them. What is not declared goes back to its default. Some wait for a
            restart.
        type: dict
        default: {}
      iam_authentication:
        description:
          - Whether users may sign in with a token of IAM instead of a password.
        type: bool
        default: true
      backup_retention_days:
        description:
          - To how many days back the database can be restored, 1 to 35; V(0) for no backups, and then no replicas.
        type: int
        default: 7
      backup_window:
        description:
          - When backups are made, C(hh:mm-hh:mm) in UTC. AWS chooses one without it.
        type: str
      maintenance_window:
        description:
          - When AWS maintains the instance, C(ddd:hh:mm-ddd:hh:mm) in UTC. AWS chooses one without it.
        type: str
      performance_insights_days:
        description:
          - For how many days Performance Insights keeps what it sees; V(0) for none. 7 cost nothing.
        type: int
        default: 7
      log_exports:
        description:
          - Logs that go to CloudWatch, such as V(postgresql).
        type: list
        elements: str
        default: []
      ca_certificate:
        description:
          - The authority that signs the server's certificate, such as V(rds-ca-rsa2048-g1). AWS chooses one without it.
        type: str
      deletion_protection:
        description:
          - Whether AWS refuses to delete the database.
        type: bool
        default: true
      replicas:
        description:
          - Read replicas. What is not said here they have as their database.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The replica's name; its identifier is the database's, a hyphen and this.
            type: str
            required: true
          instance_class:
            description:
              - The replica's class; the database's without it.
            type: str
          multi_az:
            description:
              - Whether the replica has a standby of its own.
            type: bool
            default: false
      tags:
        description:
          - Further tags of this database, its groups and replicas.
        type: dict
        default: {}
  tags:
    description:
      - Tags of everything. Other tags of the platform's databases are removed.
    type: dict
    default: {}
  purge:
    description:
      - Whether to delete the platform's replicas that are not declared any more, and its groups that nothing uses. A
        database itself is never deleted by this, nor is a replica that was promoted.
    type: bool
    default: false
  ignore:
    description:
      - Shell patterns of identifiers that are neither changed nor deleted.
    type: list
    elements: str
    default: []
  apply_immediately:
    description:
      - Whether changes are applied at once, also those that interrupt the database (class, Multi-AZ, version), or in
        the next maintenance window. What waits for it is no difference any more, and is told in C(pending).
    type: bool
    default: false
  final_snapshot:
    description:
      - Whether a database leaves a snapshot, called by its identifier, C(-final-) and when it was made, and its
        automated backups. Nothing of this collection removes them.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for each change of an instance. A run that gives up loses nothing; the next goes on from there.
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
- name: Keep the platform's database, with a replica for reports
  mydigitalstructure.aws.databases:
    platform: mds
    databases:
      - name: database
        engine_version: "17"
        instance_class: db.m7g.large
        storage: 100
        storage_max: 1000
        multi_az: true
        master_username: dbowner
        subnet_ids: [subnet-0a1b2c3d4e5f60718, subnet-0a1b2c3d4e5f60719]
        security_group_ids: [sg-0a1b2c3d4e5f60718]
        parameters: {log_min_duration_statement: 1000}
        backup_window: 16:00-16:30
        maintenance_window: sun:17:00-sun:17:30
        log_exports: [postgresql]
        credentials: secret
        replicas:
          - {name: reports, instance_class: db.r7g.large}
  register: database_result

- name: Delete all databases of the platform, each with a last snapshot
  mydigitalstructure.aws.databases:
    platform: mds
    state: absent
"""

RETURN = r"""
databases:
  description: The declared databases, keyed by name.
  returned: success
  type: dict
  contains:
    identifier:
      description: What RDS calls the instance.
      type: str
    arn:
      description: The instance's ARN.
      type: str
    resource_id:
      description: The instance's resource id, by which IAM policies for C(rds-db:connect) name it.
      type: str
    endpoint:
      description: The host name at which it answers.
      type: str
    port:
      description: The port at which it answers.
      type: int
    secret_arn:
      description: The ARN of the secret with the master user's name and password.
      type: str
    engine:
      description: The engine.
      type: str
    engine_version:
      description: The full version that runs.
      type: str
    status:
      description: V(available) and the like.
      type: str
    storage:
      description: GiB.
      type: int
    pending:
      description: Changes that wait for the maintenance window.
      type: dict
    restart_needed:
      description: Whether parameters wait for a restart.
      type: bool
    subnet_group:
      description: The subnet group's name.
      type: str
    parameter_group:
      description: The parameter group's name.
      type: str
    replicas:
      description:
        - The replicas by name, each with C(identifier), C(arn), C(resource_id), C(endpoint), C(port),
          C(engine_version), C(status), C(storage), C(pending) and C(restart_needed).
      type: dict
actions:
  description:
    - What the plan does, in a set order. An action's C(kind) is C(database), C(database_replica),
      C(database_subnet_group) or C(database_parameter_group), its C(name) what RDS calls it.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: database
      name: mds-database
      fields: {storage: {before: 100, after: 200}}
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
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._database_secrets import WAYS
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases import work
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_input import ENGINES, SIZES


def main():
    # no_log: "key" and "secret" in these names are no secrets
    plain_key = {"type": "str", "no_log": False}
    replica = {
        "name": {"type": "str", "required": True},
        "instance_class": {"type": "str"},
        "multi_az": {"type": "bool", "default": False},
    }
    database = {
        "name": {"type": "str", "required": True},
        "identifier": {"type": "str"},
        "engine": {"type": "str", "choices": list(ENGINES), "default": "postgres"},
        "engine_version": {"type": "str", "required": True},
        "allow_version_upgrade": {"type": "bool", "default": False},
        "allow_major_version_upgrade": {"type": "bool", "default": False},
        "auto_minor_version_upgrade": {"type": "bool", "default": True},
        "instance_class": {"type": "str", "required": True},
        "storage": {"type": "int", "required": True},
        "storage_max": {"type": "int", "default": 0},
        "storage_type": {"type": "str", "choices": list(SIZES), "default": "gp3"},
        "iops": {"type": "int", "default": 0},
        "throughput": {"type": "int", "default": 0},
        "multi_az": {"type": "bool", "default": False},
        "port": {"type": "int", "default": 0},
        "database_name": {"type": "str"},
        "master_username": {"type": "str", "required": True},
        "credentials": {"type": "str", "choices": list(WAYS), "default": "rds"},
        "secret_kms_key": plain_key,
        "kms_key": plain_key,
        "subnet_ids": {"type": "list", "elements": "str", "required": True},
        "security_group_ids": {"type": "list", "elements": "str", "required": True},
        "parameters": {"type": "dict", "default": {}},
        "iam_authentication": {"type": "bool", "default": True},
        "backup_retention_days": {"type": "int", "default": 7},
        "backup_window": {"type": "str"},
        "maintenance_window": {"type": "str"},
        "performance_insights_days": {"type": "int", "default": 7},
        "log_exports": {"type": "list", "elements": "str", "default": []},
        "ca_certificate": {"type": "str"},
        "deletion_protection": {"type": "bool", "default": True},
        "replicas": {"type": "list", "elements": "dict", "default": [], "options": replica},
        "tags": {"type": "dict", "default": {}},
    }
    module = set_module(
        {
            "databases": {"type": "list", "elements": "dict", "default": [], "options": database},
            "apply_immediately": {"type": "bool", "default": False},
            "final_snapshot": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 3600},
        }
    )
    run(module, lambda: work(module))


if __name__ == "__main__":
    main()
