"""The pages for people."""

import io
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from PIL import Image

from experiments.data import photos, pictures
from nst.controls import COLOURS
from web import kinds
from web.refused import answer, is_api
from web.registry import Entry
from web.service import service

THUMB, LARGE = 160, 1024  # pixels of the longer side of an example
SIZES = (256, 384, 512, 768, 1024, 1536, 2048)
YEAR = 365 * 24 * 3600
# what the models of a kind do: in the heading of their page, in the list of all
HEADINGS = {
    "any": gettext_lazy("Your photograph in any style"),
    "learned": gettext_lazy("Your photograph in learned styles"),
    "translate": gettext_lazy("One kind of picture into another"),
    "sample": gettext_lazy("Pictures from noise"),
}
COLOUR_NAMES = {
    "style": gettext_lazy("from the painting"),
    "luminance": gettext_lazy("from the photograph"),
    "coral": gettext_lazy("painting fitted to the photograph (CORAL)"),
    "cholesky": gettext_lazy("painting fitted to the photograph (Cholesky)"),
    "pca": gettext_lazy("painting fitted to the photograph (PCA)"),
    "symmetric": gettext_lazy("painting fitted to the photograph (symmetric)"),
    "histogram": gettext_lazy("painting fitted to the photograph (histogram)"),
}
LEARNED_COLOURS = ("style", "luminance")  # there is no painting that could be fitted


def everywhere(request: HttpRequest) -> dict[str, Any]:
    """Returns what every page shows."""
    return {"options": service().options}


@require_http_methods(["GET", "HEAD"])
def home(request: HttpRequest) -> HttpResponse:
    """The first page: any style at once, or what there is instead."""
    entry = service().registry.default("any")
    return models(request) if entry is None else _order_page(request, entry)


@require_http_methods(["GET", "HEAD"])
def model(request: HttpRequest, name: str) -> HttpResponse:
    """The page of a model."""
    entry = service().registry.entries().get(name)
    if entry is None:
        raise Http404
    return _order_page(request, entry)


def _order_page(request: HttpRequest, entry: Entry) -> HttpResponse:
    if entry.kind == "learned":
        service().previews.want(entry)
    action = next(name for name, able in kinds.ACTIONS.items() if entry.kind in able)
    known = LEARNED_COLOURS if entry.kind == "learned" else COLOURS
    largest = service().options.max_side
    context = {
        "entry": entry,
        "heading": HEADINGS[entry.kind],
        "action": reverse(action),
        "contents": photos.CONTENT,
        "styles": photos.STYLE,
        "colours": [(name, COLOUR_NAMES.get(name, name)) for name in known],
        "sizes": [size for size in SIZES if size <= largest] or [largest],
        "size": min(kinds.stylize.SIZE, largest),
        "ways": kinds.sample.WAYS if entry.mixes else ("pictures", "walk"),
        "most": kinds.sample.MOST,
    }
    return _fresh(render(request, "web/order.html", context))


def _fresh(response):
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_http_methods(["GET", "HEAD"])
def models(request: HttpRequest) -> HttpResponse:
    """All models, by kind."""
    entries = list(service().registry.entries().values())
    groups = [
        (heading, [e for e in entries if e.kind == kind]) for kind, heading in HEADINGS.items()
    ]
    context = {"groups": [group for group in groups if group[1]]}
    return _fresh(render(request, "web/models.html", context))


@require_http_methods(["GET", "HEAD"])
def documentation(request: HttpRequest) -> HttpResponse:
    """What programs can ask for."""
    context = {
        "address": request.build_absolute_uri("/").rstrip("/"),
        "colours": COLOURS,
        "levels": kinds.sample.LEVELS,
        "size": kinds.stylize.SIZE,
        "most": kinds.sample.MOST,
    }
    return render(request, "web/api.html", context)


@require_http_methods(["GET", "HEAD"])
def example(request: HttpRequest, name: str) -> HttpResponse:
    """A picture that comes with scikit-image; with `?small`, its thumbnail."""
    if name not in (*photos.CONTENT, *photos.STYLE):
        raise Http404
    data = _example(name, THUMB if "small" in request.GET else LARGE)
    response = HttpResponse(data, content_type="image/jpeg")
    patch_cache_control(response, public=True, max_age=YEAR)
    return response


@require_http_methods(["GET", "HEAD"])
def preview(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """A learned style, as far as its preview has been made."""
    entry = service().registry.entries().get(name)
    if entry is None:
        raise Http404
    path = service().previews.path(entry, number)
    if number >= len(entry.styles):
        raise Http404
    data = path.read_bytes() if path.exists() else b""
    if not data:
        return HttpResponse(status=204)  # not yet: the page asks again
    response = HttpResponse(data, content_type="image/jpeg")
    patch_cache_control(response, private=True, max_age=60)
    return response


@lru_cache(maxsize=64)
def _example(name, side):
    picture = photos.read(name)
    if max(picture.shape[:2]) > side:
        picture = pictures.fit_side(picture, side, max)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


@require_http_methods(["POST"])
def language(request: HttpRequest) -> HttpResponse:
    """Remembers the language that a visitor chose, and goes back to the page."""
    place = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(place, allowed_hosts=None):
        place = "/"
    response = HttpResponseRedirect(place)
    chosen = request.POST.get("language")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=YEAR,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite=settings.LANGUAGE_COOKIE_SAMESITE,
        )
    return response


# --- what cannot be shown


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answers a form whose token is missing or old."""
    return _message(request, _("This page was open for too long. Please load it again."), 403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers what Django itself refuses, such as an unknown host."""
    return _message(request, _("This request cannot be understood."), 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers what is not allowed."""
    return _message(request, _("This is not allowed."), 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers an address that does not exist."""
    return _message(request, _("There is no such page."), 404)


def broken(request: HttpRequest) -> HttpResponse:
    """Answers after an error of ours, which the log has."""
    return _message(request, _("Something went wrong on our side. The server has logged it."), 500)


def _message(request, sentence, status):
    if is_api(request):
        return answer(sentence, status)
    return render(request, "web/message.html", {"sentence": sentence}, status=status)
