"""The three sizes of "Adding a provider": the examples of its page run, and mistakes are reported."""

import json as jsonlib
import re
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from recordings import splits
from running import Gateway, parse_config
from simulator import Simulator, json, stream
from tidegate.config import ConfigError, kinds
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.events import Failed, Finished, Started, TextDelta, UsageReported
from tidegate.providers import protocol_named

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-provider.md").read_text()
KEY = "sk-upstream-0123456789"
ANSWER = {
    "id": "chatcmpl-7",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "High."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
LINES = (
    {"id": "s1", "by": "anvil-1", "text": "The tide "},
    {"text": "is high."},
    {"why": "full", "read": 3, "written": 2},
)
WHOLE = {"id": "s1", "by": "anvil-1", "text": "The tide is high.", "why": "full", "read": 3, "written": 2}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "tide", "schema": {"type": "object"}}}


def example(file: str) -> str:
    """The block of the page that is this file."""
    found = re.search(rf"```\w+\n# {re.escape(file)}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def blocks(lines: Any) -> bytes:
    return b"".join(jsonlib.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is installed is looked at once in a process; here it changes."""
    kinds.cache_clear()
    protocol_named.cache_clear()
    yield
    kinds.cache_clear()
    protocol_named.cache_clear()


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, entry_points: str, files: dict[str, str]) -> None:
        info = self.folder / f"{name.replace('-', '_')}-1.0.dist-info"
        files = {
            **files,
            f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{info.name}/entry_points.txt": entry_points,
        }
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    def install_rows(self, rows: str, module: str = "some_rows", name: str = "some-rows") -> None:
        files = {f"{module}/__init__.py": "", f"{module}/rows.toml": rows}
        self.install(name, f"[tidegate.rows]\nit = {module}\n", files)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield Site(tmp_path)
    for name in sys.modules.keys() - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def install_as_printed(site: Site, package: str, without: str = "") -> None:
    """Install a package of the page as its pyproject.toml and its files are printed, but `without` a text."""
    project = tomllib.loads(example(f"{package}/pyproject.toml"))
    assert project["build-system"] == {"requires": ["hatchling"], "build-backend": "hatchling.build"}
    groups = project["project"]["entry-points"]
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in modules.items())
        for group, modules in groups.items()
    )
    files = re.findall(rf"^# {package}/(\w+/.+)$", PAGE, re.MULTILINE)
    texts = {file: example(f"{package}/{file}").replace(without, "") for file in files}
    # Hatchling takes the folder that is called like the project, where it is a package.
    assert f"{project['project']['name'].replace('-', '_')}/__init__.py" in texts
    site.install(project["project"]["name"], points, texts)


@pytest.fixture
def acme(site: Site) -> Site:
    install_as_printed(site, "tidegate-acme")
    return site


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


OTHERS = """
[providers.good]
kind = "demo"
[models.m]
candidates = ["mine/a", "good/chat"]
[models.n]
candidates = ["good/chat"]
"""


def warnings_of(text: str) -> list[str]:
    """The warnings about `mine`, without which everything else is there."""
    config = parse_config(text)
    assert list(config.providers) == ["good"]
    candidates = {name: model.candidates for name, model in config.models.items()}
    assert candidates == {"m": ("good/chat",), "n": ("good/chat",)}
    return list(config.warnings)


def wrong(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    return caught.value.lines


# --- in tidegate.toml --------------------------------------------------------------------------


@pytest.fixture
async def harbour(provider: Simulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    text = example("tidegate.toml").replace("https://llm.harbour.example", provider.url)
    provider.answer(json(ANSWER))
    async with Gateway(more=text.replace("env:HARBOUR_KEY", KEY)) as gateway:
        yield gateway


async def test_a_few_lines_in_the_file_are_a_provider(harbour: Gateway, provider: Simulator) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "How high?"}]
    body = {"messages": messages, "max_completion_tokens": 9, "seed": 1, "response_format": SCHEMA}
    reply = await harbour.chat("harbour/m", **body)
    assert reply.json["choices"][0]["message"]["content"] == "High."
    assert reply.headers["x-tidegate-dropped"] == "seed"
    asked = provider.requests[0]
    assert asked.path == "/v1/chat/completions"
    assert (asked.headers["authorization"], asked.headers["x-team"]) == (f"Bearer {KEY}", "tides")
    assert asked.json["max_tokens"] == 9
    assert asked.json["response_format"] == {"type": "json_object"}
    assert {message["role"] for message in asked.json["messages"]} == {"system", "user"}
    assert (await harbour.chat("quay-mini")).status == 200
    assert provider.requests[-1].json["model"] == "quay-mini"
    assert not asked.json.keys() & {"max_completion_tokens", "seed"}


async def test_unsupported_settings_of_the_file_are_refused_by_name(
    harbour: Gateway, provider: Simulator
) -> None:
    tool = {"type": "function", "function": {"name": "look"}}
    for asked in ({"tools": [tool]}, {"n": 2}):
        reply = await harbour.chat("harbour/m", **asked)
        assert (reply.status, reply.error["param"]) == (400, next(iter(asked)))
    assert provider.requests == []


async def test_a_dialect_overrides_the_row_of_any_kind(provider: Simulator) -> None:
    provider.answer(json(ANSWER))
    more = '[providers.sim.dialect]\ndrops = ["user"]\nseed_field = "grain"'
    sim = f'[providers.sim]\nkind = "groq"\nbase_url = "{provider.url}"\napi_key = "{KEY}"\n'
    async with Gateway(more=sim + more) as gateway:
        await gateway.chat("sim/m", user="u-1", seed=5, logit_bias={"1": 1})
    asked = provider.requests[0].json
    assert asked["grain"] == 5
    assert "user" not in asked
    assert asked["logit_bias"] == {"1": 1}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            'limit_feild = "max_tokens"',
            "dialect.limit_feild: the wire format openai_chat has no key limit_feild "
            '(did you mean "limit_field"?)',
        ),
        (
            'limit_field = "max"',
            'dialect.limit_field: expected "max_tokens" or "max_completion_tokens", not "max"',
        ),
        ("media = 3", "dialect.media: expected a list, got an integer"),
        ('schemas = "none"', 'dialect.schemas: expected "native", "prompt" or "refused", not "none"'),
    ],
)
def test_a_wrong_difference_is_reported_with_its_line(line: str, complaint: str) -> None:
    text = f'[providers.x]\nkind = "ollama"\n[providers.x.dialect]\ntop_k = true\n{line}\n'
    assert wrong(text) == (f"tidegate.toml:5: providers.x.{complaint}",)


def test_a_difference_belongs_to_the_wire_format_at_the_address() -> None:
    text = '[providers.x]\nkind = "azure"\napi_key = "k"\nbase_url = "https://a.example/anthropic"\n'
    assert parse_config(text + 'dialect = { count_path = "" }').providers["x"].dialect == {"count_path": ""}
    assert (
        "the wire format anthropic has no key limit_field"
        in wrong(text + 'dialect = { limit_field = "max_tokens" }')[0]
    )


# --- a row ---------------------------------------------------------------------------------------


async def test_a_row_is_a_kind_with_its_variables_and_names(site: Site, provider: Simulator) -> None:
    install_as_printed(site, "tidegate-northwind")
    config = parse_config("", {"NORTHWIND_API_KEY": KEY, "NORTHWIND_BASE_URL": f"{provider.url}/v1"})
    assert config.providers["northwind"].kind == "northwind"
    head = {**ANSWER, "object": "chat.completion.chunk"}
    deltas = [{"role": "assistant", "content": piece} for piece in ("Hi", "gh.")]
    chunks = [
        {**head, "usage": None, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in zip(deltas, (None, "stop"), strict=True)
    ]
    provider.answer(
        stream([f"data: {jsonlib.dumps(one)}\n\n".encode() for one in chunks] + [b"data: [DONE]\n\n"])
    )
    async with Gateway({"sim": ("northwind", f"{provider.url}/v1")}) as gateway:
        reply = await gateway.chat("gale-mini", stream=True, max_completion_tokens=9)
    assert reply.text == "High."
    assert [chunk["choices"][0]["delta"].get("role") for chunk in reply.chunks] == ["assistant", None]
    assert provider.requests[0].path == "/v1/chat/completions"
    assert provider.requests[0].json["max_tokens"] == 9


ROW = '[{name}]\nlabel = "X"\ndocs = "https://x.example"\nprotocol = "openai_chat"\n'


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("[x", "rows.toml of some_rows cannot be read: "),
        ('[x]\nlabel = "X"', 'the row "x": Object missing required field `docs`'),
        ("x = 1", 'the row "x": '),
        (ROW.format(name="openai"), 'the row "openai" already exists, from Tidegate'),
        (ROW.format(name="x") + "colour = 1", 'the row "x": Object contains unknown field `colour`'),
        (
            ROW.format(name="x") + 'options = { colour = "x-colour" }',
            'the row "x": providers have no setting colour',
        ),
    ],
)
def test_a_wrong_row_is_reported_with_its_package(site: Site, rows: str, complaint: str) -> None:
    site.install_rows(rows)
    config = parse_config(OTHERS.replace('"mine/a", ', ""))
    assert list(config.providers) == ["good"]
    [line] = config.warnings
    assert line.startswith(f"the package some-rows 1.0: {complaint}")


def test_a_package_that_cannot_be_imported_stops_only_its_provider(site: Site) -> None:
    module = {"bad_rows/__init__.py": "this is no Python", "bad_rows/rows.toml": ROW.format(name="bad")}
    site.install("bad-rows", "[tidegate.rows]\nbad = bad_rows\n", module)
    [package, provider] = warnings_of(
        OTHERS + '[providers.mine]\nkind = "bad"\nbase_url = "https://x.example"'
    )
    assert package.startswith("the package bad-rows 1.0: rows.toml of bad_rows cannot be read: ")
    assert provider == 'tidegate.toml:9: the provider "mine" is disabled'


def test_a_model_that_nobody_else_serves_goes_with_its_provider(site: Site) -> None:
    site.install_rows("[x", "gone_rows")
    text = '[providers.mine]\nkind = "it"\n[models.m]\ncandidates = ["mine/a"]\n[prices."mine/a"]\ninput = 1'
    config = parse_config(text)
    assert (dict(config.providers), dict(config.models), dict(config.prices)) == ({}, {}, {})
    assert config.warnings[-1] == 'tidegate.toml:4: no provider is left to serve the model "m"'


def test_a_duplicate_row_is_reported_with_both_packages(site: Site) -> None:
    site.install_rows(ROW.format(name="x"))
    site.install_rows(ROW.format(name="x"), "more_rows", "more-rows")
    assert list(parse_config("").warnings) == [
        'the package some-rows 1.0: the row "x" already exists, from more-rows 1.0'
    ]
    assert kinds()["x"].package == "more-rows 1.0"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (
            ROW.replace("openai_chat", "openai_chart"),
            'unknown wire format "openai_chart" (did you mean "openai_chat"?)',
        ),
        (ROW + "dialect = { media = 3 }", "its dialect: expected a list, got an integer"),
        (ROW + "dialect = { medium = 3 }", "its dialect: object contains unknown field `medium`"),
    ],
)
def test_a_row_that_its_wire_format_does_not_fit_is_reported_where_it_is_used(
    site: Site, row: str, complaint: str
) -> None:
    site.install_rows(row.replace("{name}", "x"))
    assert parse_config("").providers == {}
    text = '[providers.mine]\nkind = "x"\nbase_url = "https://x.example"\napi_key = "k"'
    source = 'the row "x" of the package some-rows 1.0'
    assert warnings_of(OTHERS + text) == [
        f'tidegate.toml:9: the provider "mine" is disabled: {source}: {complaint}'
    ]


def test_nothing_that_is_installed_changes_what_is_there(site: Site) -> None:
    own = list(kinds())
    kinds.cache_clear()
    install_as_printed(site, "tidegate-northwind")
    assert list(kinds()) == [*own, "northwind"]


# --- a wire format -------------------------------------------------------------------------------


@pytest.mark.usefixtures("acme")
async def test_a_wire_format_of_a_package_answers_every_door(provider: Simulator) -> None:
    provider.answer(json(WHOLE))
    async with Gateway({"acme": ("acme", provider.url)}) as gateway:
        chat = await gateway.chat("anvil-1", max_tokens=2, temperature=1, n=1)
        said = {"model": "anvil-1", "max_tokens": 2, "messages": [{"role": "user", "content": "Hello"}]}
        message = await gateway.post("/v1/messages", said)
        response = await gateway.post("/v1/responses", {"model": "anvil-1", "input": "Hello"})
    assert chat.json["choices"][0]["message"]["content"] == WHOLE["text"]
    assert chat.json["choices"][0]["finish_reason"] == "length"
    assert chat.json["usage"]["total_tokens"] == 5
    assert chat.headers["x-tidegate-dropped"] == "temperature"
    assert message.json["content"] == [{"type": "text", "text": WHOLE["text"], "citations": None}]
    assert message.json["stop_reason"] == "max_tokens"
    assert response.json["output"][0]["content"][0]["text"] == WHOLE["text"]
    asked = provider.requests[0]
    assert (asked.path, asked.headers["x-api-key"]) == ("/say", KEY)
    assert asked.json == {
        "model": "anvil-1",
        "lines": [{"by": "user", "text": "Hello"}],
        "most": 2,
        "live": False,
    }


CUT_OFF = stream(
    [b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"The tide"}}]}\n\n'],
    framing="length",
    declares=1000,
    ending="close",
)


@pytest.mark.parametrize("without", ["", '"continues", '])
async def test_no_wire_format_continues_an_answer_that_does_not_say_so(
    site: Site, provider: Simulator, without: str
) -> None:
    """One that was written before there was such a thing would begin the answer anew."""
    install_as_printed(site, "tidegate-acme", without)
    provider.answer(stream([blocks([line]) for line in LINES]))
    async with Simulator() as first:
        first.answer(CUT_OFF)
        providers = {"a": ("vllm", first.url), "b": ("acme", provider.url)}
        more = '[models."m"]\ncandidates = ["a/m", "b/anvil-1"]'
        async with Gateway(providers, more=more, routing="resume = true\nretries = 0") as gateway:
            reply = await gateway.chat("m", stream=True)
            record = await gateway.record()
    assert provider.requests == []
    assert (reply.text, "error" in reply.chunks[-1]) == ("The tide", True)
    assert [one["reason"] for one in record["skipped"]] == ["unsupported_feature: continues"]


@pytest.mark.usefixtures("acme")
async def test_a_wire_format_of_a_package_streams(provider: Simulator) -> None:
    provider.answer(stream([blocks([line]) for line in LINES]))
    async with Gateway({"acme": ("acme", provider.url)}) as gateway:
        reply = await gateway.chat("anvil-1", stream=True, stream_options={"include_usage": True})
    assert reply.text == WHOLE["text"]
    assert reply.chunks[-1]["usage"]["total_tokens"] == 5
    assert reply.events[-1] == "[DONE]"


@pytest.mark.usefixtures("acme")
async def test_a_wire_format_of_a_package_refuses_and_fails_in_the_doors_words(provider: Simulator) -> None:
    provider.answer(json({"problem": "too many anvils"}, 429, {"retry-after": "7"}))
    async with Gateway({"acme": ("acme", provider.url)}) as gateway:
        limited = await gateway.chat("anvil-2")
        pictured = await gateway.chat("anvil-1", messages=[{"role": "user", "content": [IMAGE]}])
        formed = await gateway.chat("anvil-1", response_format=SCHEMA)
        provider.stream([blocks(LINES[:1]), b'{"problem": "the anvil broke"}\n'], gap_s=0.02)
        broken = await gateway.chat("anvil-1", stream=True)
    assert (limited.status, limited.error["message"]) == (429, "too many anvils")
    assert limited.headers["retry-after"] == "7"
    assert (pictured.status, pictured.error["param"]) == (400, "messages")
    assert (formed.status, formed.error["code"]) == (400, "unsupported_feature")
    assert jsonlib.loads(broken.events[-1])["error"]["message"] == "the anvil broke"
    assert len(provider.requests) == 2


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("data", [blocks(LINES), jsonlib.dumps(WHOLE).encode()], ids=["stream", "whole"])
def test_the_reader_of_the_page_gives_the_same_however_its_input_is_split(data: bytes) -> None:
    acme = protocol_named("acme")
    for pieces in splits(data):
        reader = acme.reader(Call("/say", b"", True), Target("m", acme.dialect()))
        events = [event for piece in pieces for event in reader.feed(piece)] + reader.close()
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == WHOLE["text"]
        others = [type(event) for event in events if not isinstance(event, TextDelta)]
        assert others == [Started, Finished, UsageReported]


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("data", [b"", b"{", b"[]\n", blocks(LINES[:2]), b"\xff\n"])
def test_the_reader_of_the_page_fails_for_what_is_no_answer(data: bytes) -> None:
    acme = protocol_named("acme")
    reader = acme.reader(Call("/say", b"", True), Target("m", acme.dialect()))
    assert isinstance([*reader.feed(data), *reader.close()][-1], Failed)


BROKEN = {
    "import nowhere_at_all": "ModuleNotFoundError: No module named 'nowhere_at_all'",
    "PROTOCOLS = 1": "AttributeError: module 'broken_{n}' has no attribute 'PROTOCOL'",
    "PROTOCOL = object()": "PROTOCOL of broken_{n} has no name, dialect, forwarded_headers, carries, "
    "render_request, reader, parse_error, render_count, parse_count (see tidegate.protocols.contract)",
    "from tidegate.protocols.cohere import PROTOCOL": 'PROTOCOL.name is "cohere"',
}


@pytest.mark.parametrize(("n", "code"), list(enumerate(BROKEN)))
def test_a_wire_format_that_cannot_be_used_is_reported_with_its_package(
    site: Site, n: int, code: str
) -> None:
    module = f"broken_{n}"
    row = ROW.format(name="odd").replace("openai_chat", "odd")
    points = f"[tidegate.formats]\nodd = {module}\n[tidegate.rows]\nodd = {module}_rows\n"
    files = {f"{module}.py": code, f"{module}_rows/__init__.py": "", f"{module}_rows/rows.toml": row}
    site.install("tidegate-odd", points, files)
    assert parse_config("").providers == {}
    complaint = BROKEN[code].format(n=n)
    assert warnings_of(OTHERS + '[providers.mine]\nkind = "odd"\nbase_url = "https://odd.example"') == [
        'tidegate.toml:9: the provider "mine" is disabled: '
        f"the package tidegate-odd 1.0: the wire format odd: {complaint}"
    ]
