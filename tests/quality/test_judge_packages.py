"""Real packages judged once each, for all images together, against the same images judged one by one."""

from collections import Counter
from pathlib import Path

import pytest

from tidewaiter.feeds.database import Database
from tidewaiter.image.limits import Limits
from tidewaiter.image.source import open_images
from tidewaiter.match.findings import judge, judge_each
from tidewaiter.model.package import Inventory

_IMAGES = ("rpm-centos7-plain", "rpm-centos8-modularitylabel", "alpine-node", "small-distroless")


@pytest.fixture(scope="module")
def inventories(shared: Path) -> list[Inventory]:
    from tidewaiter.scan import look

    found = []
    for name in _IMAGES:
        target = str(shared / "corpus" / "images" / f"{name}.oci")
        with open_images(target, platform=None, all_platforms=False, limits=Limits(), registry=None) as (image,):
            found.append(look(image, limits=Limits()))
    return found


def test_each_real_package_judged_with_all_others_has_the_findings_it_has_in_its_image(
    inventories: list[Inventory], real_database: Path
) -> None:
    packages = [package for inventory in inventories for package in inventory.packages]
    with Database.open(real_database) as database:
        each = judge_each(packages, database)
        images = [judge(inventory, database) for inventory in inventories]
    assert [finding for judged in each for finding in judged.findings] == [
        finding for judged in images for finding in judged.findings
    ]
    named = Counter((gap.why, gap.subject) for gap in {gap for judged in each for gap in judged.gaps})
    assert named.keys() == {(gap.why, gap.subject) for judged in images for gap in judged.gaps}
