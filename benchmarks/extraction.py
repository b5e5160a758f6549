"""`python -m benchmarks extraction [FOLDER]`: which facts are read right, wrong or not at all, for each document.

FOLDER holds documents (PDF, HTML, XML, pictures), each with a JSON file of the same name beside it with its
true facts: any of `language`, `vendor`, `amount`, `currency`, `issued_on` (ISO) and `invoice_number`. A null means that
the document doesn't state the fact; one that the file doesn't name isn't judged. `"receipt": false` means that the
document is no receipt. Without FOLDER it is the project's own corpus, in `tests/corpus`.

Each document is read as a sync reads it: as the only attachment of a mail without text, from a stranger or
from the `sender` that the file names, as "Acme Ltd <billing@acme.example>".

A field counts as sure if its document as a whole needs no review, which is what people see, and as undoubted if no
reason for a review concerns the field itself.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import django
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from receipts.scanner.scanner import Scanner

OWN_CORPUS: Final = Path(__file__).parent.parent / "tests" / "corpus"
FIELDS: Final = ("amount", "currency", "issued_on", "invoice_number", "vendor")
GOALS: Final = FIELDS[:3]
STRANGER: Final = "post@example.com"
# The fields that a reason for a review concerns; every other reason concerns all fields.
DOUBTED: Final = {
    "no_amount": ("amount", "currency"),
    "ambiguous_amount": ("amount", "currency"),
    "no_currency": ("currency",),
    "no_date": ("issued_on",),
    "ambiguous_date": ("issued_on",),
    "no_vendor": ("vendor",),
    "ambiguous_vendor": ("vendor",),
}
SUFFIXES: Final = {".pdf", ".html", ".htm", ".xml", ".png", ".jpg", ".jpeg"}


@dataclass
class Score:
    """How often a field was read right, wrong or not at all.

    `sure` counts those whose documents need no review, `undoubted` those that no reason for a review concerns.
    """

    right: int = 0
    missing: int = 0
    wrong: int = 0
    wrong_and_sure: int = 0
    right_and_sure: int = 0
    wrong_and_undoubted: int = 0
    right_and_undoubted: int = 0

    @property
    def documents(self) -> int:
        return self.right + self.missing + self.wrong

    def add(self, other: Score) -> None:
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)


@dataclass
class Judgement:
    """The scores of all documents, by language and field."""

    scores: dict[tuple[str, str], Score] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)  # receipts that weren't recognised
    imagined: list[str] = field(default_factory=list)  # other documents that were taken for receipts
    lines: list[str] = field(default_factory=list)  # every error, for the developer who corrects it
    # Of documents that state amount, currency and date: one that lacks any of them has to be reviewed in any case.
    complete: Score = field(default_factory=Score)

    def of(self, language: str, name: str) -> Score:
        return self.scores.setdefault((language, name), Score())


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks extraction", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=OWN_CORPUS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()
    judgement = judge(options.folder)
    if options.json:
        print(json.dumps(_as_json(judgement), ensure_ascii=False, indent=2))
    else:
        _show(judgement)
    sys.exit(0 if judgement.scores else 1)


def judge(folder: Path) -> Judgement:
    from receipts.scanner.scanner import Scanner  # needs Django

    judgement = Judgement()
    with Scanner() as scanner:
        for document, truth in _documents(folder):
            _judge_document(judgement, document, truth, _read(document, scanner, truth.get("sender", STRANGER)))
    return judgement


def _judge_document(
    judgement: Judgement, document: Path, truth: dict[str, Any], finding: dict[str, Any] | None
) -> None:
    language = truth.get("language", "?")
    if truth.get("receipt") is False:
        judgement.imagined += [document.name] if finding else []
        return
    if finding is None:
        judgement.skipped.append(document.name)
    is_complete = all(truth.get(name, "not judged") is not None for name in GOALS)
    for name in FIELDS:
        if name in truth:
            score = _judge_field(judgement, document.name, language, name, truth[name], finding)
            if is_complete and name in GOALS and score.right:
                judgement.complete.right += 1
                judgement.complete.right_and_sure += score.right_and_sure


def _judge_field(
    judgement: Judgement, document: str, language: str, name: str, truth: Any, finding: dict[str, Any] | None
) -> Score:
    """The field's own score, which is added to that of its language and name."""
    score = Score()
    found = finding[name] if finding else None
    is_sure = bool(finding and not finding["needs_review"])
    is_undoubted = finding is not None and not _is_doubted(name, finding["review_reasons"])
    if _same(name, found, truth):
        score.right += 1
        score.right_and_sure += is_sure
        score.right_and_undoubted += is_undoubted
    elif not found:
        score.missing += 1
    else:
        score.wrong += 1
        score.wrong_and_sure += is_sure
        score.wrong_and_undoubted += is_undoubted
    if not _same(name, found, truth):
        reasons = finding["review_reasons"] if finding else []
        surely = " and sure" if is_sure and found else ""
        why = f" ({', '.join(reasons)})" if reasons else ""
        judgement.lines.append(f"{document}: {name} is {truth!r}, read{surely} as {found!r}{why}")
    judgement.of(language, name).add(score)
    return score


