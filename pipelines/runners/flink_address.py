"""Flink's REST API: what the cluster is, and how its jobs end."""

import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

from weir.pipelines.errors import OptionError

_SECONDS = 10.0  # for one answer
_CANCEL_SECONDS = 60.0
_JSON = {"Content-Type": "application/json"}
_ENDED = ("CANCELED", "FAILED", "FINISHED", "SUSPENDED")


@dataclass(frozen=True)
class FlinkAddress:
    """Where Flink's REST API answers."""

    secure: bool
    host: str
    port: int

    @classmethod
    def of(cls, master: str) -> "FlinkAddress":
        """Read HOST:PORT or a URL; OptionError where it is neither."""
        url = urllib.parse.urlsplit(master if "://" in master else f"http://{master}")
        try:
            host, port = url.hostname, url.port
        except ValueError:
            host = port = None
        if not host or url.scheme not in ("http", "https"):
            raise OptionError(f"--flink-master {master!r} is no address: give HOST:PORT of its UI")
        return cls(url.scheme == "https", host, port or (443 if url.scheme == "https" else 8081))

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Return the answer to a request; OSError or ValueError where there is none."""
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), _JSON)
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{self.host}:{self.port} does not speak HTTP: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise OSError(f"{self.host}:{self.port} answers {answer.status}")
        return json.loads(content or b"{}")

    def cancel(self, job_name: str) -> None:
        """Stop the jobs of a name, and wait until they have: Beam's cancel leaves them running.

        Raises OSError where Flink does not answer, TimeoutError where it does not stop them.
        """
        deadline = time.monotonic() + _CANCEL_SECONDS
        while running := self._running(job_name):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Flink's job {job_name} did not stop")
            for job in running:
                self.ask(f"/jobs/{job}?mode=cancel", "PATCH")
            time.sleep(0.5)

    def save(self, job_name: str, folder: str, seconds: float) -> str:
        """Stop the job of a name with a savepoint below a folder, and return where that is.

        Raises OSError where Flink does not answer or says that none was made, TimeoutError where
        it takes longer than the seconds.
        """
        jobs = self._running(job_name)
        if not jobs:
            raise OSError(f"no job {job_name} runs")
        savepoints = f"/jobs/{jobs[0]}/savepoints"
        # Not /stop: state was lost by it once.
        body = {"cancel-job": True, "target-directory": folder}
        asked = self.ask(savepoints, "POST", body)["request-id"]
        deadline = time.monotonic() + seconds
        while (found := self.ask(f"{savepoints}/{asked}"))["status"]["id"] != "COMPLETED":
            if time.monotonic() > deadline:
                raise TimeoutError(f"none after {seconds:g} s")
            time.sleep(0.2)
        if "location" not in found["operation"]:
            cause = str(found["operation"].get("failure-cause", {}).get("class", "no reason given"))
            raise OSError(f"Flink made none, {cause}; its job manager's log says more")
        return str(found["operation"]["location"])

    def _running(self, job_name: str) -> list[str]:
        jobs = self.ask("/jobs/overview")["jobs"]
        return [j["jid"] for j in jobs if j["name"] == job_name and j["state"] not in _ENDED]
