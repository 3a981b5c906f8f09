"""Why something on the network did not work, in a few words, whoever raised the error."""

import os
import ssl

from aiohttp import ClientConnectorCertificateError, ClientConnectorDNSError, ClientSSLError


def is_distrust(error: BaseException) -> bool:
    """Whether it is the other side's certificate, or its TLS, that is wrong."""
    return isinstance(error, ClientConnectorCertificateError | ClientSSLError | ssl.SSLError)


def cause(error: BaseException) -> str:
    """The reason without addresses and without names of classes, where it has words of its own.

    Libraries put addresses into the words of the system, which stand beside them already.
    """
    if isinstance(error, ClientConnectorDNSError):
        return "its name cannot be resolved"
    if is_distrust(error):
        return _of_tls(error)
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0).lower()
    return (getattr(error, "strerror", "") or str(error) or type(error).__name__).rstrip(".")


def _of_tls(error: BaseException) -> str:
    """What OpenSSL says of a certificate (`self-signed certificate`), else of the connection."""
    told = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return getattr(told, "verify_message", "") or getattr(told, "reason", "") or str(told)
