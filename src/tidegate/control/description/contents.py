"""Gemini's generateContent: request and response schemas."""

from . import extensions
from .schema import Schema, array, boolean, integer, number, ref, string, struct

__all__ = ["SCHEMAS"]

BLOB = struct("mimeType data", mimeType=string(), data=string("Base64."))

PARTS: dict[str, Schema] = {
    "ContentPart": struct(
        "",
        "One of: text, media, a call, its result. Other parts are passed to Gemini unchanged.",
        text=string(),
        thought=boolean("Whether the text is reasoning."),
        thoughtSignature=string("Data that the provider needs to receive again. Send it back unchanged."),
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
                    "A piece of the arguments, if they were requested in pieces.",
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
    "Content": struct(
        "parts", role=string("", "user", "model", "function"), parts=array(ref("ContentPart"), minItems=1)
    ),
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
        "A generateContent request. Snake-case names (`system_instruction`) are accepted too; fields that"
        " are not listed here are passed to Gemini unchanged.",
        contents=array(ref("Content"), minItems=1),
        **extensions.FIELDS,
        systemInstruction=ref("Content"),
        tools=array({"type": "object"}, "`functionDeclarations`, or tools run by Google."),
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
        model=string("Ignored: the path names the model."),
    ),
    "GenerateContentResponse": struct(
        "",
        "A response; for streams the JSON of one `data:` line (with `alt=sse`) or one item of the array.",
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
            promptTokenCount=integer("Including cached tokens."),
            candidatesTokenCount=integer("Without reasoning tokens."),
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
        name=string("`models/` and the name to use in requests."),
        baseModelId=string(),
        version=string(),
        displayName=string(),
        supportedGenerationMethods=array(string()),
    ),
    "GeminiModelList": struct("models", models=array(ref("GeminiModel"))),
}
