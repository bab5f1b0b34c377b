"""The route with this format on both sides, with the decisions that depend only on the target."""

from functools import partial

from tidegate.protocols.contract import BridgeRoute, Call, Conduit, ParsedRequest, Protocol, Target

from .conduit import BodySplice, StreamSplice
from .dialect import Dialect, faulty
from .mend import BodyMend, Mending, StreamMend, mending_all
from .parse import Parsed
from .render import render_request
from .splice import Splicer

__all__ = ["ChatRoute"]


class ChatRoute:
    """The route to one target (see contract.Route)."""

    __slots__ = ("_bridge", "_mending", "_of_one_age", "_reports_finish", "_splicer", "_target")

    def __init__(self, protocol: Protocol, target: Target) -> None:
        dialect: Dialect = target.dialect
        self._target = target
        self._splicer = Splicer(target)
        self._bridge = BridgeRoute(protocol, protocol, target)
        self._mending = Mending(target) if faulty(dialect) else None
        self._reports_finish = target.profile.reports_finish
        self._of_one_age = dialect.old_functions and dialect.custom_tools

    def plan(self, request: ParsedRequest) -> tuple[Call, Conduit]:
        """See contract.Route."""
        call = self.render(request)
        if call.stream != request.stream:  # the model cannot stream, or only streams
            return call, self._bridge.bridge(request, call)
        return call, self.conduit(request, call)

    def render(self, request: ParsedRequest) -> Call:
        """Return what to send."""
        assert isinstance(request, Parsed)
        if self._translates(request):
            return render_request(request.turn(), self._target)
        return self._splicer.render(request)

    def conduit(self, request: ParsedRequest, call: Call) -> Conduit:
        """Create the conduit of the answer."""
        if self._translates(request):
            return self._bridge.bridge(request, call)
        mending = self._mending
        if not call.stream:
            body = BodySplice() if mending is None else BodyMend(mending)
            body.instead = partial(self._bridge.bridge, request, call)
            return body
        usage, choices = request.include_usage, request.n
        if mending is not None:
            return StreamMend(mending, include_usage=usage, choices=choices)
        splice = StreamSplice(include_usage=usage, reports_finish=self._reports_finish, choices=choices)
        splice.instead = partial(self._mend_all, include_usage=usage, choices=choices)
        return splice

    def _mend_all(self, *, include_usage: bool, choices: int) -> Conduit:
        """Create the conduit of a stream that may have any fault."""
        return StreamMend(mending_all(self._target), include_usage=include_usage, choices=choices)

    def _translates(self, request: ParsedRequest) -> bool:
        """Return whether client and provider use different generations of this format: functions or custom
        tools on one side, only function tools on the other.
        """
        if self._of_one_age or not isinstance(request, Parsed):
            return False
        dialect: Dialect = self._target.dialect
        return (request.legacy and not dialect.old_functions) or (
            request.has_custom_tools and not dialect.custom_tools
        )
