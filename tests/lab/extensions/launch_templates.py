"""Launch templates and group metrics, where moto stops short of AWS.

moto numbers versions by their count, cannot delete one, keeps the user data of a later version as text that it then
refuses to launch with, and puts the template's own tags into its data. It cannot disable a group's metrics, and
enabling some disables the others.
"""

from __future__ import annotations

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import InvalidLaunchTemplateVersionNotFound
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data


def create_version(self: LaunchTemplate, data: dict, description: str) -> LaunchTemplateVersion:
    data = dict(data)
    text = data.get("UserData")
    if text is None:
        data.pop("UserData", None)
    elif not isinstance(text, Base64EncodedString):
        data["UserData"] = parse_user_data(text)
    tags = [item for item in data.get("TagSpecifications") or [] if item["ResourceType"] != "launch-template"]
    data["TagSpecifications"] = tags
    self.last_number = getattr(self, "last_number", 0) + 1
    version = LaunchTemplateVersion(self, self.last_number, data, description)
    self.versions.append(version)
    return version


def get_version(self: LaunchTemplate, num: str | int) -> LaunchTemplateVersion:
    if str(num).lower() == "$latest":
        return self.versions[-1]
    number = self.default_version_number if str(num).lower() == "$default" else int(num)
    for version in self.versions:
        if version.number == number:
            return version
    raise InvalidLaunchTemplateVersionNotFound(template_id=self.id, version=str(num))


def delete_launch_template_versions(self: LaunchTemplates) -> ActionResult:
    name, template_id = self._get_param("LaunchTemplateName"), self._get_param("LaunchTemplateId")
    backend = self.ec2_backend
    template = backend.get_launch_template_by_name(name) if name else backend.get_launch_template(template_id)
    answer: dict[str, list] = {
        "SuccessfullyDeletedLaunchTemplateVersions": [],
        "UnsuccessfullyDeletedLaunchTemplateVersions": [],
    }
    present = {version.number: version for version in template.versions}
    for number in map(int, self._get_param("Versions", [])):
        item = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "VersionNumber": number}
        if number in present and number != template.default_version_number:
            template.versions.remove(present[number])
            answer["SuccessfullyDeletedLaunchTemplateVersions"].append(item)
            continue
        code = "unexpectedError" if number in present else "launchTemplateVersionDoesNotExist"
        message = f"Version {number} is the default version or does not exist."
        answer["UnsuccessfullyDeletedLaunchTemplateVersions"].append(
            {**item, "ResponseError": {"Code": code, "Message": message}}
        )
    return ActionResult(answer)


def enable_metrics_collection(self: AutoScalingResponse) -> EmptyResult:
    (group,) = self.autoscaling_backend.describe_auto_scaling_groups([self._get_param("AutoScalingGroupName")])
    group.metrics = sorted({*group.metrics, *(self._get_param("Metrics") or [])})
    return EmptyResult()


def disable_metrics_collection(self: AutoScalingResponse) -> EmptyResult:
    (group,) = self.autoscaling_backend.describe_auto_scaling_groups([self._get_param("AutoScalingGroupName")])
    group.metrics = sorted(set(group.metrics) - set(self._get_param("Metrics") or group.metrics))
    return EmptyResult()


def install() -> None:
    LaunchTemplate.create_version = create_version
    LaunchTemplate.get_version = get_version
    LaunchTemplate.default_version = lambda self: self.get_version("$Default")
    LaunchTemplates.delete_launch_template_versions = delete_launch_template_versions
    AutoScalingResponse.enable_metrics_collection = enable_metrics_collection
    AutoScalingResponse.disable_metrics_collection = disable_metrics_collection
