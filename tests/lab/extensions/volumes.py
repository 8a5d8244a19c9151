"""EBS: client tokens, and AWS's refusals of what moto would do to a volume."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, VolumeInUseError
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from tests.lab.extensions.ec2 import once
from tests.lab.extensions.hosts import wrap

GP3 = {"iops": 3000, "throughput": 125}
"""What a gp3 volume has when nothing else is asked for."""


def install() -> None:
    """Put it into moto."""
    wrap(EBSBackend, "create_volume", create_volume)
    wrap(EBSBackend, "attach_volume", attach_volume)
    wrap(EBSBackend, "modify_volume", modify_volume)
    ElasticBlockStore.create_volume = once(ElasticBlockStore.create_volume, same_volume, "IdempotentParameterMismatch")


def same_volume(self: ElasticBlockStore, answer: ActionResult) -> ActionResult | None:
    return answer if answer.result.id in self.ec2_backend.volumes else None


def create_volume(original, self, *args, **kwargs):
    volume = original(self, *args, **kwargs)
    if volume.volume_type == "gp3":
        volume.iops = volume.iops or GP3["iops"]
        volume.throughput = volume.throughput or GP3["throughput"]
    # AWS tells an empty one, which amazon.aws.ec2_vol_info reads
    volume.snapshot_id = volume.snapshot_id or ""
    return volume


def attach_volume(original, self, volume_id, instance_id, device_path, delete_on_termination=False):
    volume, instance = self.get_volume(volume_id), self.get_instance(instance_id)
    if volume.attachment:
        raise VolumeInUseError(volume_id, volume.attachment.instance.id)
    if instance.state not in ("running", "stopped", "pending"):
        raise EC2ClientError("IncorrectState", f"Instance '{instance_id}' is not 'running' or 'stopped'.")
    if volume.zone.name != instance.placement.zone:
        raise EC2ClientError(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume_id}' is not in the same availability zone as instance '{instance_id}'",
        )
    if device_path in instance.block_device_mapping:
        message = f"Invalid value '{device_path}' for unixDevice. Attachment point {device_path} is already in use"
        raise EC2ClientError("InvalidParameterValue", message)
    return original(self, volume_id, instance_id, device_path, delete_on_termination)


def modify_volume(original, self, volume_id, target_size=None, *args, **kwargs):
    size = self.get_volume(volume_id).size
    if target_size and int(target_size) < size:
        raise EC2ClientError(
            "InvalidParameterValue", f"New size cannot be smaller than existing size {size} GiB of {volume_id}"
        )
    return original(self, volume_id, target_size, *args, **kwargs)
