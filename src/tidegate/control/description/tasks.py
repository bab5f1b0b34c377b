"""Schemas of the tasks other than chat: text completions, embeddings, images and moderations."""

from . import extensions
from .schema import Schema, any_of, array, integer, null_or, number, ref, string, struct

__all__ = ["SCHEMAS"]

TOKENS = array(integer(minimum=0), "Tokens of the model's own vocabulary.")

EDITED: dict[str, Schema] = {
    "model": extensions.MODEL,
    "prompt": string("What is to be changed."),
    "n": integer("The number of images.", minimum=1),
    "size": string("Width and height in pixels, or `auto`.", examples=["1024x1024", "1536x1024"]),
    "quality": string("A value defined by the provider.", examples=["low", "medium", "high"]),
    "input_fidelity": string("How closely the images are followed, at OpenAI.", "low", "high"),
    "output_format": string("The image format.", examples=["png", "jpeg", "webp"]),
    "response_format": string("A URL or base64.", "url", "b64_json"),
    "stream": {"type": "boolean", "description": "Whether the images are sent as events."},
}
"""Fields of edits, whichever way they are written."""

SCHEMAS: dict[str, Schema] = {
    "CompletionsRequest": struct(
        "model prompt",
        "A text completion request in OpenAI's older dialect. Other fields are passed to providers that have "
        "text completions.",
        model=extensions.MODEL,
        prompt=any_of(
            string("The text to complete."),
            array(string(), "Several prompts, if the provider accepts them."),
            TOKENS,
            array(TOKENS),
        ),
        suffix=string("The text behind the completion, if the provider has text completions."),
        max_tokens=integer("The most tokens to generate.", minimum=0),
        temperature=number("Randomness, from 0 to 2."),
        top_p=number("Nucleus sampling, from 0 to 1."),
        n=integer("The number of completions.", minimum=1),
        stop=any_of(string(), array(string()), description="Texts that end the completion."),
        stream={"type": "boolean", "description": "Whether to stream the completion."},
        stream_options=struct("", include_usage={"type": "boolean"}),
        echo={"type": "boolean", "description": "Whether to repeat the prompt (text completions only)."},
        logprobs=integer("Log probabilities (text completions only)."),
        best_of=integer("Completions to choose from (text completions only)."),
        user=string("The client's id for its end user."),
        **extensions.FIELDS,
    ),
    "Completions": struct(
        "id object created model choices",
        "A completion, or an event of its stream.",
        id=string(),
        object=string("", "text_completion"),
        created=integer("Seconds since 1970."),
        model=string("The model that responded."),
        choices=array(
            struct(
                "index text finish_reason",
                index=integer(),
                text=string(),
                finish_reason=null_or(string("Why the text ended.", "stop", "length", "content_filter")),
            )
        ),
        usage=null_or(ref("Usage")),
    ),
    "ModerationsRequest": struct(
        "input",
        "A moderation request in OpenAI's dialect.",
        model=string("Default: `omni-moderation-latest`, as at OpenAI.", minLength=1),
        input=any_of(
            string("One text."),
            array(any_of(string(), {"type": "object"}), "Texts, or parts with text and images."),
        ),
        **extensions.FIELDS,
    ),
    "Moderations": struct(
        "results",
        "The provider's results; categories are its own.",
        id=string(),
        model=string("The model that responded."),
        results=array(
            struct(
                "",
                flagged={"type": "boolean"},
                categories={"type": "object", "additionalProperties": True},
                category_scores={"type": "object", "additionalProperties": True},
            )
        ),
    ),
    "EmbeddingsRequest": struct(
        "model input",
        "An embeddings request in OpenAI's dialect.",
        model=extensions.MODEL,
        input=any_of(
            string("One text."),
            array(string(), "Texts, with one vector for each."),
            TOKENS,
            array(TOKENS),
            description="The texts to embed, or tokens if the provider accepts them.",
        ),
        dimensions=integer("The length of the vectors, if the model supports it.", minimum=1),
        encoding_format=string(
            "Numbers, or little-endian 32-bit floats in base64; converted by Tidegate if the provider "
            "supports only one.",
            examples=["float", "base64"],
        ),
        input_type=string(
            "Tidegate extension: the purpose of the vectors.",
            examples=["search_document", "search_query", "classification", "clustering"],
        ),
        user=string("The client's id for its end user."),
        **extensions.FIELDS,
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
        model=string("The model that responded."),
        usage=struct(
            "prompt_tokens total_tokens",
            "0 if the provider reports none.",
            prompt_tokens=integer(),
            total_tokens=integer(),
        ),
    ),
    "ImagesRequest": struct(
        "prompt",
        "An image generation request in OpenAI's dialect.",
        model=string(
            "`provider/model`, or a name that the gateway resolves. Default: `dall-e-2`, as at OpenAI.",
            minLength=1,
        ),
        prompt=string("A description of the image."),
        n=integer("The number of images.", minimum=1),
        size=string("Width and height in pixels, or `auto`.", examples=["1024x1024", "1536x1024"]),
        quality=string("A value defined by the provider.", examples=["low", "medium", "high", "hd"]),
        style=string("A value defined by the provider.", examples=["vivid", "natural"]),
        background=string("A value defined by the provider.", examples=["transparent", "opaque"]),
        response_format=string(
            "A URL or base64. If the provider returns only bytes, the URL is a data URL.",
            "url",
            "b64_json",
        ),
        output_format=string("The image format.", examples=["png", "jpeg", "webp"]),
        stream={"type": "boolean", "description": "Whether the images are sent as events."},
        partial_images=integer("The number of previews in a stream, where the provider has them.", minimum=0),
        user=string("The client's id for its end user."),
        **extensions.FIELDS,
    ),
    "ImageEditForm": struct(
        "prompt image",
        "Fields of an image generation request, and files.",
        image={"type": "string", "format": "binary", "description": "An image; several as `image[]`."},
        mask={"type": "string", "format": "binary", "description": "What is to be edited, at OpenAI."},
        **EDITED,
    ),
    "ImageEditRequest": struct(
        "prompt images",
        "The same as JSON.",
        images=array(struct(image_url=string("A data URL, or a URL."), file_id=string("At OpenAI."))),
        mask=struct(image_url=string("A data URL, or a URL."), file_id=string("At OpenAI.")),
        **EDITED,
    ),
    "Images": struct(
        "created data",
        "The images; additional fields from the provider are kept.",
        created=integer("Seconds since 1970."),
        data=array(
            struct(
                url=string("The image's URL, or a data URL."),
                b64_json=string("The image in base64."),
                revised_prompt=string("The prompt after the provider's revision."),
            )
        ),
        usage=struct(
            "",
            "If the provider reports tokens.",
            input_tokens=integer(),
            output_tokens=integer(),
            total_tokens=integer(),
            input_tokens_details=struct(text_tokens=integer(), image_tokens=integer()),
        ),
    ),
    "ImageEvent": struct(
        "type created_at size quality background output_format",
        "An event of a stream: a preview, or an image.",
        type=string(
            "Of edits `image_edit.…`.",
            "image_generation.partial_image",
            "image_generation.completed",
            "image_edit.partial_image",
            "image_edit.completed",
        ),
        b64_json=string("The image in base64."),
        url=string("In place of `b64_json`, if the provider only links to the image."),
        partial_image_index=integer("The number of a preview, counted from 0."),
        created_at=integer("Seconds since 1970."),
        size=string(),
        quality=string(),
        background=string(),
        output_format=string(),
        usage={"description": "With the last image, if the provider reports tokens.", "type": "object"},
    ),
    "EmbedContentRequest": struct(
        "content",
        "A request for one vector, in Google's dialect.",
        content=struct("parts", parts=array(struct("text", text=string("What is to be embedded.")))),
        taskType=string("What the vector is for.", examples=["RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"]),
        outputDimensionality=integer("The length of the vector.", minimum=1),
    ),
    "BatchEmbedContentsRequest": struct(
        "requests",
        "A request for several vectors, all of one task type and length.",
        requests=array(ref("EmbedContentRequest")),
    ),
    "EmbedContentResponse": struct(
        "embedding",
        "A vector.",
        embedding=struct("values", values=array(number())),
    ),
    "BatchEmbedContentsResponse": struct(
        "embeddings",
        "Vectors, in the order of the requests.",
        embeddings=array(struct("values", values=array(number()))),
    ),
}
