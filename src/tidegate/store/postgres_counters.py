"""Counters in PostgreSQL (see counting.CounterServer). Whatever workers ask for at the same time is one call
of one function, which PostgreSQL runs as one transaction and by its own clock.

A row of `limit_counters` is one of three things, by the beginning of its name:

- `rate:NAME`: `arrival`, the number of the rate (see `accounts.gcra`); `leased`, units of leases that have
  not ended; `leased_until`, when the last of them ends; `recalled`, when they were last recalled.
- `open:NAME`: `places`, by worker: how many it has, and 1 where it may have some to spare.
- `worker:NAME`: `arrival`, the last sign of life of a worker.

The table is unlogged: nothing is written twice or flushed, and a server that crashes forgets it, as a Valkey
does that is restarted. It is no part of the schema: whoever connects first makes it, and the function that
belongs to its own version.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from msgspec.json import encode

from .counting import SHARE, Asked, Granted, Recall, Returned
from .postgres_link import Call, PostgresLink

__all__ = ["DEAD_S", "PostgresCounters"]

DEAD_S = 15.0
"""Seconds after the last sign of life when a worker's places are given to others."""

RATE, OPEN, WORKER = "rate:", "open:", "worker:"
RECALLS = "tidegate_recalls"
LOCK = 0x7469_6466
"""The advisory lock under which the table is made."""
SWEEP_BEATS = 20
"""Signs of life after which rows that nobody uses are removed."""

TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS limit_counters (
  name text PRIMARY KEY,
  arrival float8 NOT NULL DEFAULT 0,
  leased bigint NOT NULL DEFAULT 0,
  leased_until float8 NOT NULL DEFAULT 0,
  recalled float8 NOT NULL DEFAULT 0,
  places jsonb NOT NULL DEFAULT '{}',
  expires float8 NOT NULL DEFAULT 'infinity'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)
"""

SWEEP = """
DELETE FROM limit_counters WHERE name IN (
  SELECT name FROM limit_counters WHERE expires < extract(epoch FROM clock_timestamp()) - 60
  FOR UPDATE SKIP LOCKED
)
"""

BODY = f"""
DECLARE
  now float8;
  answers jsonb := '[]';
  one jsonb;
  item jsonb;
  kept limit_counters;
  full_at int;
  allowed bool;
  leased_elsewhere bool;
  spare bool;
  recall bool;
  alive jsonb;
  seats jsonb;
  many bigint;
  room float8;
  share bigint;
  step float8;
  arrivals float8[];
  after float8[];
  leases bigint[];
  granted bigint[];
  number int;
