#!/usr/bin/env python3
"""The architecture's rules, and the check that enforces them.

`python scripts/check_architecture.py` reads the source (it imports nothing of it) and prints
each breach with the law and its reason; the exit status is 1 if there is any. Standard library
only, so that it runs before anything is installed.

To change a law, change the table and say why in the reason beside it. The tests in
`tests/test_architecture.py` break every law once and see it noticed.
"""

import ast
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

HOUSE = Path(__file__).resolve().parents[1] / "src" / "tidegate"
ROOT = "tidegate"


# --- the tables --------------------------------------------------------------------------------


class Room(NamedTuple):
    """A package (or a module at the top) and what of ours it may import."""

    may_import: frozenset[str]
    reason: str


def room(names: str, reason: str) -> Room:
    """A row of the table; the names are separated by blanks."""
    return Room(frozenset(names.split()), reason)


ROOMS = {
    "protocols": room("", "wire formats turn bytes into events and work without a gateway"),
    "http": room("", "HTTP is independent of the content that it carries"),
    "config": room("protocols", "settings do not depend on the code that uses them"),
    "catalog": room("protocols", "facts about models are data, independent of requests"),
    "money": room("catalog config protocols", "prices are data, and costs are computed without a request"),
    "providers": room(
        "catalog config http protocols",
        "a service is data over a wire format; its URLs and headers are rendered once",
    ),
    "accounts": room(
        "bus config money periodic protocols store",
        "callers, their limits and their funds do not depend on what they request",
    ),
    "store": room("figures money protocols", "it stores data; access and costs are decided elsewhere"),
    "upstream": room("http protocols", "it transfers bytes, and maps failures to the gateway's errors"),
    "bus": room("", "messages are bytes; only their senders and receivers interpret them"),
    "wording": room("", "how a number is told does not depend on what it counts"),
    "periodic": room("", "a round of work is repeated, whatever it does"),
    "meters": room("", "statistics are independent of what they measure"),
    "figures": room(
        "bus meters money periodic protocols",
        "figures are sums of what happened, wherever they are kept and shown",
    ),
    "routing": room(
        "catalog config meters money protocols providers",
        "rules without a clock, sockets or coroutines: the caller passes the time",
    ),
    "sharing": room("bus routing", "it transfers the routers' state, and decides nothing"),
    "hosts": room(
        "accounts bus config protocols store",
        "it connects what one host counts and says with a server that all hosts share",
    ),
    "live": room("accounts bus", "it collects what workers know of their open requests"),
    "recent": room("bus protocols", "items are bytes; only the wire format that wrote them interprets them"),
    "traces": room("config", "spans are made of what they are given, and exported by a library"),
    "alerts": room("bus routing", "events are sent through a library, independently of requests"),
    "observe": room(
        "config meters money protocols", "records describe what happened and do not influence it"
    ),
    "demo": room("protocols", "it is called over a socket like any other provider"),
    "exchange": room(
        "accounts catalog config figures http money observe protocols providers routing store traces "
        "upstream",
        "it combines parts that do not depend on it",
    ),
    "probing": room(
        "bus exchange protocols providers routing upstream",
        "a probe is a call without a client; only the router receives its result",
    ),
    "browsers": room("config exchange http protocols", "access from browsers is the same for all doors"),
    "doors": room(
        "accounts bus catalog config exchange figures money protocols providers recent",
        "a door implements the HTTP surface of a dialect and starts exchanges, or shows callers theirs",
    ),
    "control": room(
        "accounts catalog config figures money observe protocols providers store",
        "the control plane describes the data plane, manages its accounts and never delays it",
    ),
    "check": room(
        "config demo exchange observe protocols providers upstream",
        "a check calls providers the way a client's request does",
    ),
    "bookkeeping": room(
        "accounts alerts bus config money observe store",
        "it assembles what works with the store, and is imported only where there is one",
    ),
    "callers": room(
        "accounts bookkeeping config upstream", "it assembles who may call, and who accounts for them"
    ),
    "plane": room(
        "browsers config control doors exchange figures http live store",
        "it assembles what a reload replaces",
    ),
    "app": room(
        "accounts alerts bookkeeping browsers bus callers catalog config doors exchange figures hosts http "
        "live money observe plane probing protocols providers recent routing sharing store traces upstream",
        "it assembles the parts of the data plane",
    ),
    "process": room("app bus config http observe", "the process is independent of requests"),
    "asgi": room("app config process", "the application for other ASGI servers"),
    "cli": room(
        "accounts app catalog check config demo money observe process protocols providers routing store "
        "upstream",
        "commands are entry points; nothing imports them",
    ),
    "__main__": room("cli", "`python -m tidegate` is the command line"),
    "__init__": room("", "importing the package costs nothing"),
}
"""Who may import whom. Every room may import itself."""

