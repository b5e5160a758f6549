"""Make the corpus anew: `python -m tests.corpus.make [NAME...]`. It is committed, for it needs programs to be made.

Needs chromium, soffice (LibreOffice), xelatex and the package reportlab; none of these is used by the project to
read documents, or shares a line with what does.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from tests.corpus.layouts import HTML, Paper
from tests.corpus.papers import PAPERS

HERE = Path(__file__).parent
_STYLES = re.compile(r"<style>.*?</style>| style=\"[^\"]*\"", re.DOTALL)


def main(names: Sequence[str]) -> None:
    for paper in PAPERS:
        if names and paper.name not in names:
            continue
        target = HERE / f"{paper.name}.pdf"
        TOOLS[paper.tool](paper, target)
        target.with_suffix(".json").write_text(json.dumps(paper.facts(), ensure_ascii=False, indent=2) + "\n")


def by_chromium(paper: Paper, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "paper.html")
        source.write_text(HTML[paper.layout](paper))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        _run(
            "chromium",
            *flags,
            f"--user-data-dir={folder}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            source,
        )


def by_libreoffice(paper: Paper, target: Path) -> None:
    """Without the style sheet: Writer makes columns out of it that are too narrow for their numbers."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, target.with_suffix(".html").name)
        source.write_text(_STYLES.sub("", HTML[paper.layout](paper)))
        _run(
            "soffice",
            f"-env:UserInstallation=file://{folder}/profile",
            "--headless",
            "--infilter=HTML (StarWriter)",
            "--convert-to",
            "pdf:writer_pdf_Export",
            "--outdir",
            target.parent,
            source,
        )


def by_reportlab(paper: Paper, target: Path) -> None:
    """Every text at its coordinates, the figures in a column of their own that is drawn last."""
    s, title = paper.shown, "CREDIT NOTE" if paper.layout == "credit" else "INVOICE"
    canvas = Canvas(str(target), pagesize=A4, invariant=True)
    left = [
        (800, paper.vendor),
        (785, "1200 Dock Street, Tacoma, WA 98402"),
        (740, title),
        (715, f"{title.title()} No."),
        (700, "Date"),
        (685, "Due date" if s["due"] else "Reference"),
        (640, "Customer: Kolman Trading Ltd"),
        (600, "Description"),
        (585, s["item"]),
        (550, "Subtotal"),
        (535, "Tax"),
        (515, "Total USD" if title == "INVOICE" else "Total credit"),
    ]
    right = [
        (715, paper.number),
        (700, s["date"]),
        (685, s["due"] or "Invoice MF-88001"),
        (600, "Amount"),
        (585, s["net"]),
        (550, s["net"]),
        (535, s["tax"]),
        (515, s["total"]),
    ]
    for x, texts in ((60, left), (420, right)):
        for y, text in texts:
            canvas.drawString(x, y, text)
    canvas.save()


def by_xelatex(paper: Paper, target: Path) -> None:
    s = paper.shown
    source = rf"""\documentclass{{letter}}\usepackage[margin=2.5cm]{{geometry}}\pagestyle{{empty}}\begin{{document}}
    \textbf{{{paper.vendor}}}\\ 9 Fleet Row\\ Dublin 2\par\bigskip To: Kolman Trading Ltd\par\bigskip
    {{\Large Invoice {paper.number}}}\par Invoice date: {s["date"]}\par Please pay by {s["due"]}.\par\bigskip
    \begin{{tabular}}{{lr}} {s["item"]} & {s["net"]}\\ VAT 21\% & {s["tax"]}\\ \hline Total due & {s["total"]}\\
    \end{{tabular}}\par\bigskip Sufficient office fluff: efficient affixes, 24 of 36.\end{{document}}"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "paper.tex").write_text(source)
        _run("xelatex", "-interaction=batchmode", f"-output-directory={folder}", Path(folder, "paper.tex"))
        target.write_bytes(Path(folder, "paper.pdf").read_bytes())


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=120)


TOOLS: dict[str, Callable[[Paper, Path], None]] = {
    "chromium": by_chromium,
    "libreoffice": by_libreoffice,
    "reportlab": by_reportlab,
    "xelatex": by_xelatex,
}

if __name__ == "__main__":
    main(sys.argv[1:])
