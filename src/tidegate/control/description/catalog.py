"""Schemas of the catalog: models, their details, cost estimates."""

from tidegate.catalog import CAPABILITIES

from .schema import Schema, array, boolean, integer, null_or, number, ref, string, struct

__all__ = ["SCHEMAS"]

RATES: Schema = {
    "type": "object",
    "description": "US dollars by token class: `input`, `output`, `cache_read`, `cache_write` …",
    "additionalProperties": {"type": "number"},
}

SCHEMAS: dict[str, Schema] = {
    "ModelPrices": struct(
        "currency",
        "The current prices. A class without its own price is billed as the class that contains it.",
        currency=string("", "USD"),
        per_million_tokens=RATES,
        above=array(
            struct(
                "prompt_tokens per_million_tokens",
                prompt_tokens=integer("The prices apply to prompts longer than this."),
                per_million_tokens=RATES,
            )
        ),
        per_thousand=struct("", searches=number("Web searches."), requests=number()),
        per_image=array(
            struct("price", price=number("US dollars per image."), size=string(), quality=string())
        ),
    ),
    "DetailedModel": struct(
        "id object created owned_by label provider model",
        "A model with everything known about it; unknown fields are omitted.",
        id=string("The name to use in requests."),
        object=string("", "model"),
        created=integer(),
        owned_by=string("The provider."),
        label=string("The display name."),
        description=string(),
        type=string("", "chat", "embedding", "image"),
        provider=string("The provider that is tried first."),
        model=string("The provider's own name for the model."),
        served_by=array(
            string(), "`provider/model` of every provider that can serve it, in order of preference."
        ),
        context_window=integer("Maximum tokens of prompt and completion together."),
        max_output_tokens=integer(),
        input_modalities=array(string()),
        output_modalities=array(string()),
        capabilities=array(string("", *CAPABILITIES)),
        reasoning_efforts=array(string()),
        dimensions=integer("The length of an embedding vector."),
        training_cutoff=string("`YYYY-MM`."),
        released=string(format="date"),
        retires=string("When its provider retires it.", format="date"),
        prices=ref("ModelPrices"),
    ),
    "DetailedModelList": struct("object data", object=string("", "list"), data=array(ref("DetailedModel"))),
    "ModelsByProvider": struct(
        "object data models",
        object=string("", "list"),
        data=array(ref("Model")),
        models={
            "type": "object",
            "description": "The providers' own model names, by provider.",
            "additionalProperties": array(string()),
        },
    ),
    "ProvidersHealth": struct(
        "status providers prompt_cache",
        status=string("", "ok", "unavailable"),
        providers=array(
            struct(
                "name kind configured reachable status models credentials",
                name=string(),
                kind=string(),
                configured=boolean(),
                reachable=null_or(boolean("Null while no request has shown it: providers are not probed.")),
                status=string("", "unknown", "healthy", "degraded", "unavailable"),
                models=array({"type": "object"}, "Each model that was used, with its breaker and figures."),
                credentials=array({"type": "object"}, "Each key that was used, by its fingerprint."),
            )
        ),
        prompt_cache=struct(
            "stayed moved prompt_tokens cache_read_tokens hit_rate saved_usd",
            stayed=integer("Requests of conversations with a warm cache that were served where it is."),
            moved=integer("Those that were served elsewhere."),
            prompt_tokens=integer("Of all prompts whose usage was reported."),
            cache_read_tokens=integer("Those of them that were read from a prompt cache."),
            hit_rate=null_or(number("Their share. Null before the first prompt.")),
            saved_usd=number("Discounts for tokens read, less the premiums for tokens written, in USD."),
        ),
    ),
    "ChatEstimate": struct(
        "object model prompt_tokens estimated uncounted currency min_cost likely_cost max_cost providers "
        "allowed refusal",
        object=string("", "chat.estimate"),
        model=string(),
        prompt_tokens=integer("Counted locally; close to the provider's own count."),
        estimated=boolean("Always true: the count is not the provider's own."),
        uncounted=array(
            string("", "image", "document", "audio", "video"), "Parts that are not included in the count."
        ),
        currency=string("", "USD"),
        min_cost=null_or(
            number("The cost of the prompt alone, at the cheapest candidate. Null if no price is known.")
        ),
        likely_cost=null_or(
            number("The cost with a response of the usual length, at the first candidate. Null if unknown.")
        ),
        max_cost=null_or(
            number("The cost with the longest response, at the most expensive candidate. Null if unknown.")
        ),
        providers=array(
            struct(
                "provider model max_completion_tokens price_known min_cost likely_cost max_cost allowed",
                provider=string(),
                model=string(),
                max_completion_tokens=null_or(integer("The request's limit, or the model's.")),
                price_known=boolean(),
                min_cost=null_or(number()),
                likely_cost=null_or(number()),
                max_cost=null_or(number()),
                allowed=boolean("Whether the caller's budgets and wallet allow the request there now."),
            )
        ),
        allowed=boolean("Whether the caller's budgets and wallet allow the request now."),
        refusal=null_or(
            struct(
                "status code message",
                "What the request would be refused with.",
                status=integer(),
                code=null_or(string()),
                message=string(),
            )
        ),
    ),
}
