"""Red Hat and those who rebuild its distribution: AlmaLinux, Rocky Linux.

https://docs.redhat.com/en/documentation/red_hat_security_data_api/1.0 (fix states),
https://security.access.redhat.com/data/osv/, https://github.com/AlmaLinux/osv-database, https://errata.rockylinux.org
"""

import re
from dataclasses import dataclass

import msgspec

from tidewaiter.feeds.publishers.publisher import Publisher, Word, free_form, label
from tidewaiter.feeds.schema import OsvAffected, OsvRecord
from tidewaiter.model.advisory import Rating, Status

_FIX_STATES = {
    "not affected": Status.NOT_AFFECTED,
    "affected": Status.AFFECTED,
    "new": Status.AFFECTED,  # under investigation, listed because the component is taken for vulnerable
    "under investigation": Status.AFFECTED,
    "fix deferred": Status.DEFERRED,
    "will not fix": Status.WONT_FIX,
    "out of support scope": Status.WONT_FIX,
}
_LABEL = re.compile(r"^(Low|Moderate|Important|Critical): |\((Low|Moderate|Important|Critical)\)$")
_STREAM = re.compile(r"(?<![\w./+-])([A-Za-z0-9][\w.+-]*:[A-Za-z0-9][\w.+-]*)(?=[ /])")
_MODULE_BUILD = re.compile(r"(?P<stream>[\w.+-]+:[\w.+]+(?:-[\w.+]+)*?)-\d{10,}\.[0-9a-f]{8}")
_COMPONENT = re.compile(r"(?:(?P<stream>[\w.+-]+:[\w.+-]+)|crb)/(?P<name>[^/:]+)")
_LONGEST = 500  # characters of a text that is searched
_BUILT_IN_MODULE = re.compile(r"[.+]module[_+]el")


class _Row(msgspec.Struct, frozen=True, gc=False):
    cpe: str | None = None
    fix_state: str | None = None
    state: str | None = None
    advisory: str | None = None
    module: str | None = None
    raw_package: str | None = None


_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedHat(Publisher):
    """The fix state of each product, the product's CPE, the module stream."""

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:  # noqa: ARG002 - the row says all
        """A fix that is named by the build of a whole module gives no package's version: nobody can compare it.

        It stands under the module's `name:stream`; what is open stands before the component: `php:7.2/php`.
        """
        said = free_form(_ROW, row.ecosystem_specific, "ecosystem_specific")
        build = _MODULE_BUILD.fullmatch((said.raw_package or "")[:_LONGEST])
        if build and not row.ranges:
            note = (
                f"fixed by {said.advisory or 'an advisory'} in the module {build[0]}, whose packages it does not tell"
            )
            stream = build["stream"]
            return Word(status=Status.UNKNOWN, note=note, module=stream, cpe=said.cpe or "", name=stream)
        state = said.fix_state or ""
        stream, name = _component(row)
        return Word(
            status=_FIX_STATES.get(state.lower()),
            note=state,
            module=said.module or stream,
            cpe=said.cpe or "",
            name=name,
        )


def _component(row: OsvAffected) -> tuple[str, str]:
    """The module stream and the name in `httpd:2.4/mod_http2`, and without a stream in `crb/mingw-openssl`."""
    found = _COMPONENT.fullmatch(row.package.name[:_LONGEST]) if row.package else None
    return (found["stream"] or "", found["name"]) if found else ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild(Publisher):
    """Errata whose summary begins with their severity: `Important: php:8.0 security update`.

    `notices` are the prefixes of errata that mend no vulnerability.
    """

    notices: tuple[str, ...] = ()

    def word(self, record: OsvRecord, row: OsvAffected) -> Word:
        """Packages built in a module belong to the one stream that the summary names, if it names one."""
        fixes = [event.fixed for found in row.ranges or () for event in found.events or () if event.fixed is not None]
        streams = _STREAM.findall((record.summary or "")[:_LONGEST])
        if len(streams) == 1 and any(_BUILT_IN_MODULE.search(fix) for fix in fixes):
            return Word(module=streams[0])
        return Word()

    def ratings(self, record: OsvRecord) -> tuple[Rating, ...]:
        """The severity that the summary begins with, or ends with in brackets."""
        found = _LABEL.search((record.summary or "")[:_LONGEST])
        return label(self.name, found[1] or found[2]) if found else ()

    def informational(self, record: OsvRecord) -> bool:
        """Errata for bugs and enhancements."""
        return record.id.startswith(self.notices)
