"""Config in, application out.

A request takes a table look-up and then the exchange, with nothing between. What serves requests by one
Config is a `Plane`, which a reload replaces; what outlives reloads is held by the application.
"""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from secrets import token_bytes
from time import time
from typing import TYPE_CHECKING, Any

from tidegate import catalog, routing
from tidegate.accounts import (
    Counters,
    FailedAttempts,
    LocalCounters,
    SharedCounters,
)
from tidegate.accounts.admin_keys import AdminKeys
from tidegate.accounts.sign_ins import SignedSignIns, SignIns, StoredSignIns, secret_of
from tidegate.alerts import Alerts
from tidegate.bus import ALONE, Bus
from tidegate.config import Config, is_loopback, secrets_of
from tidegate.doors import Router, all_doors
from tidegate.exchange import Gateway, Request, recorded, refuse
from tidegate.exchange.admin_access import ADMIN_PATH, AdminAccess
from tidegate.exchange.browser_sessions import BrowserSessions
from tidegate.exchange.draining import Drains
from tidegate.exchange.identity import Keyring
from tidegate.exchange.live import count_open, open_requests
from tidegate.exchange.metrics_access import MetricsAccess
from tidegate.exchange.model_lists import ModelLists
from tidegate.exchange.model_names import ModelNames
from tidegate.exchange.plain_answers import PlainAnswers
from tidegate.exchange.price_cards import PriceCards
from tidegate.exchange.prompt_sizes import PromptSizes
from tidegate.exchange.state import Exchange
from tidegate.exchange.tariff import Tariff
from tidegate.exchange.watchdog import Watchdog
from tidegate.figures.changes import Change, Measure, Model
from tidegate.figures.changes import describe as describe_change
from tidegate.figures.families import WORKER
from tidegate.figures.keeper import Keeper
from tidegate.figures.watching import ChangeWatch
from tidegate.http.asgi import serve_scope
from tidegate.http.contract import ServerRequest
from tidegate.live import LiveRequests
from tidegate.money import OperatorPrices
from tidegate.observe import InteractionFile, Recorder, RequestLog
from tidegate.probing import Prober
from tidegate.protocols.errors import MethodNotAllowed, PathNotFound, TidegateError
from tidegate.providers import ModelRegistry
from tidegate.providers.embedded import Embedded
from tidegate.recent import SharedItems
from tidegate.sharing import Sharing
from tidegate.traces import Tracer, open_tracer
from tidegate.upstream import Fetcher, Pool

from .browsers import VARY, BrowserPolicy
from .callers import Accounts, open_accounts
from .plane import UI_PATH, Plane

if TYPE_CHECKING:
    from tidegate.store.store import Store

    from .bookkeeping import Bookkeeping
    from .hosts import Hosts

__all__ = ["Tidegate"]

log = logging.getLogger("tidegate")

CHANGES = "changes"
"""What the worker leads that reports changes of models."""

LAST_WORDS_S = 1.0
"""How long exchanges that the server has cancelled may take to tell their clients."""


