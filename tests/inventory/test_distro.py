"""Which distribution: os-release(5) and the older files."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.inventory.distro import PATHS, DistroFiles, combine
from tidewaiter.model.gap import Gap, Stage, Why
from tidewaiter.model.package import Distro, Extraction

ImageFiles = Callable[[str], Iterator[tuple[str, bytes | None]]]

OS_RELEASE = "etc/os-release"


def extract(text: str | bytes, path: str = OS_RELEASE) -> Extraction:
    return DistroFiles().extract(path, text.encode() if isinstance(text, str) else text)


def distro(text: str, path: str = OS_RELEASE) -> Distro:
    extraction = extract(text, path)
    assert not extraction.gaps
    assert extraction.distro is not None
    return extraction.distro


def whole(files: dict[str, str]) -> Distro:
    return combine([distro(text, path) for path, text in files.items()])


# os-release: what is read.


def test_os_release_gives_the_release() -> None:
    text = """\
NAME="Red Hat Enterprise Linux"
VERSION="8.9 (Ootpa)"
ID="rhel"
ID_LIKE="fedora centos"
VERSION_ID="8.9"
PLATFORM_ID="platform:el8"
PRETTY_NAME="Red Hat Enterprise Linux 8.9 (Ootpa)"
ANSI_COLOR="0;31"
CPE_NAME="cpe:/o:redhat:enterprise_linux:8::baseos"
HOME_URL="https://www.redhat.com/"
"""
    assert distro(text) == Distro(
        id="rhel",
        version_id="8.9",
        pretty_name="Red Hat Enterprise Linux 8.9 (Ootpa)",
        id_like=("fedora", "centos"),
        cpe_name="cpe:/o:redhat:enterprise_linux:8::baseos",
        path=OS_RELEASE,
    )


@pytest.mark.parametrize(
    ("text", "id_", "version"),
    [
        ('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Distroless"\n', "debian", "12"),
        ('ID=ubuntu\nVERSION_ID="22.04"\nID_LIKE=debian\n', "ubuntu", "22.04"),
        ("ID=alpine\nVERSION_ID=3.18.4\n", "alpine", "3.18.4"),
        ("ID=alpine\nVERSION_ID=3.19.0_rc1\n", "alpine", "3.19.0_rc1"),
        ('ID=alpine\nVERSION_ID=3.21_alpha20240923\nPRETTY_NAME="Alpine Linux edge"\n', "alpine", "edge"),
        ("ID=alpine\nVERSION_ID=3.4.0_git20160401\n", "alpine", "edge"),
        ('ID=wolfi\nVERSION_ID="20230201"\n', "wolfi", "20230201"),
        ('ID=chainguard\nVERSION_ID="20230214"\n', "chainguard", "20230214"),
        ('ID="centos"\nVERSION_ID="7"\n', "centos", "7"),
        ('ID="rocky"\nVERSION_ID="9.3"\n', "rocky", "9.3"),
        ('ID="almalinux"\nVERSION_ID="8.9"\n', "almalinux", "8.9"),
        ('ID="ol"\nVERSION_ID="8.9"\n', "ol", "8.9"),
        ('ID="amzn"\nVERSION_ID="2018.03"\n', "amzn", "2018.03"),
        ('ID="amzn"\nVERSION_ID="2"\n', "amzn", "2"),
        ('ID="amzn"\nVERSION_ID="2023"\n', "amzn", "2023"),
        ('ID="sles"\nVERSION_ID="15.5"\n', "sles", "15.5"),
        ('ID="opensuse-leap"\nVERSION_ID="15.5"\n', "opensuse-leap", "15.5"),
        ('ID="opensuse-tumbleweed"\nVERSION_ID="20240101"\n', "opensuse-tumbleweed", "20240101"),
        ('ID=mariner\nVERSION_ID="2.0"\n', "mariner", "2.0"),
        ('ID=azurelinux\nVERSION_ID="3.0"\n', "azurelinux", "3.0"),
        ("ID=photon\nVERSION_ID=5.0\n", "photon", "5.0"),
        ('ID="openEuler"\nVERSION_ID="22.03"\n', "openeuler", "22.03"),
    ],
)
def test_each_distribution_keeps_its_own_id_and_release(text: str, id_: str, version: str) -> None:
    assert (distro(text).id, distro(text).version_id) == (id_, version)


def test_centos_stream_is_told_from_centos_linux_by_its_variant() -> None:
    stream = distro('NAME="CentOS Stream"\nID="centos"\nVERSION_ID="8"\nPRETTY_NAME="CentOS Stream 8"\n')
    linux = distro('NAME="CentOS Linux"\nID="centos"\nVERSION_ID="8"\nPRETTY_NAME="CentOS Linux 8"\n')
    assert (stream.id, stream.version_id, stream.variant_id) == ("centos", "8", "stream")
    assert (linux.id, linux.version_id, linux.variant_id) == ("centos", "8", "")


def test_a_variant_is_kept() -> None:
    assert distro("ID=fedora\nVERSION_ID=39\nVARIANT_ID=container\n").variant_id == "container"


def test_id_is_linux_where_it_is_missing() -> None:
    assert distro('NAME="Homegrown"\nVERSION_ID=1\n').id == "linux"


# os-release: how it is written.


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PRETTY_NAME=Plain", "Plain"),
        ('PRETTY_NAME="with spaces"', "with spaces"),
        ("PRETTY_NAME='with spaces'", "with spaces"),
        ("PRETTY_NAME=", ""),
        ('PRETTY_NAME=""', ""),
        (r'PRETTY_NAME="a \"b\" \$c \`d\` \\e"', 'a "b" $c `d` \\e'),
        (r'PRETTY_NAME="kept \n"', r"kept \n"),
        (r"PRETTY_NAME='kept \n \$'", r"kept \n \$"),
        (r"PRETTY_NAME=two\ words\;", "two words;"),
        ("PRETTY_NAME='it \"is\"'", 'it "is"'),
        ('PRETTY_NAME="a = b # c"', "a = b # c"),
        ('  PRETTY_NAME="indented"  ', "indented"),
        ('PRETTY_NAME="value"   # a comment', "value"),
        ("PRETTY_NAME=a#b", "a#b"),
        ('PRETTY_NAME="first"\nPRETTY_NAME="last"', "last"),
        ('# PRETTY_NAME="comment"\nPRETTY_NAME=yes', "yes"),
        ('PRETTY_NAME="CRLF"\r', "CRLF"),
        ('PRETTY_NAME="bell \x07\x1b[2J"', "bell [2J"),
        ('PRETTY_NAME="Größe"', "Größe"),
    ],
)
def test_values_are_quoted_as_in_a_shell(line: str, value: str) -> None:
    assert distro(f"ID=test\n{line}\n").pretty_name == value


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert distro("\N{ZERO WIDTH NO-BREAK SPACE}ID=debian\n").id == "debian"


def test_an_empty_file_says_nothing() -> None:
    assert extract("") == extract("# nothing\n\n") == Extraction()


@pytest.mark.parametrize(
    "line",
    [
        'VERSION_ID="12',
        "VERSION_ID='12",
        'VERSION_ID="12"3"',
        "VERSION_ID=\"1\"'2'",
        "VERSION_ID=12 13",
        "VERSION_ID = 12",
        "VERSION_ID=12\\",
    ],
)
def test_of_a_broken_line_nothing_is_guessed(line: str) -> None:
    extraction = extract(f"ID=debian\n{line}\nVERSION_CODENAME=bookworm\n")
    assert extraction.distro == Distro(id="debian", version_codename="bookworm", path=OS_RELEASE)
    detail = f"line 2: not a shell-like assignment: {line!r}"
    assert extraction.gaps == (Gap(stage=Stage.INVENTORY, why=Why.MALFORMED, subject=OS_RELEASE, detail=detail),)


def test_a_broken_line_that_does_not_matter_is_no_gap() -> None:
    extraction = extract('ID=debian\nBUG_REPORT_URL="https://bugs.example.org/\nstray words\n')
    assert extraction == Extraction(distro=Distro(id="debian", path=OS_RELEASE))


def test_a_file_without_any_assignment_is_a_gap() -> None:
    extraction = extract(b"\x7fELF\x02\x01\x01\0\0 garbage")
    assert extraction.distro is None
    assert [gap.why for gap in extraction.gaps] == [Why.MALFORMED]


# The older files.


@pytest.mark.parametrize(
    ("path", "text", "id_", "version", "variant"),
    [
        ("etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n", "centos", "7", ""),
        ("etc/centos-release", "CentOS release 6.10 (Final)\n", "centos", "6", ""),
        ("etc/redhat-release", "CentOS release 5.11 (Final)\n", "centos", "5", ""),
        ("etc/centos-release", "CentOS Stream release 9\n", "centos", "9", "stream"),
        ("etc/redhat-release", "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n", "rhel", "6.10", ""),
        ("etc/redhat-release", "Red Hat Enterprise Linux ES release 4 (Nahant Update 9)\n", "rhel", "4", ""),
        ("etc/redhat-release", "Red Hat Enterprise Linux release 9.3 (Plow)", "rhel", "9.3", ""),
        ("etc/rocky-release", "Rocky Linux release 8.5 (Green Obsidian)\n", "rocky", "8.5", ""),
        ("etc/almalinux-release", "AlmaLinux release 9.1 (Lime Lynx)\n", "almalinux", "9.1", ""),
        ("etc/oracle-release", "Oracle Linux Server release 6.10\n", "ol", "6.10", ""),
        ("etc/fedora-release", "Fedora release 25 (Twenty Five)\n", "fedora", "25", ""),
        ("etc/system-release", "Amazon Linux AMI release 2018.03\n", "amzn", "2018.03", ""),
        ("etc/system-release", "Amazon Linux release 2 (Karoo)\n", "amzn", "2", ""),
        ("etc/system-release", "Amazon Linux release 2023.4.20240513 (Amazon Linux)\n", "amzn", "2023", ""),
        ("etc/system-release", f"Amazon Linux release {'2' * 5000}\n", "amzn", "2" * 5000, ""),
        ("etc/alpine-release", "3.18.4\n", "alpine", "3.18.4", ""),
        ("etc/alpine-release", "3.21_alpha20240923\n", "alpine", "edge", ""),
        ("etc/debian_version", "12.5\n", "debian", "12", ""),
        ("etc/debian_version", "6.0.10\n", "debian", "6", ""),
        (
            "etc/SuSE-release",
            "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
            "sles",
            "11.4",
            "",
        ),
        (
            "etc/SuSE-release",
            "SUSE Linux Enterprise Server 12 (x86_64)\nVERSION = 12\nPATCHLEVEL = 0\n",
            "sles",
            "12",
            "",
        ),
        ("etc/SuSE-release", "openSUSE 13.2 (x86_64)\nVERSION = 13.2\nCODENAME = Harlequin\n", "opensuse", "13.2", ""),
        (
            "etc/lsb-release",
            'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_CODENAME="trusty"\n',
            "ubuntu",
            "14.04",
            "",
        ),
    ],
)
def test_older_files_say_what_os_release_would(path: str, text: str, id_: str, version: str, variant: str) -> None:
    found = distro(text, path)
    assert (found.id, found.version_id, found.variant_id, found.path) == (id_, version, variant, path)


def test_debian_before_its_release_has_a_codename_and_no_version() -> None:
    found = distro("trixie/sid\n", "etc/debian_version")
    assert (found.id, found.version_id, found.version_codename) == ("debian", "", "trixie")
    assert str(found) == "Debian GNU/Linux trixie/sid"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/redhat-release", "Example Appliance 3\n"),
        ("etc/redhat-release", "Example Linux release 3 (Foo)\n"),
        ("etc/redhat-release", ""),
        ("etc/redhat-release", "CentOS Linux release \N{ARABIC-INDIC DIGIT SEVEN}\n"),
        ("etc/debian_version", "\N{ARABIC-INDIC DIGIT SEVEN}\n"),
        ("etc/debian_version", "12\x1b[2J\n"),
        ("etc/debian_version", "kali-rolling\n"),
        ("etc/debian_version", ""),
        ("etc/alpine-release", "none\n"),
        ("etc/SuSE-release", "Novell Example 3\nVERSION = 3\n"),
        ("etc/SuSE-release", "openSUSE\n"),
        ("etc/lsb-release", "LSB_VERSION=base-4.0-amd64:base-4.0-noarch\n"),
        ("etc/lsb-release", 'DISTRIB_ID="Two Words"\n'),
    ],
)
def test_an_older_file_that_says_nothing_known_is_silent(path: str, text: str) -> None:
    assert extract(text, path) == Extraction()


# Putting the files of one root together.


def test_os_release_speaks_before_the_older_files() -> None:
    found = whole(
        {
            "etc/redhat-release": "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n",
            "etc/oracle-release": "Oracle Linux Server release 7.9\n",
            OS_RELEASE: "ID=ol\nVERSION_ID=7.9\n",
        }
    )
    assert (found.id, found.version_id, found.path) == ("ol", "7.9", OS_RELEASE)


def test_a_rebuild_speaks_before_the_red_hat_release_it_keeps() -> None:
    found = whole(
        {
            "etc/redhat-release": "Red Hat Enterprise Linux Server release 5.11 (Tikanga)\n",
            "etc/oracle-release": "Oracle Linux Server release 5.11\n",
        }
    )
    assert (found.id, found.path) == ("ol", "etc/oracle-release")


def test_ubuntu_keeps_debians_version_file_and_stays_ubuntu() -> None:
    found = whole(
        {"etc/debian_version": "jessie/sid\n", "etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\n"}
    )
    assert (found.id, found.version_id, found.version_codename) == ("ubuntu", "14.04", "")


def test_debian_version_fills_in_what_os_release_leaves_open() -> None:
    found = whole(
        {OS_RELEASE: 'ID=debian\nPRETTY_NAME="Debian GNU/Linux buster/sid"\n', "etc/debian_version": "buster/sid\n"}
    )
    assert (found.version_id, found.version_codename) == ("", "buster")
    assert found.pretty_name == "Debian GNU/Linux buster/sid"


def test_what_os_release_says_is_not_replaced() -> None:
    found = whole({OS_RELEASE: "ID=debian\nVERSION_ID=12\n", "etc/debian_version": "13.0\n"})
    assert found.version_id == "12"


def test_centos_keeps_its_major_version_beside_a_longer_one() -> None:
    found = whole(
        {OS_RELEASE: "ID=centos\nVERSION_ID=7\n", "etc/centos-release": "CentOS Linux release 7.9.2009 (Core)\n"}
    )
    assert found.version_id == "7"


def test_etc_os_release_replaces_the_one_in_usr_lib_as_a_whole() -> None:
    found = whole({"usr/lib/os-release": "ID=debian\nVERSION_ID=12\n", OS_RELEASE: "ID=debian\nVERSION_CODENAME=sid\n"})
    assert (found.version_id, found.version_codename) == ("", "sid")


def test_an_os_release_without_id_yields_to_a_file_that_names_one() -> None:
    found = whole({OS_RELEASE: "NAME=Custom\n", "etc/alpine-release": "3.18.4\n"})
    assert (found.id, found.version_id) == ("alpine", "3.18.4")


def test_an_os_release_without_id_is_better_than_nothing() -> None:
    assert whole({OS_RELEASE: "PRETTY_NAME=Custom\n"}).id == "linux"


def test_the_order_in_which_files_were_found_does_not_matter() -> None:
    files = [distro("ID=debian\n"), distro("12.5\n", "etc/debian_version"), distro("ID=x\n", "usr/lib/os-release")]
    assert combine(files) == combine(files[::-1])


def test_nothing_found_can_not_be_combined() -> None:
    with pytest.raises(ValueError, match="no distribution"):
        combine([])


# Places.


@pytest.mark.parametrize("known", PATHS)
def test_every_known_file_is_wanted_at_the_root_and_below_chroots(known: str) -> None:
    files = DistroFiles()
    assert files.wants(known)
    assert files.wants(f"srv/jail/{known}")
    assert not files.wants(f"srv/not-{known}")
    assert known.rpartition("/")[2] in files.basenames


def test_a_chroots_release_names_its_root() -> None:
    found = distro("ID=alpine\nVERSION_ID=3.18.4\n", "srv/jail/usr/lib/os-release")
    assert (found.root, found.path) == ("srv/jail", "srv/jail/usr/lib/os-release")


def test_files_of_a_chroot_are_put_together_alike() -> None:
    found = whole({"srv/jail/etc/os-release": "ID=debian\n", "srv/jail/etc/debian_version": "12.5\n"})
    assert (found.id, found.version_id, found.root) == ("debian", "12", "srv/jail")


@pytest.mark.parametrize("path", ["etc/os-release.bak", "os-release", "etc/debian_version/x", "usr/share/os-release"])
def test_other_files_are_not_wanted(path: str) -> None:
    assert not DistroFiles().wants(path)


# Against the real thing.


@pytest.mark.parametrize(
    ("image", "id_", "version"),
    [
        ("alpine-node.oci", "alpine", "3.23.6"),
        ("small-distroless.oci", "debian", "12"),
        ("rpm-centos7-plain.oci", "centos", "7"),
        ("rpm-centos8-modularitylabel.oci", "centos", "8"),
        ("rpm-mariner2.oci", "mariner", "2.0"),
        ("rpm-sle15-bci.oci", "sles", "15.4"),
    ],
)
def test_real_images_name_their_distribution(image_files: ImageFiles, image: str, id_: str, version: str) -> None:
    extractions = [
        extract(content, path)
        for path, content in image_files(image)
        if content is not None and DistroFiles().wants(path)
    ]
    assert not [gap for extraction in extractions for gap in extraction.gaps]
    found = combine([extraction.distro for extraction in extractions if extraction.distro])
    assert (found.id, found.version_id) == (id_, version)


# Properties.


@given(st.text(st.characters(exclude_categories=["C"]), max_size=40))
def test_what_a_shell_would_quote_is_read_back(value: str) -> None:
    escaped = "".join(f"\\{character}" if character in '\\"$`' else character for character in value)
    read = distro(f'ID=test\nPRETTY_NAME="{escaped}"\n').pretty_name
    assert read == "".join(character for character in value if character.isprintable())


@given(st.binary(max_size=200), st.sampled_from(PATHS))
def test_any_bytes_end_in_a_release_and_gaps(content: bytes, path: str) -> None:
    found = extract(content, path).distro
    assert found is None or (found.id != "" and found.path == path and str(found).isprintable())
