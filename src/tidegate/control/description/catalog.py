"""What can be asked for, what is known about it, and what it would cost: schemas."""

from tidegate.catalog import CAPABILITIES

from .schema import Schema, array, boolean, integer, null_or, number, ref, string, struct

__all__ = ["SCHEMAS"]

RATES: Schema = {
    "type": "object",
    "description": "US dollars by class of tokens: `input`, `output`, `cache_read`, `cache_write` …",
    "additionalProperties": {"type": "number"},
}

SCHEMAS: dict[str, Schema] = {
    "ModelPrices": struct(
        "currency",
        "What the model costs now. What has no price of its own costs what it is a part of.",
        currency=string("", "USD"),
        per_million_tokens=RATES,
        above=array(
            struct(
                "prompt_tokens per_million_tokens",
                prompt_tokens=integer("The prices count for longer prompts than this."),
                per_million_tokens=RATES,
            )
        ),
        per_thousand=struct("", searches=number("Web searches."), requests=number()),
        per_image=array(
            struct("price", price=number("US dollars for one."), size=string(), quality=string())
        ),
    ),
    "DetailedModel": struct(
        "id object created owned_by label provider model",
        "A model with all that is known about it; what is not known is left out.",
        id=string("The name to ask for."),
        object=string("", "model"),
        created=integer(),
        owned_by=string("The provider."),
        label=string("Its name for people."),
        description=string(),
        type=string("", "chat", "embedding", "image"),
        provider=string("Who is asked first."),
        model=string("The provider's own name of it."),
        served_by=array(string(), "`provider/model` of all who can serve it, the first choice first."),
        context_window=integer("Tokens of prompt and answer together."),
        max_output_tokens=integer(),
        input_modalities=array(string()),
        output_modalities=array(string()),
        capabilities=array(string("", *CAPABILITIES)),
        reasoning_efforts=array(string()),
        dimensions=integer("The length of its vectors."),
        training_cutoff=string("`YYYY-MM`."),
        released=string(format="date"),
        retires=string("When its provider takes it away.", format="date"),
        prices=ref("ModelPrices"),
    ),
    "DetailedModelList": struct("object data", object=string("", "list"), data=array(ref("DetailedModel"))),
    "ModelsByProvider": struct(
        "object data models",
        object=string("", "list"),
        data=array(ref("Model")),
        models={
            "type": "object",
            "description": "The providers' own names of their models, by provider.",
            "additionalProperties": array(string()),
        },
    ),
    "ProvidersHealth": struct(
        "status providers",
        status=string("", "ok", "unavailable"),
        providers=array(
            struct(
                "name kind configured reachable",
                name=string(),
                kind=string(),
                configured=boolean(),
                reachable=null_or(boolean("Null: not known; providers are not asked for this.")),
            )
        ),
    ),
    "ChatEstimate": struct(
        "object model prompt_tokens uncounted currency min_cost max_cost providers",
        object=string("", "chat.estimate"),
        model=string(),
        prompt_tokens=integer("Counted here, near to what the provider will count."),
        uncounted=array(string("", "image", "document", "audio", "video"), "What the count is silent about."),
        currency=string("", "USD"),
        min_cost=null_or(number("The prompt alone, at the cheapest candidate. Null: no price is known.")),
        max_cost=null_or(
            number("With the longest answer, at the dearest candidate. Null: that is not known.")
        ),
        providers=array(
            struct(
                "provider model max_completion_tokens min_cost max_cost",
                provider=string(),
                model=string(),
                max_completion_tokens=null_or(integer("The request's limit, else the model's.")),
                min_cost=null_or(number()),
                max_cost=null_or(number()),
            )
        ),
    ),
}
