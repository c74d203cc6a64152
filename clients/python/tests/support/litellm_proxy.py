"""LiteLLM's proxy in processes of its own, in front of the fake provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from spendgate.testing import FakeProvider
from tests.support.service import ROOT, Service, eventually, free_port

WORKERS = 4
MASTER_KEY = "sk-" + "0123456789abcdef" * 2
_START_SECONDS_MAX = 240


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def client(self) -> openai.OpenAI:
        """OpenAI's client in front of the proxy; what it sends is sent once."""
        return openai.OpenAI(
            base_url=f"{self.url}/v1", api_key=MASTER_KEY, max_retries=0, timeout=120
        )

    def workers(self) -> int:
        """How many processes serve."""
        return self.log.read_text(encoding="utf-8").count("Application startup complete")


def configuration(provider: FakeProvider) -> dict[str, Any]:
    """Two models, two retries, and the callback."""
    deployments = {"smart": ("openai/gpt-4o", provider.openai_url)}
    deployments["claude"] = ("anthropic/claude-sonnet-4-6", provider.url)
    deployments["embed"] = ("openai/text-embedding-3-small", provider.openai_url)
    return {
        "model_list": [
            {
                "model_name": name,
                "litellm_params": {"model": model, "api_base": url, "api_key": "not-a-key"},
            }
            for name, (model, url) in deployments.items()
        ],
        "litellm_settings": {
            "callbacks": "spendgate.integrations.litellm_proxy.guard",
            "telemetry": False,
        },
        "router_settings": {"num_retries": 2, "retry_after": 0, "disable_cooldowns": True},
        "general_settings": {"master_key": MASTER_KEY},
    }


@contextmanager
def running_proxy(service: Service, provider: FakeProvider, folder: Path) -> Iterator[Proxy]:
    """The proxy with its workers; its log is a file in the folder."""
    configured, log = folder / "config.yaml", folder / "proxy.log"
    configured.write_text(json.dumps(configuration(provider)), encoding="utf-8")
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("litellm")), "--config", str(configured),
        "--host", "127.0.0.1", "--port", str(port), "--num_workers", str(WORKERS),
        "--run_gunicorn",  # loads LiteLLM once and forks the workers
    ]  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "clients/python/src"),
        "SPENDGATE_URL": service.url,
        "SPENDGATE_API_KEY": service.caller_key,
        "SPENDGATE_SUBJECTS": "app=gateway",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder
        )
    proxy = Proxy(f"http://127.0.0.1:{port}", process, log)
    try:
        started = eventually(
            lambda: proxy.workers() == WORKERS or process.poll() is not None,
            seconds=_START_SECONDS_MAX,
        )
        assert started, log.read_text(encoding="utf-8")[-2000:]
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        yield proxy
    finally:
        process.terminate()
        process.wait(60)
