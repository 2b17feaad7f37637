"""Telling people: an alert, and the ways to send one. What goes over a network is sent by Apprise."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from orchestration.environments import EnvironmentRefused, alert_setting, alert_sink


@dataclass(frozen=True)
class Alert:
    """A failed run, for one owner of what failed."""

    owner: str
    address: str
    subject: str
    body: str
    run_id: str


class AlertNotSent(RuntimeError):
    """Nobody took the alert."""


def to_stdout(alert: Alert) -> None:
    who = alert.owner if alert.owner == alert.address else f"{alert.owner} <{alert.address}>"
    sys.stdout.write(f"ALERT for {who}: {alert.subject}\n{alert.body}\n")
    sys.stdout.flush()


def to_webhook(alert: Alert) -> None:
    """POST the alert as JSON to MMM_ALERT_WEBHOOK; `text` is what chat tools show."""
    hook = urlsplit(alert_setting("MMM_ALERT_WEBHOOK"))
    fields = {":message": "text", **{f":{name}": value for name, value in asdict(alert).items()}}
    left_out = dict.fromkeys((":title", ":type", ":version", ":attachments"), "")
    query = {f"-{name}": value for name, value in parse_qsl(hook.query)}  # what the hook itself was given
    scheme = "jsons" if hook.scheme == "https" else "json"
    url = f"{scheme}://{hook.netloc}{hook.path}?{urlencode({**query, **fields, **left_out}, quote_via=quote)}"
    _notify(url, alert.subject, f"{alert.subject}\n{alert.body}", "MMM_ALERT_WEBHOOK")


def to_smtp(alert: Alert) -> None:
    """Mail the alert through MMM_ALERT_SMTP (host:port) as MMM_ALERT_FROM."""
    host, _, port = alert_setting("MMM_ALERT_SMTP").partition(":")
    who = {"from": alert_setting("MMM_ALERT_FROM"), "to": alert.address}
    options = urlencode({**who, "mode": "insecure", "format": "text"}, quote_via=quote)
    _notify(f"mailto://{host}:{port or 25}?{options}", alert.subject, alert.body, "MMM_ALERT_SMTP")


def to_url(alert: Alert) -> None:
    """Send the alert to MMM_ALERT_URL, an address of any service that Apprise knows: a chat, a pager, a phone."""
    _notify(alert_setting("MMM_ALERT_URL"), alert.subject, alert.body, "MMM_ALERT_URL")


SINKS: dict[str, Callable[[Alert], None]] = {
    "stdout": to_stdout,
    "webhook": to_webhook,
    "smtp": to_smtp,
    "url": to_url,
}


def send(alert: Alert) -> None:
    """Send by the environment's sink, or the one MMM_ALERT_SINK names.

    Raises:
        EnvironmentRefused: no such sink, or it needs a setting that is missing or no address.
        AlertNotSent: the service did not take it.
    """
    sink = alert_sink()
    if sink not in SINKS:
        raise EnvironmentRefused(f"MMM_ALERT_SINK is {sink!r}: it must be one of {', '.join(SINKS)}")
    SINKS[sink](alert)


def _notify(url: str, title: str, body: str, setting: str) -> None:
    """Send by Apprise, which logs why it could not."""
    import apprise

    service = apprise.Apprise()
    if not service.add(url):
        raise EnvironmentRefused(f"{setting} is no address that alerts can be sent to")
    with apprise.LogCapture(level=apprise.logging.WARNING, fmt="%(message)s") as log:
        if not service.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
            reason = " ".join(log.getvalue().split()) or "it did not take it"
            raise AlertNotSent(f"the alert {title!r} was not sent ({setting}): {reason}")