EVERYWHERE = frozenset(["__version__", "wording"])
"""What every room may import besides."""

SHARED_VOCABULARY = frozenset(
    [
        "adapted",
        "continuation",
        "contract",
        "depth",
        "errors",
        "events",
        "excerpt",
        "faults",
        "ids",
        "limit_headers",
        "media",
        "profile",
        "noise",
        "retry_after",
        "sought",
        "sse",
        "task",
        "turn",
        "usage",
    ]
)
"""The modules of protocols/ that belong to no single wire format."""

KNOW_FORMATS_BY_CONTRACT = {
    "doors": "a door asks for its protocol by name in providers/, where users' own formats are known too",
    "exchange": "it works for every wire format, those of users' own packages included",
    "upstream": "it carries bytes",
    "observe": "it counts what every wire format reports in the same classes",
    "figures": "it counts what every wire format reports in the same classes",
}
"""Rooms that import only SHARED_VOCABULARY of protocols/."""

LAZY = {
    "control": "FastAPI takes longer to import than all the rest: it is loaded when somebody opens its pages",
}
"""Rooms that may be imported inside a function only."""


class Ban(NamedTuple):
    """A library or call that only some rooms may use."""

    name: str
    """Dotted; a library stands for all that is in it."""
    allowed_in: frozenset[str]
    instead: str


def ban(name: str, allowed_in: str, instead: str) -> Ban:
    """A row of the table; the rooms are separated by blanks."""
    return Ban(name, frozenset(allowed_in.split()), instead)


BANNED_LIBRARIES = [
    ban(
        "aiohttp",
        "upstream demo",
        "tidegate.upstream.Pool: aiohttp fetches media (upstream/fetch.py) and serves the demo provider",
    ),
    ban("httptools", "http", "tidegate.upstream.Pool, and the server: http/ is what speaks HTTP"),
    ban("aiohappyeyeballs", "http", "tidegate.upstream.Pool: only http/ makes connections"),
    ban("httpx", "", "tidegate.upstream.Pool: a second pool, and a slower one"),
    ban("requests", "", "tidegate.upstream.Pool: it blocks the event loop"),
    ban("urllib.request", "", "tidegate.upstream.Pool: it blocks the event loop"),
    ban("http.client", "cli", "tidegate.upstream.Pool: it blocks the event loop"),
    ban("openai", "", "our own wire formats: an SDK retries and renames by itself"),
    ban("anthropic", "", "our own wire formats: an SDK retries and renames by itself"),
    ban("google", "", "our own wire formats: an SDK retries and renames by itself"),
    ban("sqlite3", "store", "only store/ talks to databases"),
    ban("sqlalchemy", "store", "only store/ talks to databases"),
    ban("alembic", "store", "only store/ talks to databases"),
    ban("asyncpg", "store", "only store/ talks to databases"),
    ban("psycopg", "store", "only store/ talks to databases"),
    ban("aiosqlite", "store", "only store/ talks to databases"),
    ban("valkey", "store", "only store/ talks to databases"),
    ban("jwt", "accounts", "accounts/jwt.py: tokens are verified in one place, with all their claims"),
    ban("fastapi", "control", "plain ASGI: FastAPI in front adds 100 µs to a request"),
    ban("starlette", "control", "plain ASGI: Starlette in front adds 43 µs to a request"),
    ban("pydantic", "control", "msgspec: pydantic takes 30 times as long to replace a model name"),
    ban("json", "check cli observe process", "msgspec.json: faster, and it checks types while it decodes"),
    ban("uvicorn", "", "tidegate.http.server: uvicorn is one of the servers that may run tidegate.asgi"),
    ban("typer", "cli", "only the command line speaks to a terminal"),
    ban("rich", "cli", "only the command line speaks to a terminal"),
    ban("tomllib", "config providers catalog", "config/, providers/ and catalog/ give objects"),
    ban("pickle", "", "msgspec: reading a pickle runs what is in it"),
]
EXCUSED = {
    ("protocols/gemini/reader.py", "json"): "raw_decode says where a value ends, which msgspec cannot",
    ("protocols/surrogates.py", "json"): "it reads and writes halves of UTF-16 pairs, which msgspec cannot",
}
"""Single files that may use a library, and why. An excuse that nothing needs is a breach."""

