"""The page that documents `<run-card>`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .access import page
from .examples import example_type, make_examples


@page
def card_docs(request: HttpRequest) -> HttpResponse:
    """How to use `<run-card>`, with every state it can show."""
    examples = make_examples()
    context = {
        "examples": examples,
        "card_data": {"examples": examples, "heading": example_type().type_label()},
        "origin": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "runs/card.html", context)
