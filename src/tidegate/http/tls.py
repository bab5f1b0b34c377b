"""TLS for connections to servers: trust, and the messages for its failures."""

import os
import ssl
from collections.abc import Mapping

from .errors import TLSFailed

__all__ = ["Contexts", "explain_tls"]

CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""The operator's certificate authorities, used in place of the system's; OpenSSL reads them itself."""


class Contexts:
    """The TLS contexts of a client, each created on first use: loading the system's authorities takes about
    20 ms.
    """

    __slots__ = ("_environ", "_made")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._made: dict[bool, ssl.SSLContext] = {}

    def context(self, verify: bool) -> ssl.SSLContext:
        """Return the context for servers whose certificate is verified, or not. Raises TLSFailed."""
        made = self._made.get(verify)
        if made is None:
            made = self._made[verify] = self._trusting() if verify else _blind()
        return made

    def _trusting(self) -> ssl.SSLContext:
        for variable in CA_VARIABLES:
            path = self._environ.get(variable)
            if path and not os.access(path, os.R_OK):  # OpenSSL would trust nothing, without an explanation
                raise TLSFailed(
                    f"the file or folder in {variable} cannot be read, so certificates cannot be verified"
                )
        context = ssl.create_default_context(
            cafile=self._environ.get("SSL_CERT_FILE") or None,
            capath=self._environ.get("SSL_CERT_DIR") or None,
        )
        return _speaking_http(context)


def _blind() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _speaking_http(context)


def _speaking_http(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["http/1.1"])
    return context


def explain_tls(error: ssl.SSLError) -> str:
    """Return the problem in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the TLS certificate is not trusted ({error.verify_message.rstrip('.')})"
    if error.reason == "WRONG_VERSION_NUMBER":
        return "the server does not speak TLS (use http:// if that is meant)"
    reason = (error.reason or "handshake failure").lower().replace("_", " ")
    return f"the TLS handshake failed ({reason})"
