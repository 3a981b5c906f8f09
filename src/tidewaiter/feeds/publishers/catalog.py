"""The one list of publishers, and whose an advisory is.

Prefixes: https://ossf.github.io/osv-schema/#id-modified-fields
"""

from tidewaiter.feeds.publishers.alpine import Alpine
from tidewaiter.feeds.publishers.bitnami import Bitnami
from tidewaiter.feeds.publishers.debian import Debian
from tidewaiter.feeds.publishers.github import GitHub
from tidewaiter.feeds.publishers.gitlab import GitLab
from tidewaiter.feeds.publishers.golang import Golang
from tidewaiter.feeds.publishers.publisher import Publisher
from tidewaiter.feeds.publishers.redhat import Rebuild, RedHat
from tidewaiter.feeds.publishers.rubysec import RubySec
from tidewaiter.feeds.publishers.rustsec import RustSec
from tidewaiter.feeds.publishers.ubuntu import Ubuntu
from tidewaiter.model.ecosystem import split_ecosystem

_RUSTSEC = RustSec(name="rustsec", prefixes=("RUSTSEC-",))
_KUBERNETES = Publisher(name="kubernetes")

PUBLISHERS: tuple[Publisher, ...] = (
    Debian(name="debian", prefixes=("DEBIAN-", "DSA-", "DLA-", "DTSA-")),
    Ubuntu(name="ubuntu", prefixes=("UBUNTU-", "USN-", "LSN-"), errata=True),
    Alpine(name="alpine", prefixes=("ALPINE-",)),
    RedHat(name="redhat", prefixes=("RHSA-", "RHBA-", "RHEA-", "REDHAT-"), errata=True),
    Rebuild(name="almalinux", prefixes=("ALSA-", "ALBA-", "ALEA-"), errata=True, notices=("ALBA-", "ALEA-")),
    Rebuild(name="rocky", prefixes=("RLSA-", "RXSA-", "RLBA-", "RLEA-"), errata=True, notices=("RLBA-", "RLEA-")),
    Publisher(name="suse", prefixes=("SUSE-", "openSUSE-"), errata=True),
    Publisher(name="mageia", prefixes=("MGASA-",), errata=True),
    Publisher(name="openeuler", prefixes=("OESA-",), errata=True),
    Publisher(name="azurelinux", prefixes=("AZL-",)),
    Publisher(name="photon", prefixes=("PHSA-",), errata=True),
    Publisher(name="chainguard", prefixes=("CGA-",)),
    Publisher(name="minimos", prefixes=("MINI-",)),
    Publisher(name="bellsoft", prefixes=("BELL-",)),
    Publisher(name="echo", prefixes=("ECHO-",)),
    Publisher(name="root", prefixes=("ROOT-",)),
    GitHub(name="ghsa", prefixes=("GHSA-",)),
    GitLab(name="gitlab", prefixes=("GLAD-",)),
    Publisher(name="openssf", prefixes=("MAL-",)),
    Publisher(name="pypa", prefixes=("PYSEC-",)),
    Publisher(name="psf", prefixes=("PSF-",)),
    Golang(name="go", prefixes=("GO-",)),
    _RUSTSEC,
    RubySec(name="rubysec", prefixes=("RUBYSEC-",)),
    Bitnami(name="bitnami", prefixes=("BIT-",)),
    Publisher(name="erlang", prefixes=("EEF-",)),
    Publisher(name="haskell", prefixes=("HSEC-",)),
    Publisher(name="julia", prefixes=("JLSEC-",)),
    Publisher(name="r-consortium", prefixes=("RSEC-",)),
    Publisher(name="drupal", prefixes=("DRUPAL-",)),
    Publisher(name="curl", prefixes=("CURL-",)),
    Publisher(name="oss-fuzz", prefixes=("OSV-",)),
    _KUBERNETES,
)

# Some publish under the CVE's own id: the ecosystem tells who.
_BY_ECOSYSTEM: dict[str, Publisher] = {"crates.io": _RUSTSEC, "kubernetes": _KUBERNETES, "Kubernetes": _KUBERNETES}
_UNKNOWN = Publisher(name="osv")
_BY_PREFIX = {prefix: publisher for publisher in PUBLISHERS for prefix in publisher.prefixes}


def publisher_of(identifier: str, ecosystem: str = "") -> Publisher:
    """Whose advisory it is, by its id; `osv` if nobody's in the list. `ecosystem` is that of its first package."""
    known = _BY_PREFIX.get(f"{identifier.partition('-')[0]}-")
    return known or _BY_ECOSYSTEM.get(split_ecosystem(ecosystem)[0], _UNKNOWN)
