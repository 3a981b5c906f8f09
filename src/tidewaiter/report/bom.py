"""CycloneDX 1.6 in types, as far as it is written.

https://cyclonedx.org/docs/1.6/json/

The order of the fields is that of the keys. cyclonedx-python-lib takes 60 ms to import and 0.7 ms more for each
component, too much beside the whole way from an image to its packages: it is the judge in the tests instead.
"""

import msgspec


class _Part(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What is empty is left out; keys are in camel case."""


class Property(_Part, kw_only=True):
    """A name of the producer's own, and its value.

    https://github.com/CycloneDX/cyclonedx-property-taxonomy
    """

    name: str
    value: str


class Hash(_Part, kw_only=True):
    """The hash of a component's content."""

    alg: str
    content: str


class License(_Part, kw_only=True):
    """A licence: SPDX's identifier, or any name."""

    id: str = ""
    name: str = ""


class LicenseChoice(_Part, kw_only=True):
    """A licence; or an SPDX expression, which must then stand alone."""

    license: License | None = None
    expression: str = ""


class Named(_Part, kw_only=True):
    """An organization, or a source of vulnerabilities."""

    name: str


class Occurrence(_Part, kw_only=True):
    """A place where a component was found."""

    location: str


class Evidence(_Part, kw_only=True):
    """What showed that a component is there."""

    occurrences: list[Occurrence]


class Component(_Part, kw_only=True):
    """An image, an operating system, a package or a tool."""

    bom_ref: str = msgspec.field(name="bom-ref", default="")
    type: str
    supplier: Named | None = None
    group: str = ""
    name: str
    version: str = ""
    description: str = ""
    hashes: list[Hash] = []
    licenses: list[LicenseChoice] = []
    purl: str = ""
    evidence: Evidence | None = None
    properties: list[Property] = []


class Tools(_Part, kw_only=True):
    """Who made the document."""

    components: list[Component]


class Metadata(_Part, kw_only=True):
    """What the document is about."""

    timestamp: str = ""
    tools: Tools
    component: Component
    properties: list[Property] = []


class Dependency(_Part, kw_only=True):
    """What a component holds."""

    ref: str
    depends_on: list[str] = []


class Composition(_Part, kw_only=True):
    """How complete the list of a component's parts is."""

    aggregate: str
    assemblies: list[str]


class Rating(_Part, kw_only=True):
    """How bad a vulnerability is, in somebody's words."""

    source: Named | None = None
    score: float | None = None
    severity: str


class Reference(_Part, kw_only=True):
    """The name of a vulnerability at another source."""

    id: str
    source: Named


class Link(_Part, kw_only=True):
    """The address of a published advisory."""

    url: str


class AffectedVersion(_Part, kw_only=True):
    """Whether a version is affected."""

    version: str
    status: str


class Affects(_Part, kw_only=True):
    """A component that has a vulnerability, and which of its versions have."""

    ref: str
    versions: list[AffectedVersion]


class Vulnerability(_Part, kw_only=True):
    """A vulnerability and the components that have it."""

    id: str
    source: Named | None = None
    references: list[Reference] = []
    ratings: list[Rating] = []
    description: str = ""
    recommendation: str = ""
    advisories: list[Link] = []
    affects: list[Affects]
    properties: list[Property] = []


class Bom(_Part, kw_only=True):
    """The document."""

    schema: str = msgspec.field(name="$schema")
    bom_format: str
    spec_version: str
    serial_number: str = ""
    version: int
    metadata: Metadata
    components: list[Component] = []
    dependencies: list[Dependency] = []
    compositions: list[Composition] = []
    vulnerabilities: list[Vulnerability] = []
