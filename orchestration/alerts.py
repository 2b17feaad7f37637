"""Telling people: an alert, and the ways to send one."""

import json
import os
import smtplib
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import EmailMessage

from orchestration.environments import ALERT_SINK, EnvironmentRefused, environment

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Alert:
    """A failed run, for one owner of what failed."""

    owner: str
    address: str
    subject: str
    body: str
    run_id: str


def to_stdout(alert: Alert) -> None:
    sys.stdout.write(f"ALERT for {alert.owner} <{alert.address}>: {alert.subject}\n{alert.body}\n")
    sys.stdout.flush()


def to_webhook(alert: Alert) -> None:
    """POST the alert as JSON to MMM_ALERT_WEBHOOK; `text` is what chat tools show."""
    body = json.dumps({"text": f"{alert.subject}\n{alert.body}", **asdict(alert)}).encode()
    request = urllib.request.Request(
        _setting("MMM_ALERT_WEBHOOK"), data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()


def to_smtp(alert: Alert) -> None:
    """Mail the alert through MMM_ALERT_SMTP (host:port) as MMM_ALERT_FROM."""
    host, _, port = _setting("MMM_ALERT_SMTP").partition(":")
    message = EmailMessage()
    message["From"], message["To"] = _setting("MMM_ALERT_FROM"), alert.address
    message["Subject"] = alert.subject
    message.set_content(alert.body)
    with smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_SECONDS) as server:
        server.send_message(message)


SINKS: dict[str, Callable[[Alert], None]] = {"stdout": to_stdout, "webhook": to_webhook, "smtp": to_smtp}


def send(alert: Alert) -> None:
    """Send by the environment's sink, or the one MMM_ALERT_SINK names.

    Raises:
        EnvironmentRefused: no such sink, or it needs a setting that is missing.
    """
    sink = os.environ.get("MMM_ALERT_SINK") or ALERT_SINK[environment()]
    if sink not in SINKS:
        raise EnvironmentRefused(f"MMM_ALERT_SINK is {sink!r}: it must be one of {', '.join(SINKS)}")
    SINKS[sink](alert)


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise EnvironmentRefused(f"set {name}: alerts are sent through it")
    return value
