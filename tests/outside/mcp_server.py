"""A Model Context Protocol server on standard input and output, with one tool: a tide gauge.

Only what Claude Code and Codex ask of one; nothing of it is imported by a test.
"""

import json
import sys
from typing import Any

TOOL = {
    "name": "read_gauge",
    "description": "Reads a tide gauge.",
    "inputSchema": {
        "type": "object",
        "properties": {"station": {"type": "string"}},
        "required": ["station"],
    },
    "annotations": {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False},
}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "tide", "version": "1.0"},
        }
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        station = params["arguments"]["station"]
        return {"content": [{"type": "text", "text": f"The gauge of {station} reads 12.5 metres."}]}
    return {}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            result = answer(message["method"], message.get("params") or {})
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


main()
