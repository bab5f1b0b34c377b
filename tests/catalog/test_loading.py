"""The tables are read at the start, not by the first request."""

from running import Gateway
from tidegate.catalog import identities, models, prices
from tidegate.catalog.retired import _by_name, retired

TABLES = (
    models,
    identities._by_name,
    identities._by_kind,
    retired,
    _by_name,
    prices._table,
)


async def test_a_gateway_has_read_the_tables_when_it_serves() -> None:
    for table in TABLES:
        table.cache_clear()
    async with Gateway({"a": ("openai", "http://127.0.0.1:9/v1")}):
        assert [table.cache_info().currsize for table in TABLES] == [1] * len(TABLES)
