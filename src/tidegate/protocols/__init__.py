"""Wire formats: bytes in, events out.

Nothing in here awaits, logs, reads a setting or knows a provider by name. A wire format is
described once and used from both sides: a *door* lets clients in who speak it, a *provider*
is asked in it.

The vocabulary, from request to answer:

- `Turn` (`turn.py`): what a client asks, in no dialect. A door's `parse_request` makes it, a
  provider's `render_request` writes it as a `Call`.
- `Event` (`events.py`): one thing that an answer says. A provider's `Reader` makes events of
  bytes, a door's `Writer` makes bytes of events.
- `Usage` (`usage.py`): the tokens of an answer in classes that do not overlap.
- `Tally` (`contract.py`): what accounting needs of an answer, kept up to date while it passes.
- `Conduit` (`contract.py`): the way of an answer through the gateway. A `Bridge` joins a reader
  and a writer; a *splice* passes the bytes where both sides speak the same dialect; a *mend*
  passes them with a provider's known faults repaired.
- `TidegateError` (`errors.py`): whatever goes wrong, split by who is at fault.

Always true:

- A JSON answer is one `feed` and one `close`; it gives the same events as the stream would.
- A reader gives the same events however its input is split, byte by byte included.
- All state of an answer is in objects made for that answer.
- Parsing raises `InvalidRequest` with the parameter's path (`messages.2.content.0.text`) for a
  client's mistake, and reports `ProviderBroke` for a provider's; nothing else escapes.
- `None` is "not said"; it is never the same as 0, "" or an empty list.
"""
