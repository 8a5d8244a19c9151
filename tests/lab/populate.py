"""Many running instances at once, for benchmarks: straight into moto's EC2 backend, without an API call each.

The first is launched by moto itself; the others are copies of it with their own ids, addresses, network interfaces and
tags.
"""

from __future__ import annotations

import copy
import datetime
import ipaddress

from moto.autoscaling.models import ASG_NAME_TAG, InstanceState, autoscaling_backends
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_block_store import VolumeAttachment
from moto.ec2.models.instances import InstanceState as RunState
from moto.ec2.models.instances import Reservation
from moto.ec2.utils import random_eni_id, random_instance_id, random_reservation_id, random_volume_id

from .extensions import ec2 as ec2_extension


def populate_instances(
    account: str,
    instances: int,
    region: str = "ap-southeast-2",
    platform: str = "mds",
    role: str = "app",
    subnets: list[str] | None = None,
    group: str | None = None,
    grouped: int | None = None,
    tags: dict[str, str] | None = None,
    image: str = "ami-12345678",
    instance_type: str = "t3.medium",
) -> dict:
    """Add ``instances`` running instances, spread evenly over ``subnets`` (default: the first two default subnets).

    Each has the tags ``mydigitalstructure:platform``, ``mydigitalstructure:role``, ``mydigitalstructure:name``
    (``<role>-<number>``), ``Name`` (``<platform>-<role>-<number>``) and those of ``tags``. The first ``grouped`` of
    them (default all) join the auto-scaling group ``group`` where one is named, which must exist.

    Returns {"instances": [ids]}.
    """
    backend = ec2_backends[account][region]
    if not subnets:
        found = sorted(backend.describe_subnets(), key=lambda subnet: subnet.availability_zone)
        subnets = [subnet.id for subnet in found if subnet.default_for_az][:2]
    scaling = autoscaling_backends[account][region]
    if group and group not in scaling.autoscaling_groups:
        raise ValueError(f"group is {group!r}; there is no such auto-scaling group in the lab")
    options = {"instance_type": instance_type, "is_instance_type_default": False, "region_name": region}
    launched = [backend.run_instances(image, 1, None, [], subnet_id=subnet, **options) for subnet in subnets]
    models = [reservation.instances[0] for reservation in launched]
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    made = []
    for number in range(instances):
        model = models[number % len(models)]
        instance = _copy(backend, model, number // len(models))
        instance.launch_time = now
        name = f"{role}-{number}"
        backend.tags[instance.id] = {
            "Name": f"{platform}-{name}",
            "mydigitalstructure:platform": platform,
            "mydigitalstructure:role": role,
            "mydigitalstructure:name": name,
            **(tags or {}),
        }
        reservation = Reservation(random_reservation_id(), account)
        reservation.instances.append(instance)
        backend.reservations[reservation.id] = reservation
        made.append(instance)
    for reservation in launched:
        backend.terminate_instances([reservation.instances[0].id])
        del backend.reservations[reservation.id]
    if group:
        owner = scaling.autoscaling_groups[group]
        for instance in made[: len(made) if grouped is None else grouped]:
            backend.tags[instance.id][ASG_NAME_TAG] = group
            instance.autoscaling_group = owner
            owner.instance_states.append(InstanceState(instance))
        owner.desired_capacity = len(owner.instance_states)
        owner.max_size = max(owner.max_size, owner.desired_capacity)
    ec2_extension.changed()
    return {"instances": [instance.id for instance in made]}


def _copy(backend, model, number: int):
    instance = copy.copy(model)
    instance.id = random_instance_id()
    instance._state = RunState("running", 16)
    # the model gives its address back when it goes
    instance._private_ips = set()
    interface = copy.copy(model.nics[0])
    interface.id = random_eni_id()
    interface.instance = instance
    network = ipaddress.ip_network(interface.subnet.cidr_block)
    interface.private_ip_address = str(network[10 + number % (network.num_addresses - 12)])
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": interface.private_ip_address}]
    instance.nics = {0: interface}
    backend.enis[interface.id] = interface
    instance.block_device_mapping = copy.copy(model.block_device_mapping)
    for device, block in list(model.block_device_mapping.items()):
        own = copy.copy(block)
        own.volume_id = random_volume_id()
        instance.block_device_mapping[device] = own
        volume = copy.copy(backend.volumes[block.volume_id])
        volume.id = own.volume_id
        volume.attachment = VolumeAttachment(volume, instance, device, "attached")
        backend.volumes[volume.id] = volume
    return instance