class Tidegate:
    """The application of one worker."""

    def __init__(
        self,
        config: Config,
        request_log: RequestLog,
        fetcher: Fetcher | None = None,
        bus: Bus = ALONE,
        interactions: InteractionFile | None = None,
    ) -> None:
        """`bus` connects it with the gateway's other workers; `interactions` writes requests to a file."""
        self._interactions = interactions
        self._recorder = Recorder(config.logs, secrets_of(config))
        self._config = config
        self._request_log = request_log
        self._pool = Pool()
        self._fetcher = fetcher or Fetcher()
        self._watchdog = Watchdog()
        self._embedded = Embedded()
        self._counters: Counters = LocalCounters() if bus.memory is None else SharedCounters(bus.memory)
        """What is used of limits; it survives reloads."""
        self._hosts = self._join_hosts(config, bus)
        if self._hosts is not None:
            bus, self._counters = self._hosts.bus, self._hosts.counters_by(config, self._counters)
        self._bus = bus
        self._alerts = Alerts(bus=bus)
        self._candidates: routing.Router | None = None
        """Decides among candidates; one for all Configs of this worker."""
        self._sharing: Sharing | None = None
        self._books: Bookkeeping | None = None
        """If a store is configured, it is opened with the application; it survives reloads."""
        self._accounts: Accounts | None = None
        self._reloading = asyncio.Lock()
        self._prompt_sizes = PromptSizes()
        self._drains = Drains()
        self._operator_prices = OperatorPrices()
        """Those of the store, if there is one."""
        self._failed = FailedAttempts()
        self._sign_ins: SignIns | None = None
        """Without a store; it survives reloads that leave its secret as it is."""
        self._secret = b""
        self._figures = Keeper(bus)
        self._figures.on_beat.append(self._note_figures)
        self._tracer: Tracer | None = None
        self._plane: Plane | None = None
        self._live_requests = LiveRequests(bus, lambda: open_requests(self._watchdog))
        self._recent = SharedItems(bus)
        self._prober = Prober(lambda: self._plane.gateway if self._plane is not None else None, bus)
        self._change_watch = self._make_change_watch()
        self.on_startup: list[Callable[[], Awaitable[None]]] = []
        """Awaited once the gateway serves; what they start they stop in `on_shutdown`."""
        self.on_shutdown: list[Callable[[], Awaitable[None]]] = []

    def _join_hosts(self, config: Config, bus: Bus) -> "Hosts | None":
        """What connects this worker with those of other hosts; None if nothing does."""
        valkey, store = config.store.valkey, config.store.url
        counts = store is not None and store.reveal().startswith("postgres") and config.limits.across_hosts
        if valkey is None and not counts:
            return None
        from .hosts import HostsByPostgres, HostsByValkey

        hosts: Hosts
        if valkey is not None:
            hosts = HostsByValkey(valkey.reveal(), bus, self._counters)
        else:
            assert store is not None, "there is one of them"
            hosts = HostsByPostgres(store.reveal(), bus, self._counters)
        hosts.watch(partial(self._note_hosts, hosts.server))
        return hosts

    def _note_hosts(self, server: str, failure: str | None) -> None:
        """What connects the hosts has failed, or works again."""
        problem = None if failure is None else f"is not available: {failure}"
        self._alerts.on_outage(server.lower(), server, problem)

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        """Serve one request (or the server's start and stop) of an ASGI server."""
        if scope["type"] == "http":
            return serve_scope(self.serve, scope, receive, send)
        return self._live(scope, receive, send)

    def serve(self, client: ServerRequest) -> Awaitable[None]:
        """Serve one request."""
        plane = self._plane
        assert plane is not None, "the application has not started"
        memory = client.memory
        known = memory.get(Plane) if memory is not None else None
        if known is not None and known[0] is plane:
            return known[1](Request(client, known[2]), plane.gateway)  # type: ignore[no-any-return]
        for_browser = plane.browsers.admit(client)
        if for_browser is None:
            return self._refuse(Request(client, VARY), plane.browsers.refusal(client), plane)
        methods = plane.router.methods(client.path)
        if methods is None and client.path.startswith(plane.control_paths):
            if client.path.startswith(ADMIN_PATH):
                return self._administer(client, Request(client, VARY), plane)
            if client.path.startswith(UI_PATH):
                return plane.serve_dashboard(client)
            return plane.serve_control(client)
        request = Request(client, for_browser)
        endpoint = methods.get(request.method) if methods is not None else None
        if endpoint is not None:
            if memory is not None:
                memory.clear()
                memory[Plane] = plane, endpoint, for_browser
            return endpoint(request, plane.gateway)
        if request.method == "OPTIONS":
            return self._preflight(request, plane)
        return self._refuse(request, _unknown(request, methods), plane)

    async def _administer(self, client: ServerRequest, request: Request, plane: Plane) -> None:
        """Serve the admin API to those who may use it."""
        try:
            actor = await plane.gateway.admins.authorize(client)
        except TidegateError as error:
            await self._refuse(request, error, plane)
        else:
            await plane.serve_control(client, {"actor": actor})

    def _preflight(self, request: Request, plane: Plane) -> Awaitable[None]:
        """Answer a browser's question before a request. It is recorded like every request, with no key."""

        async def answer(_: Exchange) -> None:
            request.respond(204, plane.browsers.preflight(request), b"")

        return recorded(request, plane.router.door_of(request.path), plane.gateway, answer)

    def _refuse(self, request: Request, error: TidegateError, plane: Plane) -> Awaitable[None]:
        return refuse(request, plane.router.door_of(request.path), plane.gateway, error)

    # --- start, reload and stop ---------------------------------------------------------------

    async def _live(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            return  # there are no websockets here
        await receive()
        try:
            await self.startup()
        except Exception as error:
            log.exception("the gateway cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def startup(self) -> None:
        """Open what requests need."""
        self._pool.open()
        catalog.load()
        if self._hosts is not None:
            await self._hosts.open()
        await self.reload(self._config)
        if self._hosts is not None and self._hosts.failure is not None:
            self._note_hosts(self._hosts.server, self._hosts.failure)
        keep = self._books.keep_bodies if self._books is not None else None
        self._recorder.start(keep, self._interactions)
        self._bus.open()
        if self._sharing is not None:
            self._sharing.start()
        self._prober.start()
        self._figures.start()
        self._change_watch.start()
        for start in self.on_startup:
            await start()
        spare_the_collector()

    async def shutdown(self) -> None:
        """Close it again. The server has waited for open exchanges, and cancelled what was left."""
        for stop in self.on_shutdown:
            await stop()
        if self._books is not None:
            await self._books.stop()
        await self._prober.stop()
        await self._change_watch.close()
        self._figures.stop()
        await self._watchdog.drain(LAST_WORDS_S)
        await self._drains.close()
        if self._plane is not None:
            self._plane.gateway.model_lists.close()
        await self._recorder.close()
        await self._pool.close()
        await self._fetcher.close()
        await self._embedded.close()
        if self._sharing is not None:
            self._sharing.stop()
        await self._alerts.close()
        self._bus.close()
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close)
        if self._accounts is not None:
            await self._accounts.close()
        if self._books is not None:
            await self._books.close()
        if self._hosts is not None:
            await self._hosts.close()
        self._request_log.close()

    async def reload(self, config: Config) -> None:
        """Serve by this Config from now on. Requests under way finish by the one they began with.

        Everything is made before anything is replaced: where that fails, all of the old stays in force.
        """
        async with self._reloading:
            await self._reload(config)

    async def _reload(self, config: Config) -> None:
        books = await self._open_books(config)
        with_keys = config if books is None else await books.with_keys(config)
        attached = await self._embedded.attach(with_keys)
        chooser = self._candidates or routing.Router(
            attached, claims=self._bus, operator=self._operator_prices
        )
        accounts = await open_accounts(attached, books, self._counters, self._accounts)
        await self._trace_as(attached)
        old, self._plane = self._plane, self._make_plane(attached, chooser, accounts)
        if self._accounts is not None:
            await self._accounts.close()
        self._accounts = accounts
        chooser.reload(attached)
        if self._candidates is None:
            chooser.subscribe(self._alerts.on_transition)
            self._candidates, self._sharing = chooser, Sharing(chooser, self._bus)
        if old is not None:
            old.gateway.model_lists.close()
        self._config = config
        self._recorder.configure(config.logs, secrets_of(attached))
        if self._hosts is not None:
            self._hosts.configure(config)
        self._alerts.configure([url.reveal() for url in config.alerts.urls], config.alerts.repeat_s)
        self._change_watch.enabled = config.alerts.changes
        if not config.alerts.changes:
            self._on_open_changes({})

    def _make_change_watch(self) -> ChangeWatch:
        return ChangeWatch(
            lambda: self._figures.history,
            lambda: self._bus.lead(CHANGES),
            self._retirement_of,
            self._on_change,
            self._on_retirement,
            self._on_open_changes,
        )

    def _retirement_of(self, provider: str, model: str) -> str | None:
        known = self._config.providers.get(provider)
        row = catalog.model_named(known.kind, model) if known is not None else None
        return row.retires if row is not None else None

    def _on_change(self, change: Change, ended: bool) -> None:
        text = describe_change(change, ended=ended)
        log.log(logging.INFO if ended else logging.WARNING, "%s", text)
        self._alerts.on_change(change.measure, change.model.path, text, ended=ended)

    def _on_open_changes(self, changes: Mapping[Model, frozenset[Measure]]) -> None:
        """Let the router know what has changed of the models that it calls."""
        if self._candidates is None or self._plane is None:
            return
        names, services = self._plane.gateway.model_names, self._plane.gateway.registry.services
        none: frozenset[Measure] = frozenset()

        def changes_of(service: str, model: str) -> frozenset[str]:
            known = services.get(service) if changes else None
            name = names.name_of(known, model) if known is not None else None
            return changes.get(Model(service, name), none) if name is not None else none

        self._candidates.note_changes(changes_of)

    def _on_retirement(self, model: Model, day: str, left: int) -> None:
        self._alerts.on_retirement(model.path, day, left)

    async def _trace_as(self, config: Config) -> None:
        """Trace requests as this configuration wants it."""
        if self._plane is not None and config.traces == self._config.traces:
            return
        old, self._tracer = self._tracer, open_tracer(config.traces)
        if old is not None:
            await asyncio.to_thread(old.close)

    async def _open_books(self, config: Config) -> "Bookkeeping | None":
        """The store of the first configuration that has one, which stays; None where this one has none."""
        if not config.store.url:
            return None
        if self._books is None:
            from .bookkeeping import Bookkeeping

            books = Bookkeeping(
                config,
                self._counters,
                self._bus,
                self._alerts,
                self._operator_prices,
                lambda: self._config.logs,
            )
            await books.open(lambda: self.reload(self._config))
            self._books = books
            self._figures.keep_in(self._books.history)
        return self._books

    @property
    def _store(self) -> "Store | None":
        return self._books.store if self._books is not None else None

    def _open_sign_ins(self, config: Config) -> SignIns:
        """Where the sign-ins of browsers are kept."""
        if self._store is not None:
            return StoredSignIns(self._store)
        secret = secret_of(config) or self._secret or token_bytes(32)
        if self._sign_ins is None or secret != self._secret:
            self._secret, self._sign_ins = secret, SignedSignIns(secret)
        return self._sign_ins

    def _make_plane(self, config: Config, chooser: routing.Router, accounts: Accounts) -> Plane:
        registry, tariff, auth = ModelRegistry(config), Tariff(config, self._operator_prices), config.auth
        admin_keys = AdminKeys(key.reveal() for key in auth.admin_keys)
        admin_tokens = accounts.tokens if auth.names_administrators else None
        sessions = BrowserSessions(
            self._open_sign_ins(config),
            accounts.directory,
            admin_keys,
            accounts.tokens,
            secure=config.server.ssl_certfile is not None,
            admin_tokens=admin_tokens is not None,
        )
        proxies = config.server.trusted_proxies
        keyring = Keyring(accounts.directory, proxies, self._failed, accounts.tokens, sessions)
        open_here = auth.mode == "open" and (config.server.uds is not None or is_loopback(config.server.host))
        admins = AdminAccess(admin_keys, keyring, sessions, admin_tokens, open_here=open_here)
        names, cards = ModelNames(config, registry), PriceCards(tariff)
        gateway = Gateway(
            config=config,
            registry=registry,
            router=chooser,
            keyring=keyring,
            sessions=sessions,
            admins=admins,
            tariff=tariff,
            prompt_sizes=self._prompt_sizes,
            drain=self._drains.take,
            accountant=accounts.accountant,
            pool=self._pool,
            fetcher=self._fetcher,
            watchdog=self._watchdog,
            request_log=self._request_log,
            recorder=self._recorder if self._store is not None or self._interactions is not None else None,
            model_lists=ModelLists(registry),
            figures=self._figures,
            model_names=names,
            price_cards=cards,
            plain_answers=PlainAnswers(self._figures, names, cards),
            metrics_access=MetricsAccess(config, admins, keyring),
            refusals=self._books.refusals if self._books is not None else None,
            tracer=self._tracer,
            on_internal_error=self._alerts.on_internal_error,
        )
        router = Router(all_doors(config.api.llm_gate, self._recent))
        return Plane(gateway, router, BrowserPolicy(config), self._live_requests, self._store)

    def _note_figures(self) -> None:
        """Note what is counted beside requests."""
        live, store, now = self._figures.live, self._store, time()
        alone = self._hosts.away_since if self._hosts is not None else None
        failing = store.failing_since if store is not None else None
        live.note(WORKER.limits_alone, _since(alone, now))
        live.note(WORKER.store_failing, _since(failing, now))
        problem = None if failing is None else "fails; what it cannot take waits in the journals"
        self._alerts.on_outage("store", "the store", problem)
        requests, streams = count_open(self._watchdog)
        live.note(WORKER.open_requests, requests)
        live.note(WORKER.open_streams, streams)
        live.note_total(WORKER.dropped_messages, getattr(self._bus, "dropped", 0))
        live.note_total(WORKER.dropped_details, self._recorder.dropped + self._recorder.room.dropped)
        if store is not None:
            live.note(WORKER.journal_lag, store.lag)


def _since(when: float | None, now: float) -> int:
    """Milliseconds since then; 0 where that is None."""
    return int((now - when) * 1000) if when is not None else 0


def _unknown(request: Request, methods: Mapping[str, Any] | None) -> TidegateError:
    """Why nothing serves a method and path."""
    if methods is None:
        return PathNotFound(f"unknown path {request.method} {request.path}; see /docs")
    return MethodNotAllowed.at(request.path, request.method, methods)


def spare_the_collector() -> None:
    """Let the cycle collector look at what requests leave behind, and seldom.

    What is loaded by now lives as long as the process: looking through it again and again took a
    sixth of the processor time of a small request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
