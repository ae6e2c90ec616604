"""What survives a restart: small JSON files, replaced whole."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Keep:
    """A dictionary that lives in a file, or in memory where no folder was given."""

    file: Path | None
    held: dict[str, dict[str, object]] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path | None, name: str) -> "Keep":
        """Return what the folder holds under this name.

        Raises:
            ValueError: the file is not ours to read; the message says what to do.
        """
        if folder is None:
            return cls(file=None)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.json"
        if not file.exists():
            return cls(file=file)
        try:
            return cls(file=file, held=json.loads(file.read_text()))
        except json.JSONDecodeError as broken:
            raise ValueError(
                f"{file} is not JSON ({broken}); remove it, and the feed begins anew"
            ) from broken

    def get(self, key: str) -> dict[str, object]:
        return dict(self.held.get(key, {}))

    def put(self, key: str, value: dict[str, object]) -> None:
        """Write through; a reader never sees half a file."""
        if self.held.get(key) == value:
            return
        self.held[key] = value
        if self.file is not None:
            draft = self.file.with_suffix(".draft")
            draft.write_text(json.dumps(self.held, indent=1))
            os.replace(draft, self.file)
