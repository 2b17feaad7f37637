"""Failed runs are told to those who own what failed."""

import email
import email.policy
import http.server
import json
import socketserver
import threading
from dataclasses import asdict, replace

import dagster as dg
import pytest

from assets.raw.assets import landing_tables
from orchestration.alerts import Alert, AlertNotSent, send
from orchestration.environments import EnvironmentRefused
from orchestration.owners import address
from orchestration.sensors import alerts_of, refusals_of
from tests.orchestration.house import LAST_WEEK, MODEL, NEXT_WEEK, vintage

ALERT = Alert("team:mmm", "mmm@carryover.example", "refresh_model failed", "roi: no <such> file & é", "run-1")


def test_owners_of_what_failed_hear_why(new_house, monkeypatch):
    new_house.write_spec(owner="team:brand", filter={"market": "usa"})
    result = new_house.refresh(only="model_table")
    context = failed(new_house, result)
    alerts = {alert.owner: alert for alert in alerts_of(context)}
    assert set(alerts) == {"team:brand", "marketing-science@carryover.example"}
    alert = alerts["team:brand"]
    assert alert.subject == f"refresh_model failed for {vintage().as_of_week}|{MODEL}"
    assert "market = 'usa'" in alert.body
    assert f"http://127.0.0.1:3000/runs/{result.run_id}" in alert.body
    monkeypatch.setenv("MMM_DAGSTER_UI", "https://dagster.example/")
    moved, *_ = alerts_of(context)
    assert moved.body.endswith(f"Run https://dagster.example/runs/{result.run_id}")


def test_what_a_blocking_check_found_is_in_the_alert(new_house):
    result = new_house.refresh(NEXT_WEEK, only="model_table")
    (alert, *_) = alerts_of(failed(new_house, result))
    words = f"check reaches_as_of_week failed: the table ends with the week of {LAST_WEEK}, not {NEXT_WEEK}"
    assert f"model_table: {words}" in alert.body


def failed(house, result):
    """What the sensor is given for a run that failed."""
    from orchestration.definitions import definitions

    run = house.instance.get_run_by_id(result.run_id)
    (failure,) = result.filter_events(lambda event: event.event_type_value == "PIPELINE_FAILURE")
    return dg.build_run_status_sensor_context(
        "alert_owners", failure, house.instance, run, repository_def=definitions().get_repository_def()
    ).for_run_failure()


def test_refused_files_are_told_although_the_run_went_through(new_platform, tmp_path):
    new_platform.land("macro/weekly/2025.csv", "week_start,market,consumer_confidence\n2024-01-01,us,high\n")
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        result = dg.materialize([landing_tables], resources=new_platform.resources(), instance=instance)
        assert result.success
        (alert,) = refusals_of(instance, instance.get_run_by_id(result.run_id))
    assert alert.owner == "data-platform@carryover.example"
    assert "macro/weekly/2025.csv" in alert.body
    assert "'high' is not a number (row 2)" in alert.body
    assert "macro__weekly has no rows yet" in alert.body


def test_an_alert_is_printed(monkeypatch, capsys):
    monkeypatch.delenv("MMM_ALERT_SINK", raising=False)
    send(ALERT)
    assert "ALERT for team:mmm <mmm@carryover.example>: refresh_model failed" in capsys.readouterr().out
    send(replace(ALERT, owner="data@carryover.example", address="data@carryover.example"))
    assert "ALERT for data@carryover.example: refresh_model failed" in capsys.readouterr().out


@pytest.fixture
def hook():
    """A web server that keeps what is posted to it, and answers with its `status`."""

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.received.append((self.path, json.loads(body)))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.received, server.status = [], 204
        server.at = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_an_alert_is_posted(monkeypatch, hook):
    path = (
        "/services/T0aB/x%20y?token=Ab+c%3D&b=1"  # a secret in the path or the query arrives as it was given
    )
    monkeypatch.setenv("MMM_ALERT_SINK", "webhook")
    monkeypatch.setenv("MMM_ALERT_WEBHOOK", f"http://{hook.at}{path}")
    send(ALERT)
    ((posted_to, body),) = hook.received
    assert posted_to == path
    assert body == {**asdict(ALERT), "text": "refresh_model failed\nroi: no <such> file & é"}


def test_an_alert_goes_to_any_address_that_apprise_knows(monkeypatch, hook):
    monkeypatch.setenv("MMM_ALERT_SINK", "url")
    monkeypatch.setenv("MMM_ALERT_URL", f"json://{hook.at}/pager")
    send(ALERT)
    ((posted_to, body),) = hook.received
    assert posted_to == "/pager"
    assert (body["title"], body["message"]) == (ALERT.subject, ALERT.body)


def test_an_alert_that_nobody_took_says_so(monkeypatch, hook):
    hook.status = 500
    monkeypatch.setenv("MMM_ALERT_SINK", "webhook")
    monkeypatch.setenv("MMM_ALERT_WEBHOOK", f"http://{hook.at}/hook")
    with pytest.raises(AlertNotSent, match=r"MMM_ALERT_WEBHOOK.*error=500"):
        send(ALERT)
    monkeypatch.setenv("MMM_ALERT_WEBHOOK", "https://")
    with pytest.raises(EnvironmentRefused, match="MMM_ALERT_WEBHOOK is no address"):
        send(ALERT)


def test_an_alert_is_mailed(monkeypatch):
    received = []

    class Mail(socketserver.StreamRequestHandler):
        """As much of a mail server as a client needs."""

        def handle(self):
            self.wfile.write(b"220 test\r\n")
            in_data = False
            for line in self.rfile:
                received.append(line.decode().strip())
                if in_data:
                    if line == b".\r\n":
                        in_data = False
                        self.wfile.write(b"250 kept\r\n")
                elif line.upper().startswith(b"DATA"):
                    in_data = True
                    self.wfile.write(b"354 go on\r\n")
                elif line.upper().startswith(b"QUIT"):
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Mail) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        monkeypatch.setenv("MMM_ALERT_SINK", "smtp")
        monkeypatch.setenv("MMM_ALERT_SMTP", f"127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("MMM_ALERT_FROM", "alerts@carryover.example")
        send(ALERT)
        thread.join(10)
    start, end = received.index("DATA".lower()), received.index(".")
    message = email.message_from_string("\n".join(received[start + 1 : end]), policy=email.policy.default)
    assert (message["To"], message["From"]) == ("mmm@carryover.example", "alerts@carryover.example")
    assert message["Subject"] == ALERT.subject
    assert message.get_content().strip() == ALERT.body


def test_a_sink_that_is_not_set_up_says_so(monkeypatch):
    monkeypatch.setenv("MMM_ALERT_SINK", "pigeon")
    with pytest.raises(EnvironmentRefused, match="stdout, webhook, smtp, url"):
        send(ALERT)
    monkeypatch.setenv("MMM_ALERT_SINK", "webhook")
    monkeypatch.delenv("MMM_ALERT_WEBHOOK", raising=False)
    with pytest.raises(EnvironmentRefused, match="MMM_ALERT_WEBHOOK"):
        send(ALERT)


def test_addresses(monkeypatch):
    assert address("a@b.example") == "a@b.example"
    monkeypatch.setenv("MMM_ALERT_BRAND_TEAM", "brand@b.example")
    assert address("team:brand-team") == "brand@b.example"
