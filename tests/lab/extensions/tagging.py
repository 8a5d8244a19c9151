"""The tagging service: a page of GetResources is cut after so many tags only for those who ask with TagsPerPage.

moto cuts every page after 100 tags, which AWS advises against asking for and, it is assumed, does not do unasked.
"""

from __future__ import annotations

import sys

from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

# what moto's answering side takes when nothing was asked
UNASKED = 100


def install() -> None:
    get = ResourceGroupsTaggingAPIBackend.get_resources

    def get_resources(self: ResourceGroupsTaggingAPIBackend, tags_per_page: int = UNASKED, **asked):
        return get(self, tags_per_page=sys.maxsize if tags_per_page == UNASKED else tags_per_page, **asked)

    ResourceGroupsTaggingAPIBackend.get_resources = get_resources
