"""What can be asked for beside chat: embeddings and images."""

from .schema import Schema, any_of, array, integer, number, ref, string, struct

__all__ = ["SCHEMAS"]

WHO: dict[str, Schema] = {
    "provider": any_of(
        string("A provider's name."),
        ref("ProviderPreferences"),
        description="Who shall be asked.",
    ),
    "models": array(string(), "What to try when `model` fails, in order."),
}

TOKENS = array(integer(minimum=0), "Tokens of the model's own vocabulary.")

SCHEMAS: dict[str, Schema] = {
    "EmbeddingsRequest": struct(
        "model input",
        "A request for embeddings, in OpenAI's dialect.",
        model=string("`provider/model`, or a name that the gateway knows."),
        input=any_of(
            string("One text."),
            array(string(), "Texts, each with a vector of its own."),
            TOKENS,
            array(TOKENS),
            description="What is to be embedded: texts, or tokens where the provider takes them.",
        ),
        dimensions=integer("How long the vectors shall be, where the model leaves a choice.", minimum=1),
        encoding_format=string(
            "Numbers, or 32-bit floats in base64 with the lowest byte first; made here where the provider"
            " knows only one.",
            examples=["float", "base64"],
        ),
        input_type=string(
            "Tidegate's extension: what the vectors are for.",
            examples=["search_document", "search_query", "classification", "clustering"],
        ),
        user=string("The client's own id of its end user."),
        **WHO,
    ),
    "Embeddings": struct(
        "object data model usage",
        "Vectors, in the order of the inputs.",
        object=string("", "list"),
        data=array(
            struct(
                "object index embedding",
                object=string("", "embedding"),
                index=integer(),
                embedding=any_of(array(number()), string("Base64.")),
            )
        ),
        model=string("The model that answered."),
        usage=struct(
            "prompt_tokens total_tokens",
            "0 where the provider tells none.",
            prompt_tokens=integer(),
            total_tokens=integer(),
        ),
    ),
    "ImagesRequest": struct(
        "model prompt",
        "A request for images, in OpenAI's dialect.",
        model=string("`provider/model`, or a name that the gateway knows."),
        prompt=string("What is to be drawn."),
        n=integer("How many images.", minimum=1),
        size=string("Width and height in pixels, or `auto`.", examples=["1024x1024", "1536x1024"]),
        quality=string("In the provider's words.", examples=["low", "medium", "high", "hd"]),
        style=string("In the provider's words.", examples=["vivid", "natural"]),
        background=string("In the provider's words.", examples=["transparent", "opaque"]),
        response_format=string(
            "An address or bytes. Where the provider gives bytes only, the address holds them.",
            "url",
            "b64_json",
        ),
        output_format=string("The type of the image.", examples=["png", "jpeg", "webp"]),
        user=string("The client's own id of its end user."),
        **WHO,
    ),
    "Images": struct(
        "created data",
        "Images; what else the provider says of them stays in the answer.",
        created=integer("Seconds since 1970."),
        data=array(
            struct(
                url=string("Where the image is, or a data URL."),
                b64_json=string("The image in base64."),
                revised_prompt=string("What was drawn in truth."),
            )
        ),
        usage=struct(
            "",
            "Where the provider tells tokens.",
            input_tokens=integer(),
            output_tokens=integer(),
            total_tokens=integer(),
            input_tokens_details=struct(text_tokens=integer(), image_tokens=integer()),
        ),
    ),
}
