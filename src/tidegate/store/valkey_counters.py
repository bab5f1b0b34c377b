"""Counters in Valkey (see counting.CounterServer). Each call is one script, which Valkey runs as a whole and
by its own clock.

- `tidegate:rate:NAME` is a hash: `a`, the number of the rate (see `accounts.gcra`); `l`, units of leases that
  have not ended; `u`, when the last of them ends; `r`, when they were last recalled.
- `tidegate:open:NAME` is a hash: `n:WORKER`, the places of a worker; `s:WORKER`, where it may have some to
  spare.
- `tidegate:workers` is a sorted set: the last sign of life of each worker.

Rates are forgotten when they are unused, places an hour after the last change or `renew`.
"""

from collections.abc import Sequence
from typing import Any

from .counting import SHARE, Asked, Granted, Recall, Returned
from .valkey import Script, Valkey

__all__ = ["DEAD_S", "ValkeyCounters"]

DEAD_S = 15.0
"""Seconds after the last sign of life when a worker's places are given to others."""

WORKERS, RECALLS = "tidegate:workers", "tidegate:recalls"
RATE, OPEN = "tidegate:rate:", "tidegate:open:"

CLOCK = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function exact(number) return string.format('%.17g', number) end
"""

TAKE = Script(
    CLOCK
    + f"""
local me, places, rates, dead_s = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local share = {SHARE}
local at = 5
local granted = {{}}
for i = 1, places do
  local key, most, lease = KEYS[1 + i], tonumber(ARGV[at]), ARGV[at + 1] == '1'
  at = at + 2
  local taken, spare = 0, false
  local fields = redis.call('HGETALL', key)
  for f = 1, #fields, 2 do
    local what, worker = string.sub(fields[f], 1, 2), string.sub(fields[f], 3)
    local alive = worker == me
    if not alive then
      local beat = redis.call('ZSCORE', KEYS[1], worker)
      alive = beat and now - beat <= dead_s
    end
    if not alive then
      redis.call('HDEL', key, fields[f])
    elseif what == 'n:' then
      taken = taken + fields[f + 1]
    elseif worker ~= me then
      spare = true
    end
  end
  local room = most - taken
  if room < 1 then
    if spare then redis.call('PUBLISH', '{RECALLS}', key) end
    return {{exact(now), 0, i - 1, spare and 1 or 0}}
  end
  granted[i] = 1
  if lease and (room - 1) * 2 >= most then
    granted[i] = 1 + math.floor((room - 1) / share)
  elseif spare and (room - 1) * 4 < most then
    redis.call('PUBLISH', '{RECALLS}', key)
  end
end

local arrivals, after, leases, allowed, leased_elsewhere = {{}}, {{}}, {{}}, 1, 0
for i = 1, rates do
  local key = KEYS[1 + places + i]
  local units, limit, period = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local lease = ARGV[at + 3]
  local back, ended = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  at = at + 6
  local interval = period / limit
  local kept = redis.call('HMGET', key, 'a', 'l', 'u', 'r')
  local arrival, leased = tonumber(kept[1] or '0'), tonumber(kept[2] or '0')
  if back > 0 or ended > 0 then
    arrival = math.max(now, arrival - back * interval)
    leased = math.max(0, leased - ended)
    redis.call('HSET', key, 'a', exact(arrival), 'l', leased)
    redis.call('PEXPIRE', key, math.ceil((arrival - now) * 1000) + 1000)
  end
  if now >= tonumber(kept[3] or '0') then leased = 0 end
  arrivals[i] = arrival
  after[i] = math.max(now, arrival) + units * interval
  leases[i] = 0
  local room = (now + period - after[i]) / interval
  local recall = false
  if after[i] > now + period * (1 + 1e-9) then
    allowed = 0
    recall = leased > 0
    if recall then leased_elsewhere = 1 end
  elseif lease == '1' and room * 2 >= limit and math.floor(room / share) >= math.max(units, 2) then
    leases[i] = math.floor(room / share)
  elseif room * 4 < limit then
    recall = leased > 0
  end
  if recall and now - tonumber(kept[4] or '0') > 0.02 then
    redis.call('HSET', key, 'r', exact(now))
    redis.call('PUBLISH', '{RECALLS}', key)
  end
end