BEGIN
  LOOP  -- all rows at first, in one order: no two calls wait for each other
    INSERT INTO limit_counters (name) SELECT unnest(names) ORDER BY 1 ON CONFLICT DO NOTHING;
    PERFORM 1 FROM limit_counters WHERE name = ANY(names) ORDER BY name FOR UPDATE;
    GET DIAGNOSTICS many = ROW_COUNT;
    EXIT WHEN many = cardinality(names);
  END LOOP;
  now := extract(epoch FROM clock_timestamp());

  FOR one IN SELECT value FROM jsonb_array_elements(asked) LOOP
    CASE one->>0

    WHEN 'take' THEN
      full_at := -1;
      leased_elsewhere := false;
      granted := '{{}}';
      number := 0;
      FOR item IN SELECT value FROM jsonb_array_elements(one->1) LOOP
        SELECT * INTO kept FROM limit_counters WHERE name = item->>0;
        SELECT coalesce(sum((value->>0)::bigint), 0), coalesce(bool_or(key <> me AND value->>1 = '1'), false)
          INTO many, spare
          FROM jsonb_each(kept.places)
          WHERE key = me OR EXISTS (
            SELECT 1 FROM limit_counters WHERE name = '{WORKER}' || key AND now - arrival <= {DEAD_S});
        room := (item->>1)::bigint - many;
        recall := false;
        granted := granted || 1::bigint;
        IF room < 1 THEN
          full_at := number;
          leased_elsewhere := spare;
          recall := spare;
        ELSIF (item->>2)::bool AND (room - 1) * 2 >= (item->>1)::bigint THEN
          granted[number + 1] := 1 + floor((room - 1) / {SHARE})::bigint;
        ELSE
          recall := spare AND (room - 1) * 4 < (item->>1)::bigint;
        END IF;
        IF recall AND now - kept.recalled > 0.02 THEN
          UPDATE limit_counters SET recalled = now WHERE name = kept.name;
          PERFORM pg_notify('{RECALLS}', kept.name);
        END IF;
        EXIT WHEN full_at >= 0;
        number := number + 1;
      END LOOP;
      IF full_at >= 0 THEN
        answers := answers || jsonb_build_array(jsonb_build_array(
          now, false, full_at, leased_elsewhere, '[]'::jsonb, '[]'::jsonb, '[]'::jsonb));
        CONTINUE;
      END IF;

      allowed := true;
      arrivals := '{{}}';
      after := '{{}}';
      leases := '{{}}';
      number := 0;
      FOR item IN SELECT value FROM jsonb_array_elements(one->2) LOOP
        number := number + 1;
        SELECT * INTO kept FROM limit_counters WHERE name = item->>0;
        step := (item->>3)::float8 / (item->>2)::float8;
        IF (item->>5)::bigint > 0 OR (item->>6)::bigint > 0 THEN
          kept.arrival := greatest(now, kept.arrival - (item->>5)::bigint * step);
          kept.leased := greatest(0, kept.leased - (item->>6)::bigint);
          UPDATE limit_counters SET arrival = kept.arrival, leased = kept.leased,
            expires = greatest(kept.arrival, kept.leased_until) WHERE name = kept.name;
        END IF;
        IF now >= kept.leased_until THEN kept.leased := 0; END IF;
        arrivals[number] := kept.arrival;
        after[number] := greatest(now, kept.arrival) + (item->>1)::bigint * step;
        leases[number] := 0;
        recall := false;
        room := (now + (item->>3)::float8 - after[number]) / step;
        share := floor(room / {SHARE})::bigint;
        IF after[number] > now + (item->>3)::float8 * (1 + 1e-9) THEN
          allowed := false;
          recall := kept.leased > 0;
          leased_elsewhere := leased_elsewhere OR recall;
        ELSIF (item->>4)::bool AND room * 2 >= (item->>2)::bigint
            AND share >= greatest((item->>1)::bigint, 2) THEN
          leases[number] := share;
        ELSIF room * 4 < (item->>2)::bigint THEN
          recall := kept.leased > 0;
        END IF;
        IF recall AND now - kept.recalled > 0.02 THEN
          UPDATE limit_counters SET recalled = now WHERE name = kept.name;
          PERFORM pg_notify('{RECALLS}', kept.name);
        END IF;
      END LOOP;
      IF allowed THEN
        number := 0;
        FOR item IN SELECT value FROM jsonb_array_elements(one->2) LOOP
          number := number + 1;
          step := (item->>3)::float8 / (item->>2)::float8;
          IF leases[number] > 0 THEN
            after[number] := after[number] + leases[number] * step;
            UPDATE limit_counters SET
              leased = CASE WHEN leased_until > now THEN leased ELSE 0 END + leases[number],
              leased_until = greatest(leased_until, now + leases[number] * step)
              WHERE name = item->>0;
          END IF;
          UPDATE limit_counters SET arrival = after[number], expires = greatest(after[number], leased_until)
            WHERE name = item->>0;
        END LOOP;
        number := 0;
        FOR item IN SELECT value FROM jsonb_array_elements(one->1) LOOP
          number := number + 1;
          SELECT places INTO seats FROM limit_counters WHERE name = item->>0;
          SELECT coalesce(jsonb_object_agg(key, value), '{{}}') INTO alive FROM jsonb_each(seats)
            WHERE key = me OR EXISTS (
              SELECT 1 FROM limit_counters WHERE name = '{WORKER}' || key AND now - arrival <= {DEAD_S});
          UPDATE limit_counters SET expires = now + 3600, places = alive || jsonb_build_object(
              me, jsonb_build_array(
                coalesce((alive->me->>0)::bigint, 0) + granted[number],
                CASE WHEN granted[number] > 1 THEN 1 ELSE coalesce((alive->me->>1)::int, 0) END))
            WHERE name = item->>0;
        END LOOP;
      END IF;
      answers := answers || jsonb_build_array(jsonb_build_array(
        now, allowed, -1, leased_elsewhere, to_jsonb(arrivals), to_jsonb(leases), to_jsonb(granted)));

    WHEN 'back' THEN
      step := (one->>4)::float8 / (one->>3)::float8;
      UPDATE limit_counters SET
        arrival = greatest(now, greatest(now, arrival) - (one->>2)::bigint * step),
        leased = greatest(0, leased - (one->>5)::bigint),
        expires = greatest(now, leased_until, greatest(now, arrival) - (one->>2)::bigint * step)
        WHERE name = one->>1;
      answers := answers || 'null'::jsonb;

    WHEN 'leave' THEN
      SELECT places INTO seats FROM limit_counters WHERE name = one->>1;
      many := coalesce((seats->me->>0)::bigint, 0) - (one->>2)::bigint;
      UPDATE limit_counters SET places = CASE WHEN many > 0
          THEN seats || jsonb_build_object(me, jsonb_build_array(many, 0)) ELSE seats - me END
        WHERE name = one->>1;
      answers := answers || 'null'::jsonb;

    WHEN 'renew' THEN
      UPDATE limit_counters SET expires = now + 3600,
        places = places || jsonb_build_object(me, jsonb_build_array((one->>2)::bigint, 1))
        WHERE name = one->>1;
      answers := answers || 'null'::jsonb;

    WHEN 'beat' THEN
      SELECT * INTO kept FROM limit_counters WHERE name = '{WORKER}' || me;
      UPDATE limit_counters SET arrival = now, expires = now + 10 * {DEAD_S} WHERE name = kept.name;
      answers := answers || to_jsonb(now - kept.arrival <= {DEAD_S});

    WHEN 'bye' THEN
      DELETE FROM limit_counters WHERE name = '{WORKER}' || me;
      answers := answers || 'null'::jsonb;

    ELSE  -- nothing is asked but an answer
      answers := answers || 'null'::jsonb;
    END CASE;
  END LOOP;
  RETURN answers;