def _is_doubted(name: str, reasons: Sequence[str]) -> bool:
    return any(name in DOUBTED.get(reason, FIELDS) for reason in reasons)


def _same(name: str, found: Any, truth: Any) -> bool:
    if name == "vendor" and found and truth:
        return " ".join(str(found).split()).casefold() == " ".join(str(truth).split()).casefold()
    return (found or None) == (truth or None)


def _documents(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for document in sorted(folder.iterdir()):
        facts = document.with_suffix(".json")
        if document.suffix.lower() in SUFFIXES and facts.exists():
            yield document, json.loads(facts.read_text())


def _read(document: Path, scanner: Scanner, sender: str) -> dict[str, Any] | None:
    """What a sync would store of it; None where it would skip it."""
    from runs.exceptions import ItemFailed  # needs Django

    try:
        scanned = scanner.scan(_mail_with(document, sender))
    except ItemFailed:
        return None
    if not scanned.findings:
        return None
    [(_document, finding), *_others] = scanned.findings
    return {
        "vendor": finding.vendor,
        "amount": f"{finding.amount:.2f}" if finding.amount is not None else None,
        "currency": finding.currency,
        "issued_on": finding.issued_on.isoformat() if finding.issued_on else None,
        "invoice_number": finding.invoice_number,
        "needs_review": finding.needs_review,
        "review_reasons": finding.review_reasons,
    }


def _mail_with(document: Path, sender: str) -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Document", sender, "office@example.net"
    mail["Message-ID"] = f"<{document.name.encode().hex()}@example.com>"
    mail.set_content("See the attached document.")
    kind, subkind = (mimetypes.guess_type(document.name)[0] or "application/octet-stream").split("/")
    mail.add_attachment(document.read_bytes(), maintype=kind, subtype=subkind, filename=f"document{document.suffix}")
    return mail.as_bytes()


def totals(judgement: Judgement) -> dict[str, float | None]:
    """The shares that have goals: of facts that are right, wrong and sure, and sure among the right."""
    judged = [score for (_language, name), score in judgement.scores.items() if name in GOALS]
    count = sum(score.documents for score in judged)
    right = sum(score.right for score in judged)
    everything = judgement.scores.values()
    all_fields = sum(score.documents for score in everything)
    return {
        "right": _share(right, count),
        "wrong_and_sure": _share(sum(score.wrong_and_sure for score in everything), all_fields),
        "sure_of_right": _share(sum(score.right_and_sure for score in judged), right),
        "sure_of_right_in_complete_documents": _share(judgement.complete.right_and_sure, judgement.complete.right),
        "wrong_and_undoubted": _share(sum(score.wrong_and_undoubted for score in everything), all_fields),
        "undoubted_of_right": _share(sum(score.right_and_undoubted for score in judged), right),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _as_json(judgement: Judgement) -> dict[str, Any]:
    scores = {f"{language} {name}": vars(score) for (language, name), score in sorted(judgement.scores.items())}
    return {**totals(judgement), "skipped": judgement.skipped, "imagined": judgement.imagined, "scores": scores}


def _show(judgement: Judgement) -> None:
    table = Table("language", "field", "documents", "right", "missing", "wrong", "wrong and sure", "right and sure")
    for (language, name), score in sorted(judgement.scores.items()):
        figures = (score.documents, score.right, score.missing, score.wrong, score.wrong_and_sure, score.right_and_sure)
        table.add_row(language, name, *map(str, figures))
    console = Console(soft_wrap=True, highlight=False)
    for line in judgement.lines:
        console.print(line, markup=False)
    console.print(table)
    for name, share in totals(judgement).items():
        console.print(f"{name}: {'nothing judged' if share is None else f'{share:.1%}'}", markup=False)
    for what, names in (("passed over", judgement.skipped), ("no receipts, but read", judgement.imagined)):
        console.print(f"{what}: {', '.join(names) or 'none'}", markup=False)
