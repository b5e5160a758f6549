"""What a check counted for each guarantee, and what it found violated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

TITLES: Final = {
    "G1": "Truth",
    "G2": "No zombies",
    "G3": "Nothing lost",
    "G4": "Never backwards",
    "G5": "Isolation",
    "G6": "One clock",
    "G7": "No item stops a run twice",
    "fair": "Fair claims",
    "locks": "No deadlocks",
}
SHOWN_VIOLATIONS: Final = 20  # of one guarantee, in text; the JSON has all of them


@dataclass
class Finding:
    """One guarantee. `counted` is what was examined: without any, the absence of violations proves nothing."""

    code: str
    counted: dict[str, float] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, finding: dict[str, Any]) -> Self:
        return cls(finding["guarantee"], finding["counted"], finding["violations"])

    def count(self, what: str, number: float = 1) -> None:
        self.counted[what] = self.counted.get(what, 0) + number

    def count_highest(self, what: str, number: float) -> None:
        self.counted[what] = round(max(self.counted.get(what, 0), number), 2)

    def violate(self, text: str) -> None:
        self.violations.append(text)

    def as_json(self) -> dict[str, Any]:
        title = TITLES[self.code]
        return {"guarantee": self.code, "title": title, "counted": self.counted, "violations": self.violations}

    def as_text(self) -> str:
        verdict = f"VIOLATED {len(self.violations):,} times" if self.violations else "kept"
        lines = [f"{self.code} {TITLES[self.code]}: {verdict}. Counted:"]
        lines += [f"{number:>12,}  {what}" for what, number in self.counted.items()]
        lines += [f"    VIOLATED: {text}" for text in self.violations[:SHOWN_VIOLATIONS]]
        if len(self.violations) > SHOWN_VIOLATIONS:
            lines.append(f"    and {len(self.violations) - SHOWN_VIOLATIONS:,} more")
        return "\n".join(lines)


class Findings(dict[str, Finding]):
    """One `Finding` a guarantee, by its code."""

    def __init__(self) -> None:
        super().__init__({code: Finding(code) for code in TITLES})

    def violations(self) -> list[str]:
        return [f"{code}: {text}" for code, finding in self.items() for text in finding.violations]
