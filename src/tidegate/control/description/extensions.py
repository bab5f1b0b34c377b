"""Tidegate's own fields of a request, the same in every dialect."""

from .schema import Schema, any_of, array, boolean, ref, string, struct

__all__ = ["FIELDS", "SCHEMAS"]

SCHEMAS: dict[str, Schema] = {
    "ProviderPreferences": struct(
        "",
        "Which providers may serve a request. Names that are not configured are ignored.",
        order=array(string(), "Providers to try first, in this order."),
        only=array(string(), "The only providers that may serve the request."),
        ignore=array(string(), "Providers that must not serve it."),
        allow_fallbacks=boolean("False: only those in `order`; without `order`, only the first."),
    )
}

FIELDS: dict[str, Schema] = {
    "provider": any_of(
        string("A configured provider's name."),
        ref("ProviderPreferences"),
        description="Tidegate extension: which provider to use.",
    ),
    "models": array(string(), "Tidegate extension: models to try if `model` fails."),
}
