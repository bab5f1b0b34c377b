"""Figures: what the structs that answer with them contain."""

from typing import Any

import msgspec

from tidegate.figures.asked import LEAST_HOURS
from tidegate.figures.views import BUCKETS_S, MOST_HOURS, ModelFigures, Overview, Trends

from .schema import Schema, integer, number, string

__all__ = ["PARAMETERS", "SCHEMAS"]

_, _found = msgspec.json.schema_components(
    [Overview, ModelFigures, Trends], ref_template="#/components/schemas/{name}"
)
SCHEMAS: dict[str, Schema] = {
    **_found,
    "Metrics": {
        "type": "object",
        "description": "The metrics by name.",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "type": string("", "counter", "gauge", "histogram"),
                "help": string(),
                "values": {"type": "array", "items": {"type": "object"}},
            },
            "required": ["type", "help", "values"],
        },
    },
}


def _parameter(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


HOURS = _parameter("hours", "How far back.", number(default=24, minimum=LEAST_HOURS, maximum=MOST_HOURS))
BUCKET = _parameter(
    "bucket", "Seconds from point to point; chosen for at most 100 points.", integer(enum=[*BUCKETS_S])
)
ONLY = [
    _parameter("model", "Only this model.", string()),
    _parameter("provider", "Only models of this provider.", string()),
]
PARAMETERS: dict[str, list[Any]] = {
    "readMetrics": [],
    "readModelMetrics": [HOURS, *ONLY],
    "readTrends": [HOURS, BUCKET, *ONLY],
    "readOwnOverview": [HOURS, BUCKET],
}