BANNED_CALLS = [
    ban("time.sleep", "", "asyncio.sleep: this stops every request of the worker"),
    ban("print", "cli", "a log record (observe/), or an answer: standard output belongs to the command line"),
    ban("input", "cli", "nothing waits for a terminal"),
    ban("eval", "", "code is not data"),
    ban("exec", "", "code is not data"),
    ban(
        "os.environ",
        "config process http",
        "Config: the environment is read once (process/ hands it to its workers, http/ finds proxies in it)",
    ),
    ban("os.getenv", "config", "Config: the environment is read once, in one place"),
]

IMPURE = {
    "asyncio": "the caller awaits",
    "logging": "what is worth a log line is returned",
    "pathlib": "bytes come as arguments",
    "socket": "only upstream/ talks to providers",
    "ssl": "only upstream/ talks to providers",
    "threading": "state belongs to one answer",
    "subprocess": "wire formats are functions of bytes",
    "importlib.resources": "data come as arguments",
}
"""What protocols/ may not import, with the reason."""

ANSWERS_CLIENTS = frozenset(["http", "control"])
"""The only rooms that may send the head of a response (control/ does so by FastAPI)."""

DELIVERY = "exchange/delivery.py"
"""The only layer of an exchange that writes an answer to the client."""

KNOWS_PROVIDERS = frozenset(["providers", "catalog"])
"""Rooms in which providers may be called by name: rows, profiles, catalog."""

ALSO_OTHER_NAMES = frozenset(["anthropic", "bedrock", "cohere", "demo", "gemini", "openai"])
"""Providers whose name is also that of a wire format, a door or a room: the name may be written,
but nothing may be decided by comparing with it."""

SAME_FORMAT = {
    ("protocols/llm_gate.py", "openai_chat"): "the dialect is OpenAI's in other words, and has no format",
    ("protocols/images/gemini.py", "gemini"): "images are asked for by the same generateContent",
}
"""Files of protocols/ that may import a wire format not their own, and why. An entry that nothing needs is
a breach."""

CIRCLES: frozenset[str] = frozenset()
"""Circles between modules that there are today. The list may only shrink."""

LONGEST_FUNCTION = 50

LONG_FUNCTIONS: dict[str, int] = {}
"""Functions that are longer today (`path:qualified name` -> lines). The list may only shrink."""


