"""A real Prometheus with one alerting rule, and a real Alertmanager that posts to Muster."""

import contextlib
import os
import shutil
import signal
import subprocess
import urllib.request
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.e2e.stack import free_port, wait_until

PARTS = ("prometheus", "prometheus-alertmanager")

ALERTMANAGER = """
route:
  receiver: muster
  group_by: [alertname, service]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: muster
    webhook_configs:
      - url: {ingest_url}
        send_resolved: true
"""
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
alerting:
  alertmanagers:
    - path_prefix: "{prefix}"
      static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
RULE = """
groups:
  - name: shop
    rules:
      - alert: CheckoutFailing
        expr: vector({value}) == 1
        labels: {{severity: critical, service: checkout}}
        annotations:
          summary: Checkout is failing
          runbook_url: https://runbooks.example.com/checkout
"""


def missing_parts() -> list[str]:
    """Return which of the two programs this machine lacks."""
    return [name for name in PARTS if shutil.which(name) is None]


@dataclass
class Monitoring:
    """`fire()` and `resolve()` change what the rule sees; the rest is up to the real programs."""

    folder: Path
    ingest_url: str
    path_prefix: str = ""  # with one Prometheus posts to Muster itself, and no Alertmanager runs
    alertmanager_port: int = field(default_factory=free_port)
    prometheus_port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start both, with the rule quiet."""
        self.folder.mkdir(parents=True)
        rules = self.folder / "rules.yml"
        rules.write_text(RULE.format(value=0))
        prometheus = self.folder / "prometheus.yml"
        target = {"port": self.alertmanager_port, "prefix": self.path_prefix}
        prometheus.write_text(PROMETHEUS.format(rules=rules, **target))
        if not self.path_prefix:
            self._start_alertmanager()
        self._run(
            "prometheus", f"--config.file={prometheus}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}", "--rules.alert.resend-delay=2s",
            f"--web.listen-address=127.0.0.1:{self.prometheus_port}", "--web.enable-lifecycle",
        )  # fmt: skip
        wait_until("Prometheus", partial(self._get, self.prometheus_port, "/-/ready"))

    def _start_alertmanager(self) -> None:
        alertmanager = self.folder / "alertmanager.yml"
        alertmanager.write_text(ALERTMANAGER.format(ingest_url=self.ingest_url))
        self._run(
            "prometheus-alertmanager", f"--config.file={alertmanager}",
            f"--storage.path={self.folder / 'am'}", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.alertmanager_port}",
        )  # fmt: skip
        wait_until("Alertmanager", partial(self._get, self.alertmanager_port, "/-/ready"))

    def _run(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            )

    @staticmethod
    def _get(port: int, path: str, method: str = "GET") -> bool:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=5) as response:
            return bool(response.status == 200)

    def fire(self) -> None:
        """Make the rule true."""
        self._set(1)

    def resolve(self) -> None:
        """Make the rule false again."""
        self._set(0)

    def _set(self, value: int) -> None:
        (self.folder / "rules.yml").write_text(RULE.format(value=value))
        self._get(self.prometheus_port, "/-/reload", method="POST")

    def stop(self) -> None:
        """Stop both."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