END
"""  # noqa: S608 constants of ours

FUNCTION = "limit_counters_" + sha256(f"{TABLE}{BODY}".encode()).hexdigest()[:12]
"""Gateways of several versions may use one database at the same time."""
MAKE = (
    f"SELECT pg_advisory_xact_lock({LOCK})",
    TABLE,
    f"CREATE OR REPLACE FUNCTION {FUNCTION}(me text, names text[], asked jsonb) RETURNS jsonb "
    f"LANGUAGE plpgsql AS $body${BODY}$body$",
)
CALL = f"SELECT {FUNCTION}(%s, %s::text[], %s::jsonb)"
IS_MADE = f"SELECT to_regclass('limit_counters') IS NOT NULL AND to_regproc('{FUNCTION}') IS NOT NULL"


class PostgresCounters:
    """See CounterServer."""

    def __init__(self, link: PostgresLink, worker: str) -> None:
        """`worker` is a name that no other worker has had. Before `link` is opened."""
        self._link = link
        self.worker = worker
        self._recall: Recall | None = None
        self._beats = 0
        link.prepare(IS_MADE, MAKE, self._render)
        link.listen(RECALLS, self._take_recall)

    @property
    def failure(self) -> str | None:
        """See CounterServer."""
        return self._link.failure

    def on_recall(self, recall: Recall) -> None:
        """See CounterServer."""
        self._recall = recall

    async def take(self, asked: Asked) -> Granted:
        """See CounterServer."""
        places = [[_row(OPEN, one.name), one.most, one.lease] for one in asked.places]
        rates = [
            [_row(RATE, one.name), one.units, one.limit, one.period_s, one.lease, one.back, one.ended]
            for one in asked.rates
        ]
        rows = [str(one[0]) for one in (*places, *rates)]
        now, allowed, full, elsewhere, arrivals, leases, granted = await self._link.run(
            Call(rows, ["take", places, rates])
        )
        return Granted(
            now=float(now),
            allowed=allowed,
            full=full if full >= 0 else None,
            leased_elsewhere=elsewhere,
            arrivals=list(map(float, arrivals)),
            leases=leases,
            places=granted,
        )

    def give_back(self, units: Sequence[Returned]) -> None:
        """See CounterServer."""
        for one in units:
            row = _row(RATE, one.name)
            self._link.send(Call([row], ["back", row, one.units, one.limit, one.period_s, one.ended]))

    def leave(self, places: Sequence[tuple[str, int]]) -> None:
        """See CounterServer."""
        for name, count in places:
            row = _row(OPEN, name)
            self._link.send(Call([row], ["leave", row, count]))

    async def beat(self) -> bool:
        """See CounterServer."""
        self._beats += 1
        if self._beats % SWEEP_BEATS == 0:
            await self._link.execute(SWEEP)
        return bool(await self._link.run(Call([WORKER + self.worker], ["beat"])))

    async def renew(self, places: Sequence[tuple[str, int]]) -> None:
        """See CounterServer."""
        rows = [_row(OPEN, name) for name, _ in places]
        asked = [["renew", row, count] for row, (_, count) in zip(rows, places, strict=True)]
        for row, one in zip(rows, asked, strict=True):
            await self._link.run(Call([row], one))

    def close(self) -> None:
        """Say that this worker ends: places that it has not given back are free."""
        self._link.send(Call([WORKER + self.worker], ["bye"]))

    def _render(self, calls: Sequence[Call]) -> tuple[str, Sequence[Any]]:
        """One statement for all that is asked at the same time."""
        rows = sorted({row for call in calls for row in call.rows})
        return CALL, (self.worker, rows, encode([call.words for call in calls]).decode())

    def _take_recall(self, row: str) -> None:
        if self._recall is None:
            return
        if row.startswith(RATE):
            self._recall.rate(row.removeprefix(RATE))
        else:
            self._recall.place(row.removeprefix(OPEN))


def _row(kind: str, name: str) -> str:
    """The name of a row. PostgreSQL's text has no NUL."""
    return kind + name.replace("\0", "\ufffd")
