"""Sends messages by Apprise, which is an extra: `tidegate[alerts]`."""

import logging
from collections.abc import Iterable
from importlib.util import find_spec
from urllib.parse import urlsplit

from .digest import Message

__all__ = ["Sender", "is_installed", "service_url"]

log = logging.getLogger("tidegate")


def is_installed() -> bool:
    """Whether the extra is there."""
    return find_spec("apprise") is not None


def service_url(url: str) -> str:
    """The URL in Apprise's format. A plain `https://` URL is treated as an ntfy topic, as in
    `NTFY_ERROR_URL`.
    """
    scheme, separator, rest = url.partition("://")
    ours = {"http": "ntfy", "https": "ntfys"}.get(scheme.lower())
    return f"{ours}{separator}{rest}" if ours else url


class Sender:
    """The services that receive messages. Apprise is slow to import, so it is imported on first use."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._urls = tuple(map(service_url, urls))

    def send(self, message: Message) -> None:
        """Send a message to all services. Blocks. Failures are logged without the URL, which may contain a
        token.
        """
        import apprise

        kind = apprise.NotifyType.SUCCESS if message.recovery else apprise.NotifyType.FAILURE
        for url in self._urls:
            service = apprise.Apprise()
            name = urlsplit(url).scheme
            if not service.add(url):
                log.warning("alerts: Apprise does not support the %s URL in [alerts]", name)
            elif not service.notify(body=message.body, title=message.title, notify_type=kind):
                log.warning("alerts: a message could not be sent by %s", name)
