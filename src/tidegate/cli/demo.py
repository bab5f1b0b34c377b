"""`tidegate demo`."""

import os
import socket
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from .serving import report_configuration

if TYPE_CHECKING:
    from tidegate.process import Source

__all__ = ["demo", "make_source", "reachable", "render_examples"]

CURL = """\
curl -N {url}/v1/chat/completions -H 'Content-Type: application/json' \\
  -d '{{"model": "demo/echo", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'
"""

OPENAI = """\
from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="any")
messages = [{{"role": "user", "content": "Hello"}}]
for chunk in client.chat.completions.create(model="demo/echo", messages=messages, stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
"""

ANTHROPIC = """\
from anthropic import Anthropic

client = Anthropic(base_url="{url}", api_key="any")
messages = [{{"role": "user", "content": "Hello"}}]
with client.messages.stream(model="demo/echo", max_tokens=500, messages=messages) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
"""

EXAMPLES = {
    "curl, streaming": CURL,
    "Python, OpenAI SDK": OPENAI,
    "Python, Anthropic SDK": ANTHROPIC,
}


def demo(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve only the demo provider: no key, no configuration, no network."""
    from tidegate.demo.models import MODELS
    from tidegate.process import serve

    _check_port(host, port)
    url = f"http://{reachable(host)}:{port}"
    typer.echo(f"Tidegate with its demo provider is at {url} (Ctrl-C stops it). Examples:\n", err=True)
    for heading, code in render_examples(url).items():
        typer.echo(f"# {heading}\n{code}", err=True)
    typer.echo(
        f"# More models, most of which simulate failures:\n{_in_lines([f'demo/{name}' for name in MODELS])}",
        err=True,
    )
    typer.echo(f"# API reference: {url}/docs\n", err=True)
    source = make_source(host, port)
    report_configuration(source)
    serve(source)


def make_source(host: str, port: int) -> "Source":
    """A configuration with only the demo, regardless of the environment."""
    from tidegate.config import Config, ProviderConfig, Server
    from tidegate.process import Source

    config = Config(server=Server(host=host, port=port), providers={"demo": ProviderConfig(kind="demo")})

    class DemoSource(Source):
        def read(self) -> Config:
            return config

    return DemoSource(None, Path.cwd(), {})


def render_examples(url: str) -> dict[str, str]:
    """Examples by heading."""
    return {heading: code.format(url=url) for heading, code in EXAMPLES.items()}


def _check_port(host: str, port: int) -> None:
    """Exit before the welcome is printed if the port is taken."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        typer.echo(f"cannot listen on {host}:{port}: {reason} (choose another with --port)", err=True)
        raise typer.Exit(1) from None


def _in_lines(names: list[str], width: int = 78) -> str:
    """Names, wrapped only between names."""
    return fill(", ".join(names), width, break_long_words=False, break_on_hyphens=False)


def reachable(host: str) -> str:
    """An address that reaches a server which listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 compared, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
