"""What is said to a person or program whose request cannot be carried out."""

from typing import Any

from django.http import HttpRequest, JsonResponse


class Refused(Exception):
    """A request that is refused, with a sentence that says why.

    Args:
        message: the sentence.
        status: the HTTP status.
    """

    def __init__(self, message: Any, status: int = 400):
        super().__init__(str(message))
        self.status = status


def answer(message: Any, status: int) -> JsonResponse:
    """Returns the JSON answer `{"error": message}`."""
    return JsonResponse({"error": str(message)}, status=status)


def is_api(request: HttpRequest) -> bool:
    """Returns whether a request gets JSON answers; the API's documentation is a page."""
    return request.path.startswith("/api/") and request.path != "/api/"
