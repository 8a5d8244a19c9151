"""SSM: the public parameters by which the platform finds its images, naming images that the lab has."""

from __future__ import annotations

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ssm.models import Parameter, ParameterDict

PREFIX = "/aws/service/debian/release/"
# parameter (beneath PREFIX) -> architecture
PUBLISHED = {
    f"{release}/latest/{name}": architecture
    for release in ("11", "12", "13")
    for name, architecture in (("amd64", "x86_64"), ("arm64", "arm64"))
}


def image_of(account: str, region: str, architecture: str) -> str | None:
    """An image of the lab of this architecture; always the same one."""
    images = ec2_backends[account][region].describe_images(filters={"architecture": [architecture]})
    linux = sorted(image.id for image in images if not image.platform or "windows" not in image.platform.lower())
    return linux[0] if linux else None


def install() -> None:
    check = ParameterDict._check_loading_status

    def check_with_images(self: ParameterDict, key: str) -> None:
        check(self, key)
        if not str(key or "").startswith(PREFIX) or self.__dict__.get("images_loaded"):
            return
        self.images_loaded = True
        for name, architecture in PUBLISHED.items():
            image = image_of(self.account_id, self.region_name, architecture)
            if image is None:
                continue
            dict.__setitem__(
                self,
                PREFIX + name,
                [
                    Parameter(
                        account_id=self.account_id,
                        name=PREFIX + name,
                        value=image,
                        parameter_type="String",
                        description=None,
                        allowed_pattern=None,
                        keyid=None,
                        last_modified_date=utcnow(),
                        version=1,
                        data_type="aws:ec2:image",
                    )
                ],
            )

    ParameterDict._check_loading_status = check_with_images
