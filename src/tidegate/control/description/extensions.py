"""Fields of a request that are the same in every dialect: the model, and Tidegate's own."""

from .schema import Schema, any_of, array, boolean, null_or, number, ref, string, struct

__all__ = ["FIELDS", "MODEL", "SCHEMAS"]

SCHEMAS: dict[str, Schema] = {
    "ProviderPreferences": struct(
        "",
        "Which providers may serve a request. Names that are not configured are ignored.",
        order=array(string(), "Providers to try first, in this order."),
        only=array(string(), "The only providers that may serve the request."),
        ignore=array(string(), "Providers that must not serve it."),
        allow_fallbacks=boolean("False: only those in `order`; without `order`, only the first."),
        sort=any_of(
            string("By what the candidates are ordered: `price`, `latency`, `throughput` or `balanced`."),
            struct(
                "",
                "The same; `partition: none` orders the candidates of all models together.",
                by=string("`price`, `latency`, `throughput` or `balanced`."),
                partition=string("`model` (the default) or `none`."),
            ),
        ),
        max_price=struct(
            "",
            "The most that a candidate may cost, in USD: for a million tokens, or for a request.",
            prompt=number("For a million tokens of the prompt."),
            completion=number("For a million tokens of the completion."),
            request=number("For a request, where requests have a price of their own."),
        ),
        require=array(string(), "Capabilities that the model must be known to have, such as `tools`."),
        require_parameters=boolean("Pass over providers that do not support a parameter of the request."),
        quantizations=array(
            string(), "The accepted number formats of the weights, such as `fp8`, or `unknown`."
        ),
    )
}

FIELDS: dict[str, Schema] = {
    "provider": any_of(
        string("A configured provider's name.", minLength=1),
        ref("ProviderPreferences"),
        {"type": "null"},
        description="Tidegate extension: which provider to use.",
    ),
    "models": null_or(array(string(minLength=1), "Tidegate extension: models to try if `model` fails.")),
}

MODEL = string("`provider/model`, or a name that the gateway resolves.", minLength=1)
