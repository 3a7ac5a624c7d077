"""What stands before every request: headers of answers, languages, limits, CSRF."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils.translation import gettext as _

from web import rate
from web.refused import Refused, answer, is_api
from web.service import service

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
Next = Callable[[HttpRequest], HttpResponse]


class Headers:
    """Adds the headers that limit what a browser does with our answers."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Next):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "microphone=(), geolocation=()")
        return response


class Languages(LocaleMiddleware):
    """The language that the visitor chose, or that the browser asks for."""


class Limits:
    """Refuses requests from other sites, too long ones, and too many of them."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Next):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return self.get_response(request)
        if is_foreign(request):
            return answer(_("Requests from other web sites are refused."), 403)
        if request.method == "POST":
            refusal = _too_long(request) or _too_many(request)
            if refusal:
                return refusal
        response = self.get_response(request)
        if response.status_code == 405:
            return answer(_("This address does not take %(name)s.") % {"name": request.method}, 405)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answers a refusal of the API with its sentence."""
        if isinstance(error, Refused):
            return answer(error, error.status)
        if isinstance(error, (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)):
            return answer(_("The request has too many or too long fields."), 413)
        return None


def is_foreign(request: HttpRequest) -> bool:
    """Returns whether a browser says that another site sent a request."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.get_host()}":
        return True
    followed = request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    return not followed and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def is_program(request: HttpRequest) -> bool:
    """Returns whether a request has nothing that only browsers send: no Origin, no cookies, …"""
    names = ("Origin", "Cookie", "Referer", "Sec-Fetch-Site")
    return not any(request.headers.get(name) for name in names)


def _too_long(request):
    """Returns a refusal by the length that a request announces, before it is read."""
    limit = service().options.request_bytes
    length = request.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > limit:
        return answer(
            _("The request is longer than %(limit)d MB.") % {"limit": limit // 10**6}, 413
        )
    return None


def _too_many(request):
    site = service()
    wait = site.rate.wait(rate.address(request, site.options.proxies))
    if not wait:
        return None
    response = answer(
        _("Too many requests from your address. The next one is possible in %(n)d s.")
        % {"n": wait},
        429,
    )
    response.headers["Retry-After"] = str(wait)
    return response


class Csrf(CsrfViewMiddleware):
    """Django's protection for what browsers send; programs need no token for the API."""

    def process_view(self, request: HttpRequest, callback: Any, *args: Any) -> HttpResponse | None:
        """Returns a refusal, or None."""
        if is_api(request) and is_program(request):
            return None
        return super().process_view(request, callback, *args)
