"""Where the configuration comes from."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.config import Config, load

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """Where the configuration comes from: everything needed to read it again."""

    path: Path | None
    """The file named on the command line; None means `tidegate.toml` in the working directory."""
    directory: Path
    overrides: Mapping[str, Any]
    """`section.key` → value, from the command line; they survive reloads."""

    def read(self) -> Config:
        """The configuration as it is now. Raises ConfigError."""
        return load(self.path, os.environ, self.directory, self.overrides)

    def to_json(self) -> str:
        """For a worker's environment."""
        path = str(self.path) if self.path else None
        return json.dumps({"path": path, "directory": str(self.directory), "overrides": dict(self.overrides)})

    @classmethod
    def from_json(cls, text: str) -> "Source":
        """What `to_json` wrote."""
        fields = json.loads(text)
        path = Path(fields["path"]) if fields["path"] else None
        return cls(path, Path(fields["directory"]), fields["overrides"])