# --- the source, parsed ------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported name."""

    target: str
    """Dotted and absolute, with the name that a `from` import takes: `tidegate.protocols.sse.frame`."""
    line: int
    inside_function: bool


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: str
    """Below the house, with slashes."""
    tree: ast.Module

    @property
    def room(self) -> str:
        """The package that it belongs to, or its own name at the top."""
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def package(self) -> list[str]:
        """What a relative import with one dot starts from."""
        return [ROOT, *self.path.split("/")[:-1]]

    @cached_property
    def imports(self) -> list[Import]:
        """All imports, wherever they stand."""
        return list(self._walk_imports(self.tree, inside_function=False))

    def _walk_imports(self, node: ast.AST, inside_function: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inside = inside_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = self._base_of(child)
                yield from (Import(f"{base}.{alias.name}", child.lineno, inside) for alias in child.names)
            else:
                yield from self._walk_imports(child, inside)

    def _base_of(self, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        start = self.package[: len(self.package) - node.level + 1]
        return ".".join([*start, *([node.module] if node.module else [])])


@dataclass(frozen=True)
class Breach:
    """One place where a law is broken."""

    path: str
    line: int
    what: str
    reason: str


class Exceptions(NamedTuple):
    """What is allowed against the laws, place by place: see the tables of the same names."""

    long_functions: Mapping[str, int] = MappingProxyType({})
    excused: Mapping[tuple[str, str], str] = MappingProxyType({})
    same_format: Mapping[tuple[str, str], str] = MappingProxyType({})
    circles: frozenset[str] = frozenset()


NO_EXCEPTIONS = Exceptions()
TODAY = Exceptions(LONG_FUNCTIONS, EXCUSED, SAME_FORMAT, CIRCLES)


@dataclass
class House:
    """All modules, and the names of the providers."""

    modules: list[Module]
    providers: frozenset[str]
    exceptions: Exceptions

    @classmethod
    def read(cls, folder: Path, exceptions: Exceptions) -> "House":
        """Parse every file below the folder."""
        modules = [
            Module(
                path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8"), str(path))
            )
            for path in sorted(folder.rglob("*.py"))
        ]
        rows = folder / "providers" / "rows.toml"
        names = frozenset(tomllib.loads(rows.read_text(encoding="utf-8"))) if rows.is_file() else frozenset()
        return cls(modules, names, exceptions)


def our_parts(target: str) -> list[str] | None:
    """`tidegate.protocols.sse.frame` -> ["protocols", "sse", "frame"]; None if it is not ours."""
    head, *rest = target.split(".")
    return rest if head == ROOT and rest else None


def dotted(node: ast.expr) -> str:
    """The name that an expression spells, "" if it is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


# --- the laws ----------------------------------------------------------------------------------

Law = Callable[[House], Iterable[Breach]]
LAWS: dict[str, Law] = {}


def law(find: Law) -> Law:
    """Enter a function under the law that it keeps: its docstring."""
    LAWS[(find.__doc__ or "").rstrip(".")] = find
    return find


@law
def find_unknown_rooms(house: House) -> Iterable[Breach]:
    """Every room is in the table."""
    for module in house.modules:
        if module.room not in ROOMS:
            yield Breach(
                module.path,
                1,
                f"{module.room} is not in ROOMS",
                "a new package says what it may import, and why",
            )


@law
def find_forbidden_imports(house: House) -> Iterable[Breach]:
    """A room imports only what the table allows it."""
    for module in house.modules:
        allowed = ROOMS.get(module.room)
        for imported in module.imports:
            parts = our_parts(imported.target)
            if allowed is None or parts is None or parts[0] in {module.room, *EVERYWHERE}:
                continue
            if parts[0] not in allowed.may_import:
                yield Breach(module.path, imported.line, f"{module.room} imports {parts[0]}", allowed.reason)


@law
def find_circles(house: House) -> Iterable[Breach]:
    """No circular imports between rooms."""
    imports: dict[str, dict[str, tuple[str, int]]] = {}
    for module in house.modules:
        for imported in module.imports:
            parts = our_parts(imported.target)
            if parts and parts[0] != module.room and parts[0] in ROOMS:
                imports.setdefault(module.room, {}).setdefault(parts[0], (module.path, imported.line))
    for circle in circles({name: set(targets) for name, targets in imports.items()}):
        path, line = imports[circle[0]][circle[1]]
        yield Breach(path, line, " -> ".join(circle), "rooms in a circle are one room with several names")


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Each circle once, beginning and ending with its alphabetically first member."""
    found: list[list[str]] = []

    def walk(name: str, trail: list[str]) -> None:
        for target in sorted(graph.get(name, ())):
            if target == trail[0]:
                found.append([*trail, target])
            elif target > trail[0] and target not in trail:
                walk(target, [*trail, target])

    for name in sorted(graph):
        walk(name, [name])
    return found


@law
def find_module_circles(house: House) -> Iterable[Breach]:
    """No circular imports between modules, including those for type checking and within functions."""
    graph = module_graph(house.modules)
    unneeded = set(house.exceptions.circles)
    for circle in shortest_circles({path: set(targets) for path, targets in graph.items()}):
        text = " -> ".join(circle)
        unneeded.discard(text)
        if text not in house.exceptions.circles:
            reason = "modules in a circle are one module in pieces: what they share belongs below both"
            yield Breach(circle[0], graph[circle[0]][circle[1]], text, reason)
    for text in sorted(unneeded):
        yield Breach(text.split(" ")[0], 1, f"{text} is no circle any more", "take it off CIRCLES")


def module_graph(modules: list[Module]) -> dict[str, dict[str, int]]:
    """Which module imports which, and the line. A package's name stands for its `__init__`."""
    paths = {module_name(module.path): module.path for module in modules}
    graph: dict[str, dict[str, int]] = {}
    for module in modules:
        targets = graph.setdefault(module.path, {})
        for imported in module.imports:
            name = imported.target
            while name and name not in paths:
                name = name.rpartition(".")[0]
            # The package itself holds nothing but the version.
            if name and name != ROOT and paths[name] != module.path:
                targets.setdefault(paths[name], imported.line)
    return graph


def module_name(path: str) -> str:
    """`protocols/sse.py` -> `tidegate.protocols.sse`."""
    return ".".join([ROOT, *path.removesuffix(".py").split("/")]).removesuffix(".__init__")


def shortest_circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The shortest circle through each member that is in one; each circle once, beginning and ending with
    its alphabetically first member.
    """
    found: dict[tuple[str, ...], None] = {}
    for start in sorted(graph):
        circle = shortest_way_back(graph, start)
        if circle:
            first = circle.index(min(circle))
            found[(*circle[first:], *circle[:first], circle[first])] = None
    return [list(circle) for circle in found]


def shortest_way_back(graph: dict[str, set[str]], start: str) -> list[str]:
    """The members of the shortest circle through one, without its repetition; none if there is none."""
    came_from: dict[str, str] = {}
    near = [start]
    while near:
        further = []
        for name in near:
            for target in sorted(graph.get(name, ())):
                if target == start:
                    trail = [name]
                    while trail[-1] != start:
                        trail.append(came_from[trail[-1]])
                    return trail[::-1]
                if target not in came_from:
                    came_from[target] = name
                    further.append(target)
        near = further
    return []


@law
def find_borrowed_formats(house: House) -> Iterable[Breach]:
    """A wire format never imports another, and shared modules import none."""
    formats = {
        module.path.split("/")[1]
        for module in house.modules
        if module.room == "protocols" and module.path.count("/") > 1
    }
    unneeded = set(house.exceptions.same_format)
    for module in house.modules:
        owner = module.path.split("/")[1] if module.room == "protocols" else ""
        for imported in module.imports if owner else ():
            parts = our_parts(imported.target) or []
            named = parts[1] if parts[:1] == ["protocols"] and len(parts) > 1 else ""
            if named not in formats or named == owner:
                continue
            unneeded.discard((module.path, named))
            if (module.path, named) not in house.exceptions.same_format:
                what = f"{owner.removesuffix('.py')} imports the wire format {named}"
                reason = "a format changes with its provider: what two share is a module of protocols/ itself"
                yield Breach(module.path, imported.line, what, reason)
    for path, named in sorted(unneeded):
        yield Breach(path, 1, f"does not import {named} any more", "take it off SAME_FORMAT")


@law
def find_named_formats(house: House) -> Iterable[Breach]:
    """Doors, exchange, upstream and observe know wire formats by their contract, never by name."""
    for module in house.modules:
        reason = KNOW_FORMATS_BY_CONTRACT.get(module.room)
        for imported in module.imports if reason else ():
            parts = our_parts(imported.target) or []
            if parts[:1] == ["protocols"] and len(parts) > 1 and parts[1] not in SHARED_VOCABULARY:
                yield Breach(
                    module.path, imported.line, f"{module.room} imports protocols.{parts[1]}", reason or ""
                )


@law
def find_eager_imports(house: House) -> Iterable[Breach]:
    """The control plane is imported lazily."""
    for module in house.modules:
        for imported in module.imports:
            parts = our_parts(imported.target)
            if parts and parts[0] in LAZY and module.room != parts[0] and not imported.inside_function:
                yield Breach(
                    module.path, imported.line, f"{parts[0]} is imported at import time", LAZY[parts[0]]
                )


@law
def find_borrowed_privates(house: House) -> Iterable[Breach]:
    """Names that start with an underscore are private to their room."""
    for module in house.modules:
        for imported in module.imports:
            parts = our_parts(imported.target) or []
            private = [part for part in parts[1:] if part.startswith("_")]
            if private and parts[0] != module.room:
                yield Breach(
                    module.path,
                    imported.line,
                    f"{'.'.join(parts)} is private",
                    "make it public there, or do without",
                )


@law
def find_banned_libraries(house: House) -> Iterable[Breach]:
    """A library is used only where it belongs."""
    unused = set(house.exceptions.excused)
    for module in house.modules:
        for imported, banned in banned_imports(module):
            unused.discard((module.path, banned.name))
            if (module.path, banned.name) not in house.exceptions.excused:
                yield Breach(
                    module.path, imported.line, f"{module.room} imports {banned.name}", banned.instead
                )
    for path, name in sorted(unused):
        yield Breach(path, 1, f"does not import {name} any more", "take it off EXCUSED")


def banned_imports(module: Module) -> Iterator[tuple[Import, Ban]]:
    """What a module imports that its room may not."""
    for imported in module.imports:
        for banned in BANNED_LIBRARIES:
            taken = imported.target == banned.name or imported.target.startswith(banned.name + ".")
            if taken and module.room not in banned.allowed_in:
                yield imported, banned


@law
def find_banned_calls(house: House) -> Iterable[Breach]:
    """A call is made only where it belongs."""
    for module in house.modules:
        for imported in module.imports:
            for banned in BANNED_CALLS:
                if imported.target == banned.name and module.room not in banned.allowed_in:
                    yield Breach(
                        module.path, imported.line, f"{module.room} uses {banned.name}", banned.instead
                    )
        called = {node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Attribute | ast.Name):
                continue
            for banned in BANNED_CALLS:
                # A builtin is a breach when called; a name of a library also when only referred to.
                used = dotted(node) == banned.name and ("." in banned.name or node in called)
                if used and module.room not in banned.allowed_in:
                    yield Breach(
                        module.path, node.lineno, f"{module.room} uses {banned.name}", banned.instead
                    )


@law
def find_impurity(house: House) -> Iterable[Breach]:
    """Wire formats are pure: no I/O, no logging, no settings, no await."""
    for module in house.modules:
        if module.room != "protocols":
            continue
        for imported in module.imports:
            for name, reason in IMPURE.items():
                if imported.target == name or imported.target.startswith(name + "."):
                    yield Breach(module.path, imported.line, f"protocols imports {name}", reason)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                yield Breach(
                    module.path, node.lineno, "protocols awaits", "the caller awaits, then feeds the bytes"
                )
            elif isinstance(node, ast.Call) and dotted(node.func) == "open":
                yield Breach(module.path, node.lineno, "protocols opens a file", "bytes come as arguments")


@law
def find_second_responses(house: House) -> Iterable[Breach]:
    """Only delivery starts a stream to a client, and only the server's room sends response heads."""
    for module in house.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and node.value == "http.response.start":
                wrong, reason = "sends http.response.start", "ServerRequest sends responses, whoever serves"
                allowed = module.room in ANSWERS_CLIENTS
            elif isinstance(node, ast.Call) and dotted(node.func).endswith("begin_stream"):
                wrong, reason = "begins a stream to the client", "layers return, they do not write"
                allowed = module.path == DELIVERY
            else:
                continue
            if not allowed:
                yield Breach(module.path, node.lineno, wrong, reason)


@law
def find_decisions_by_name(house: House) -> Iterable[Breach]:
    """No code branches on a provider's name."""
    reason = "a difference is a dialect field or a profile key, documented as data"
    for module in house.modules:
        # Inside protocols these are names of wire formats (who signed this block), never of services.
        forbidden = house.providers - ALSO_OTHER_NAMES if module.room == "protocols" else house.providers
        for node in ast.walk(module.tree):
            for literal in compared_literals(node):
                if literal.value in forbidden:
                    yield Breach(module.path, literal.lineno, f"compares with {literal.value!r}", reason)


def compared_literals(node: ast.AST) -> Iterator[ast.Constant]:
    """The strings that a comparison or a `match` case decides by."""
    sides: list[ast.AST] = []
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
    elif isinstance(node, ast.MatchValue):
        sides = [node.value]
    elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {"startswith", "endswith"}:
        sides = list(node.args)
    for side in sides:
        members = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
        yield from (
            member for member in members if isinstance(member, ast.Constant) and isinstance(member.value, str)
        )


@law
def find_named_providers(house: House) -> Iterable[Breach]:
    """Provider names appear only in rows, dialects, profiles and the catalog."""
    names = house.providers - ALSO_OTHER_NAMES
    for module in house.modules:
        if module.room in KNOWS_PROVIDERS:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and node.value in names:
                yield Breach(
                    module.path,
                    node.lineno,
                    f"names the provider {node.value!r}",
                    "a service is one row in providers/rows.toml",
                )


@law
def find_long_functions(house: House) -> Iterable[Breach]:
    """No function is longer than a screen."""
    reason = f"more than {LONGEST_FUNCTION} lines are several jobs: name them"
    outgrown = dict(house.exceptions.long_functions)
    for module in house.modules:
        if "migrations/versions/" in module.path:
            continue  # it lists what it changes
        for name, node in functions(module.tree):
            key = f"{module.path}:{name}"
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length <= LONGEST_FUNCTION:
                continue
            allowed = outgrown.pop(key, LONGEST_FUNCTION)
            if length > allowed:
                yield Breach(module.path, node.lineno, f"{name} has {length} lines", reason)
    for key in outgrown:
        yield Breach(
            key.split(":")[0],
            1,
            f"{key} is short now",
            "take it off LONG_FUNCTIONS: the list may only shrink",
        )


def functions(
    node: ast.AST, prefix: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function with its qualified name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
            yield from functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


# --- the verdict -------------------------------------------------------------------------------


def inspect(folder: Path, exceptions: Exceptions = NO_EXCEPTIONS) -> dict[str, list[Breach]]:
    """The breaches of the house below the folder, by law."""
    house = House.read(folder, exceptions)
    found = {text: list(find(house)) for text, find in LAWS.items()}
    return {text: breaches for text, breaches in found.items() if breaches}


def main() -> int:
    """Print every breach with its law and the reason."""
    breaches = inspect(HOUSE, TODAY)
    for text, places in breaches.items():
        print(f"Law: {text}")
        for place in places:
            print(f"  src/tidegate/{place.path}:{place.line}: {place.what}\n      because: {place.reason}")
    total = sum(map(len, breaches.values()))
    print(f"architecture: {len(LAWS)} laws, {total} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