local answer = {{exact(now), allowed, -1, leased_elsewhere}}
for i = 1, rates do
  answer[#answer + 1] = exact(arrivals[i])
  answer[#answer + 1] = leases[i]
end
if allowed == 0 then return answer end
at = 5 + 2 * places
for i = 1, rates do
  local key, interval = KEYS[1 + places + i], tonumber(ARGV[at + 2]) / tonumber(ARGV[at + 1])
  at = at + 6
  if leases[i] > 0 then
    local kept = redis.call('HMGET', key, 'l', 'u')
    local until_then = tonumber(kept[2] or '0')
    local leased = until_then > now and tonumber(kept[1] or '0') or 0
    local ends = now + leases[i] * interval
    after[i] = after[i] + leases[i] * interval
    redis.call('HSET', key, 'l', leased + leases[i], 'u', exact(math.max(until_then, ends)))
  end
  redis.call('HSET', key, 'a', exact(after[i]))
  redis.call('PEXPIRE', key, math.ceil((after[i] - now) * 1000) + 1000)
end
for i = 1, places do
  redis.call('HINCRBY', KEYS[1 + i], 'n:' .. me, granted[i])
  if granted[i] > 1 then redis.call('HSET', KEYS[1 + i], 's:' .. me, 1) end
  redis.call('EXPIRE', KEYS[1 + i], 3600)
  answer[#answer + 1] = granted[i]
end
return answer
"""
)

GIVE_BACK = Script(
    CLOCK
    + """
for i = 1, #KEYS do
  local units, limit, period, ended = unpack(ARGV, 4 * i - 3, 4 * i)
  local kept = redis.call('HMGET', KEYS[i], 'a', 'l')
  local arrival = math.max(now, tonumber(kept[1] or '0')) - units * period / limit
  local leased = math.max(0, tonumber(kept[2] or '0') - ended)
  if arrival > now then
    redis.call('HSET', KEYS[i], 'a', exact(arrival), 'l', leased)
    redis.call('PEXPIRE', KEYS[i], math.ceil((arrival - now) * 1000) + 1000)
  else
    redis.call('DEL', KEYS[i])
  end
end
"""
)

LEAVE = Script("""
for i = 1, #KEYS do
  if redis.call('HINCRBY', KEYS[i], 'n:' .. ARGV[1], -ARGV[1 + i]) <= 0 then
    redis.call('HDEL', KEYS[i], 'n:' .. ARGV[1])
  end
  redis.call('HDEL', KEYS[i], 's:' .. ARGV[1])
end
""")

BEAT = Script(
    CLOCK
    + """
local last = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], exact(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', exact(now - 10 * ARGV[2]))
if last and now - last <= tonumber(ARGV[2]) then return 1 end
return 0
"""
)

RENEW = Script("""
for i = 1, #KEYS do
  redis.call('HSET', KEYS[i], 'n:' .. ARGV[1], ARGV[1 + i], 's:' .. ARGV[1], 1)
  redis.call('EXPIRE', KEYS[i], 3600)
end
""")

BYE = Script("return redis.call('ZREM', KEYS[1], ARGV[1])")


class ValkeyCounters:
    """See CounterServer."""

    def __init__(self, valkey: Valkey, worker: str) -> None:
        """`worker` is a name that no other worker has had. Before `valkey` is opened."""
        self._valkey = valkey
        self.worker = worker
        self._recall: Recall | None = None
        valkey.subscribe(RECALLS, self._take_recall)

    @property
    def failure(self) -> str | None:
        """See CounterServer."""
        return self._valkey.failure

    def on_recall(self, recall: Recall) -> None:
        """See CounterServer."""
        self._recall = recall

    async def take(self, asked: Asked) -> Granted:
        """See CounterServer."""
        opened, rates = [OPEN + one.name for one in asked.places], [RATE + one.name for one in asked.rates]
        values: list[str | int | float] = [self.worker, len(asked.places), len(asked.rates), DEAD_S]
        for place in asked.places:
            values += (place.most, int(place.lease))
        for rate in asked.rates:
            values += (rate.units, rate.limit, rate.period_s, int(rate.lease), rate.back, rate.ended)
        answer = await self._valkey.run_script(TAKE, [WORKERS, *opened, *rates], values)
        return _granted(answer, len(asked.rates))

    def give_back(self, units: Sequence[Returned]) -> None:
        """See CounterServer."""
        values: list[int | float] = []
        for one in units:
            values += (one.units, one.limit, one.period_s, one.ended)
        self._valkey.send_script(GIVE_BACK, [RATE + one.name for one in units], values)

    def leave(self, places: Sequence[tuple[str, int]]) -> None:
        """See CounterServer."""
        values: list[str | int] = [self.worker, *(count for _, count in places)]
        self._valkey.send_script(LEAVE, [OPEN + name for name, _ in places], values)

    async def beat(self) -> bool:
        """See CounterServer."""
        return bool(await self._valkey.run_script(BEAT, [WORKERS], [self.worker, DEAD_S]))

    async def renew(self, places: Sequence[tuple[str, int]]) -> None:
        """See CounterServer."""
        values: list[str | int] = [self.worker, *(count for _, count in places)]
        await self._valkey.run_script(RENEW, [OPEN + name for name, _ in places], values)

    def close(self) -> None:
        """Say that this worker ends: places that it has not given back are free."""
        self._valkey.send_script(BYE, [WORKERS], [self.worker])

    def _take_recall(self, message: bytes) -> None:
        name = message.decode()
        if self._recall is None:
            return
        if name.startswith(RATE):
            self._recall.rate(name.removeprefix(RATE))
        else:
            self._recall.place(name.removeprefix(OPEN))


def _granted(answer: Sequence[Any], rates: int) -> Granted:
    now, allowed, full, leased_elsewhere, *rest = answer
    numbers = rest[: 2 * rates]
    return Granted(
        now=float(now),
        allowed=bool(allowed),
        full=full if full >= 0 else None,
        leased_elsewhere=bool(leased_elsewhere),
        arrivals=[float(one) for one in numbers[::2]],
        leases=numbers[1::2],
        places=rest[2 * rates :],
    )
