"""TLS as the brokered integration speaks it, and which addresses may be listened on without it."""

import contextlib
import ipaddress
import os
import ssl
from dataclasses import dataclass, field

from tidewaiter.errors import UsageError


def server_context(certificate: str, key: str = "", *, clients: str = "") -> ssl.SSLContext:
    """How a server proves itself: PEM files of its certificate chain and key (in one file, without `key`).

    With `clients`, a PEM file of authorities, only who has a certificate of one of them is let in. When the files are
    renewed, the next connection gets the new certificate. Raises UsageError for files that are missing, no PEM,
    encrypted, or do not belong together.
    """
    context = _proving(certificate, key)
    if clients:
        _load_authorities(context, clients)
        context.verify_mode = ssl.CERT_REQUIRED
    context.sni_callback = _Renewal(certificate, key)
    return context


def client_context(*, authority: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """Whom a client believes: the system's authorities, and those of the PEM file. Its own certificate for mTLS.

    Raises UsageError as `server_context` does.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority:
        _load_authorities(context, authority)
    if certificate:
        _load_certificate(context, certificate, key)
    return context


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there. A name other than localhost is not believed."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSettings:
    """How client and agent each listen for the other one, and know it.

    `secret` is what both share. `certificate` and `key` are this side's own, `clients` a file of the authorities whose
    certificates let in. `unprotected` allows a port beyond this machine that anybody may ask.
    """

    host: str = "127.0.0.1"
    secret: str = field(default="", repr=False)
    certificate: str = ""
    key: str = ""
    clients: str = ""
    unprotected: bool = False


def port_context(port: PortSettings) -> ssl.SSLContext | None:
    """How the port speaks TLS; None where it does not.

    Raises UsageError where anybody in the network could ask and nothing keeps them from it, and as `server_context`.
    """
    if not (is_loopback(port.host) or port.secret or port.clients or port.unprotected):
        raise UsageError(
            f"to listen on {port.host} without proof of who asks would let in anybody who reaches it",
            advice="Set a secret or certificates of clients, listen on 127.0.0.1, or say --allow-unauthenticated if "
            "the network keeps others out",
        )
    if port.clients and not port.certificate:
        what = "certificates of those who ask can only be asked for over TLS"
        raise UsageError(what, advice="Give it a certificate of its own too: --https-cert.")
    return server_context(port.certificate, port.key, clients=port.clients) if port.certificate else None


class _Renewal:
    """Called for each new connection: looks whether the files were written anew, and gives it what they hold then.

    Files that cannot be read, as in the middle of being replaced, leave the certificate as it was.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (certificate, key)
        self._written = self._times()
        self._context: ssl.SSLContext | None = None

    def __call__(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        with contextlib.suppress(UsageError, OSError):
            self._renew()
        if self._context:
            connection.context = self._context

    def _renew(self) -> None:
        written = self._times()
        if written != self._written:
            self._context = _proving(*self._files)
            self._written = written

    def _times(self) -> tuple[tuple[int, int, int], ...]:
        found = [os.stat(path) for path in self._files if path]
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


def _proving(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, certificate, key)
    return context


def _load_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    for path in filter(None, (certificate, key)):
        _check_readable(path)
    try:
        context.load_cert_chain(certificate, key or None, password=_no_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise UsageError(
            "is no certificate with its private key in PEM",
            where=certificate if not key or key == certificate else f"{certificate}, {key}",
            advice="The key must be the certificate's, and not encrypted",
        ) from error


def _no_password() -> str:
    """Asked for where a key is encrypted; without it OpenSSL would ask on the terminal."""
    raise ValueError("the key is encrypted")


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    _check_readable(path)
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise UsageError("holds no certificates in PEM", where=path) from error


def _check_readable(path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise UsageError(f"cannot be read: {os.strerror(error.errno or 0)}", where=path) from error
