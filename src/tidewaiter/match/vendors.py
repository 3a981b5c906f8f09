"""Who built an operating system's package: a distribution's data speaks of its own builds only."""

import re

from tidewaiter.model.package import Distro, Package

# What the VENDOR tag of a distribution's own rpms begins with, in lower case, by the ID of os-release.
_RPM_VENDORS = {
    "rhel": ("red hat",),
    "centos": ("centos", "red hat"),
    "almalinux": ("almalinux",),
    "rocky": ("rocky",),
    "ol": ("oracle america",),
    "fedora": ("fedora project",),
    "amzn": ("amazon",),
    "photon": ("vmware", "broadcom"),
    "azurelinux": ("microsoft corporation",),
    "mariner": ("microsoft corporation",),
    "mageia": ("mageia",),
    "openeuler": ("openeuler", "http://openeuler.org", "https://openeuler.org"),
    "sles": ("suse",),
    "sles_sap": ("suse",),
    "sled": ("suse",),
    "sle-micro": ("suse",),
    "sl-micro": ("suse",),
    "opensuse-leap": ("suse", "opensuse"),
    "opensuse-tumbleweed": ("suse", "opensuse"),
}

# dpkg records no builder. Its Origin field does, where a package has one; otherwise these two tell: marks that
# third-party repositories leave in their versions, and the companies that maintain what they publish themselves.
_DEB_MARKS = {
    "nodesource": re.compile(r"nodesource\d*"),
    "PostgreSQL (PGDG)": re.compile(r"[.~+]pgdg\d"),
    "deb.sury.org": re.compile(r"\+deb\.sury\.org"),
    "Ubuntu Pro's FIPS stream": re.compile(r"[.+~]fips[.0-9]", re.IGNORECASE),
    "a PPA": re.compile(r"[+~]ppa\d"),
    # Newer than every fix of the release, and fixed or not like testing, whose versions they rebuild.
    "backports": re.compile(r"~bpo\d"),
}
_DEB_MAINTAINERS = {
    "Docker": ("@docker.com", "@dotcloud.com"),
    "NVIDIA": ("@nvidia.com",),
    "Microsoft": ("@microsoft.com",),
    "Google": ("@google.com",),
    "Elastic": ("@elastic.co",),
    "MariaDB": ("@mariadb.com", "@mariadb.org"),
    "MySQL": ("@mysql.com",),
    "MongoDB": ("@mongodb.com", "@10gen.com"),
    "nginx.org": ("@nginx.com", "@f5.com"),
    "HashiCorp": ("@hashicorp.com",),
    "Grafana": ("@grafana.com",),
    "GitHub": ("@github.com",),
    "GitLab": ("@gitlab.com",),
    "AMD": ("@amd.com",),
}
_DEB_ORIGINS = {"debian": ("debian",), "ubuntu": ("ubuntu", "debian"), "echo": ("debian", "echo")}

# Software Collections install beside the base, under names of their own, and have advisories of their own.
_COLLECTION = re.compile(
    r"(rh|sclo)-[a-z0-9]+-|(devtoolset|llvm-toolset|go-toolset|rust-toolset)-[0-9.]+"
    r"|(git19|httpd24|mariadb55|maven30|mongodb24|mysql55|nginx1[46]|nodejs010|perl516|php5[45]|postgresql92|python(27|33)"
    r"|ror4[01]|ruby(193|200)|thermostat1|v8314)-"
)


def stranger(package: Package, distro: Distro) -> str:
    """Who published the package, if that was not the distribution itself; else "".

    A package that names no vendor is taken for the distribution's own.
    """
    match package.type:
        case "rpm":
            return _rpm_stranger(package, distro)
        case "deb":
            return _deb_stranger(package, distro)
        case _:
            return ""


def _rpm_stranger(package: Package, distro: Distro) -> str:
    own = _RPM_VENDORS.get(distro.id.lower(), ())
    vendor = package.vendor.strip()
    if vendor and own and not vendor.lower().startswith(own):
        return vendor
    if (
        distro.id.lower() in {"rhel", "centos"}
        and distro.version_id[:1] in {"6", "7"}
        and _COLLECTION.match(package.name)
    ):
        return "Software Collections"
    return ""


def _deb_stranger(package: Package, distro: Distro) -> str:
    own = _DEB_ORIGINS.get(distro.id.lower(), ())
    if package.origin and own and package.origin.strip().lower() not in own:
        return package.origin.strip()
    for name, mark in _DEB_MARKS.items():
        if mark.search(package.version):
            return name
    maintainer = package.vendor.lower().rstrip("> ")
    return next((name for name, hosts in _DEB_MAINTAINERS.items() if maintainer.endswith(hosts)), "")
