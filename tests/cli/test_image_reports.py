"""One report an image: names that no registry can make harmful, and files that are whole."""

import json
from pathlib import Path

import pytest

from fleet_samples import GALLERY, SHOP_IRELAND, digest
from report_samples import SMALL
from tidewaiter.cli.image_reports import ImageReports
from tidewaiter.errors import UsageError
from tidewaiter.model.cloud import Registry

HOST = "222233334444.dkr.ecr.eu-west-1.amazonaws.com"


def reports(folder: Path, format_: str = "json") -> ImageReports:
    made = ImageReports.of_options({"output_dir": str(folder), "report_format": format_})
    assert made
    return made


@pytest.mark.parametrize(
    ("format_", "end"), [("json", "json"), ("table", "txt"), ("cyclonedx", "cdx.json")]
)  # fmt: skip
def test_a_report_lies_where_its_image_is_called(format_: str, end: str, tmp_path: Path) -> None:
    reports(tmp_path / "new" / "deep", format_).write(SHOP_IRELAND, "shop/checkout", digest("c1"), SMALL)
    path = tmp_path / "new" / "deep" / HOST / "shop" / "checkout" / f"sha256-{'c1' * 32}.{end}"
    assert "CVE-2024-0727" in path.read_text()


def test_the_report_is_that_of_scan(tmp_path: Path) -> None:
    made = reports(tmp_path)
    made.write(SHOP_IRELAND, "shop/checkout", digest("c1"), SMALL)
    document = json.loads(Path(made.path(SHOP_IRELAND, "shop/checkout", digest("c1"))).read_text())
    assert document["schema"] == "tidewaiter/report/1"


def test_a_public_registry_has_its_alias_as_a_folder(tmp_path: Path) -> None:
    path = Path(reports(tmp_path).path(GALLERY, "tool", digest("e1")))
    assert path.relative_to(tmp_path).parts[:3] == ("public.ecr.aws", "shop", "tool")


@pytest.mark.parametrize(
    ("repository", "parts"),
    [
        ("../../etc/passwd", ("%2E.", "%2E.", "etc", "passwd")),
        ("/etc//x", ("%", "etc", "%", "x")),
        (".", ("%2E",)),
        ("", ("%",)),
        ("a\\b:c\x00d\ne", ("a%5Cb%3Ac%00d%0Ae",)),
        ("%2E", ("%252E",)),
        ("\udcff", ("%5Cudcff",)),
    ],
)
def test_no_name_leaves_the_folder_or_means_another(repository: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    path = Path(reports(tmp_path).path(SHOP_IRELAND, repository, digest("c1")))
    assert path.relative_to(tmp_path).parts[1:-1] == parts


def test_long_names_fit_and_stay_apart(tmp_path: Path) -> None:
    made = reports(tmp_path)
    paths = [made.path(SHOP_IRELAND, "a" * 255 + end, digest("c1")) for end in ("b", "c")]
    assert len(set(paths)) == 2
    for path in paths:
        Path(path).parent.mkdir(parents=True)


def test_a_hostile_host_leaves_the_folder_neither(tmp_path: Path) -> None:
    odd = Registry(partition="aws", account="1", region="x", host="../..")
    path = Path(reports(tmp_path).path(odd, "a", digest("c1")))
    assert path.relative_to(tmp_path).parts[:2] == ("%2E.", "%2E.")


def test_no_folder_is_no_reports() -> None:
    assert ImageReports.of_options({"output_dir": None, "report_format": "json"}) is None


def test_a_folder_that_cannot_be_made_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file/reports: the folder cannot be made: Not a directory"):
        reports(tmp_path / "file" / "reports")
