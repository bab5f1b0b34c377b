"""Wire formats: bytes in, events out.

Nothing in here awaits, logs, reads a setting or knows a provider by name. Each wire format is described once
and used on both sides: a *door* accepts requests from clients in it, and the gateway calls a *provider* in
it.

The vocabulary, from request to answer:

- `Turn` (`turn.py`): a client's request, independent of any dialect. A door's `parse_request` creates it; a
  provider's `render_request` writes it as a `Call`.
- `Event` (`events.py`): one piece of an answer. A provider's `Reader` turns bytes into events; a door's
  `Writer` turns events into bytes.
- `Usage` (`usage.py`): an answer's token counts, in classes that do not overlap.
- `Tally` (`contract.py`): what accounting needs to know about an answer, updated as the answer passes
  through.
- `Conduit` (`contract.py`): the path of one answer through the gateway. A `Bridge` joins a reader and a
  writer; a *splice* passes the bytes through when both sides speak the same dialect; a *mend* passes them
  through and repairs a provider's known faults. Splices and mends are built on `conduits.py`.
- `TidegateError` (`errors.py`): everything that can go wrong, split by who is at fault.

Always true:

- A JSON answer is one `feed` and one `close`; it yields the same events as the stream would.
- A reader yields the same events however its input is split, even byte by byte.
- All state of an answer lives in objects created for that answer.
- Parsing raises `InvalidRequest` with the parameter's path (`messages.2.content.0.text`) for a client's
  mistake, and reports `ProviderBroke` for a provider's. No other exception escapes.
- `None` means "not reported"; it is never the same as 0, "" or an empty list.
"""
