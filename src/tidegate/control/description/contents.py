"""Gemini's contents: what may be asked and what is answered."""

from . import extensions
from .schema import Schema, array, boolean, integer, number, ref, string, struct

__all__ = ["SCHEMAS"]

BLOB = struct("mimeType data", mimeType=string(), data=string("Base64."))

PARTS: dict[str, Schema] = {
    "ContentPart": struct(
        "",
        "One of: a text, media, a call, its result. Other kinds reach Gemini untouched.",
        text=string(),
        thought=boolean("Whether the text is thinking."),
        thoughtSignature=string("What the provider needs to see again. Send it back."),
        inlineData=BLOB,
        fileData=struct("fileUri", mimeType=string(), fileUri=string()),
        functionCall=struct(
            "",
            id=string(),
            name=string(),
            args={"type": "object"},
            partialArgs=array(
                struct(
                    "",
                    "A piece of the arguments, from a Gemini that was asked for pieces.",
                    jsonPath=string(),
                    stringValue=string(),
                    numberValue=number(),
                    boolValue=boolean(),
                    willContinue=boolean(),
                )
            ),
            willContinue=boolean(),
        ),
        functionResponse=struct(
            "name response",
            id=string(),
            name=string(),
            response={"type": "object"},
            parts=array({"type": "object"}, "Media of the result."),
        ),
    ),
    "Content": struct("parts", role=string("", "user", "model", "function"), parts=array(ref("ContentPart"))),
}

CONFIG = struct(
    "",
    temperature=number(),
    topP=number(),
    topK=number(),
    candidateCount=integer(minimum=1),
    maxOutputTokens=integer(minimum=1),
    stopSequences=array(string()),
    seed=integer(),
    presencePenalty=number(),
    frequencyPenalty=number(),
    responseLogprobs=boolean(),
    logprobs=integer(),
    responseMimeType=string(),
    responseSchema={"type": "object"},
    responseJsonSchema={"type": "object"},
    responseModalities=array(string()),
    thinkingConfig=struct("", includeThoughts=boolean(), thinkingBudget=integer(), thinkingLevel=string()),
)

COUNT = struct("", modality=string(), tokenCount=integer())

SCHEMAS: dict[str, Schema] = {
    **PARTS,
    "GenerateContentRequest": struct(
        "contents",
        "A request for contents. Names may have Google's other form (`system_instruction`), too; fields that"
        " are not named here reach Gemini untouched.",
        contents=array(ref("Content"), minItems=1),
        **extensions.FIELDS,
        systemInstruction=ref("Content"),
        tools=array({"type": "object"}, "`functionDeclarations`, or tools that Google runs."),
        toolConfig=struct(
            "",
            functionCallingConfig=struct(
                "",
                mode=string("", "AUTO", "ANY", "NONE", "VALIDATED"),
                allowedFunctionNames=array(string()),
            ),
        ),
        generationConfig=CONFIG,
        serviceTier=string(),
        model=string("The path names it."),
    ),
    "GenerateContentResponse": struct(
        "",
        "An answer, or with `alt=sse` the JSON of one `data:` line, or else one item of the array.",
        candidates=array(
            struct(
                "",
                index=integer(),
                content=ref("Content"),
                finishReason=string(examples=["STOP", "MAX_TOKENS", "SAFETY"]),
                finishMessage=string(),
                citationMetadata={"type": "object"},
                groundingMetadata={"type": "object"},
                logprobsResult={"type": "object"},
            )
        ),
        promptFeedback=struct("", blockReason=string(), blockReasonMessage=string()),
        usageMetadata=struct(
            "",
            promptTokenCount=integer("Cached tokens included."),
            candidatesTokenCount=integer("Thoughts not included."),
            thoughtsTokenCount=integer(),
            cachedContentTokenCount=integer(),
            toolUsePromptTokenCount=integer(),
            totalTokenCount=integer(),
            promptTokensDetails=array(COUNT),
            candidatesTokensDetails=array(COUNT),
            cacheTokensDetails=array(COUNT),
        ),
        modelVersion=string(),
        responseId=string(),
        createTime=string(),
    ),
    "CountContentRequest": struct(
        "",
        "`contents`, or a whole request.",
        contents=array(ref("Content")),
        generateContentRequest=ref("GenerateContentRequest"),
    ),
    "ContentCount": struct("totalTokens", totalTokens=integer()),
    "GeminiModel": struct(
        "name displayName supportedGenerationMethods",
        name=string("`models/` and the name to ask for."),
        baseModelId=string(),
        version=string(),
        displayName=string(),
        supportedGenerationMethods=array(string()),
    ),
    "GeminiModelList": struct("models", models=array(ref("GeminiModel"))),
}
