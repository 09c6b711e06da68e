"""kfp's own client against a server that keeps what it is told."""

import contextlib
import http.server
import json
import threading

import pytest

from pipeline.kubeflow import client
from schema.errors import DataError
from schema.settings import SettingsError

SPEC = """
components: {comp-a: {executorLabel: exec-a}}
deploymentSpec:
  executors: {exec-a: {container: {image: x, command: ["true"]}}}
pipelineInfo: {name: daogou-demo}
root:
  dag:
    tasks: {a: {componentRef: {name: comp-a}, taskInfo: {name: a}}}
schemaVersion: 2.1.0
sdkVersion: kfp-2.16.1
---
platforms:
  kubernetes:
    deploymentSpec:
      executors: {exec-a: {nodeSelector: {labels: {pool: gpu}}}}
"""
BASE = "/apis/v2beta1/"


class Api(http.server.BaseHTTPRequestHandler):
    """Answers what the client asks on its way to a run."""

    def do_GET(self):
        self._answer({"experiments": []})

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        self.server.told.append(
            (self.path, body, self.headers.get("Authorization", ""))
        )
        if self.server.refuse:
            return self._answer({"error": "no such account"}, 403)
        kind = self.path.removeprefix(BASE)
        answers = {
            "experiments": {"experiment_id": "e1", "display_name": "daogou"},
            "runs": {"run_id": "r1", "experiment_id": "e1"},
            "recurringruns": {"recurring_run_id": "rr1"},
        }
        return self._answer(answers[kind])

    def _answer(self, body, status=200):
        told = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def api(*, refuse=False):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.told, server.refuse = [], refuse
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "daogou.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_submit_sends_the_spec_with_its_platform_part(spec, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "abc")
    with api() as (server, host):
        to = client.Server(
            host=host, token_variable="KFP_TOKEN", service_account="daogou"
        )
        assert client.submit(to, spec, "nightly") == "r1"
    path, body, token = server.told[-1]
    assert path == BASE + "runs"
    assert token == "Bearer abc"
    assert body["display_name"] == "nightly"
    assert body["service_account"] == "daogou"
    sent = body["pipeline_spec"]
    assert sent["pipeline_spec"]["pipelineInfo"]["name"] == "daogou-demo"
    assert sent["platform_spec"]["platforms"]["kubernetes"]


def test_schedule_runs_one_at_a_time(spec):
    with api() as (server, host):
        to = client.Server(host=host)
        assert client.schedule(to, spec, "daily", "0 0 3 * * *") == "rr1"
    path, body, _ = server.told[-1]
    assert path == BASE + "recurringruns"
    assert body["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * *"
    assert body["max_concurrency"] == 1
    assert body["no_catchup"] is True


def test_a_refusal_says_what_the_server_said(spec):
    with (
        api(refuse=True) as (_, host),
        pytest.raises(DataError, match=r"127\.0\.0\.1.* 403 .*no such account"),
    ):
        client.submit(client.Server(host=host), spec, "x")


def test_a_spec_that_is_not_there_is_named(tmp_path):
    with (
        api() as (_, host),
        pytest.raises(DataError, match=r"gone\.yaml.*comp"),
    ):
        client.submit(client.Server(host=host), tmp_path / "gone.yaml", "x")


def test_cron_has_six_fields(spec):
    with pytest.raises(DataError, match="has 5 fields; allowed: six"):
        client.schedule(client.Server(host="http://x"), spec, "x", "0 3 * * *")


def test_what_says_nothing_of_a_server_is_refused(monkeypatch):
    monkeypatch.delenv("KFP_TOKEN", raising=False)
    with pytest.raises(SettingsError, match=r"host is 'localhost:8080'"):
        client.Server(host="localhost:8080")
    with pytest.raises(SettingsError, match=r"token_variable is 'KFP_TOKEN'"):
        client.Server(host="http://x", token_variable="KFP_TOKEN")


def test_parameters_go_along_with_a_run_and_with_a_schedule(spec):
    given = {"span": "2026-11-23"}
    with api() as (server, host):
        to = client.Server(host=host)
        client.submit(to, spec, "once", given)
        client.schedule(to, spec, "daily", "0 0 3 * * *", given)
    runs = {path.removeprefix(BASE): body for path, body, _ in server.told}
    for kind in ("runs", "recurringruns"):
        assert runs[kind]["runtime_config"]["parameters"] == given
