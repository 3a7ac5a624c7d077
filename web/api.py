"""The JSON API: order a picture, ask how far it is, fetch it, delete it."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.names import nearest
from web import kinds
from web.jobs import RESULTS, SMALL, Job
from web.refused import Refused, answer
from web.registry import Entry
from web.service import service
from web.worker import UNFORESEEN


@require_http_methods(["POST"])
def order(request: HttpRequest, action: str) -> JsonResponse:
    """Puts a job in line; answers 202 with its name.

    Args:
        request: multipart; which fields, says the kind of the model.
        action: "stylize", "translate" or "sample".
    """
    site = service()
    site.store.check_room(site.options.max_queue)
    entry = _chosen(request, action)
    with site.store.draft() as folder:
        values = kinds.KINDS[entry.kind].read(request, entry, folder, site.options)
        record = {"kind": entry.kind, "model": entry.name, "title": entry.title, "values": values}
        job = site.store.enqueue(folder, record, site.options.max_queue)
    site.worker.wake()
    place = site.store.place(job.id)
    answer = {"job": job.id, "state": "waiting", "place": place, "url": _address(job)}
    return JsonResponse(answer, status=202)


def _chosen(request: HttpRequest, action: str) -> Entry:
    """Returns the model that a request names, or the first one that can do it."""
    registry, able = service().registry, kinds.ACTIONS[action]
    entries = {e.name: e for e in registry.entries().values() if e.kind in able}
    name = request.POST.get("model", "")
    if not entries:
        raise Refused(_("There is no model here that can do this."), 404)
    if name and name not in entries:
        raise Refused(
            _("model: there is no “%(name)s” for this.") % {"name": name[:80]}
            + " "
            + nearest(name, entries),
            404,
        )
    return entries[name] if name else next(iter(entries.values()))


def _address(job):
    return reverse("job", args=[job.id])


@require_http_methods(["GET", "HEAD", "DELETE"])
def job(request: HttpRequest, name: str) -> HttpResponse:
    """Says how far a job is; DELETE removes it with its pictures."""
    found = _find(name)
    if request.method == "DELETE":
        if not service().store.delete(found):
            raise Refused(_("The picture is being made at this moment. Delete it afterwards."), 409)
        return HttpResponse(status=204)
    response = JsonResponse(described(found))
    response.headers["Cache-Control"] = "no-store"
    return response


def described(found: Job) -> dict[str, Any]:
    """Returns what the API says about a job."""
    answer: dict[str, Any] = {
        "job": found.id,
        "state": found.state,
        "kind": found.record["kind"],
        "model": found.record["model"],
        "title": found.record.get("title", found.record["model"]),
        "content": None,
        "result": None,
        "error": None,
    }
    if found.state == "waiting":
        answer["place"] = service().store.place(found.id)
    if found.state == "running":
        answer["progress"] = found.progress
    if found.state == "failed":
        answer["error"] = _(found.error or UNFORESEEN)
    if found.result:
        answer["result"] = reverse("file", args=[found.id, found.result.name])
    if (found.folder / "content.png").exists():
        answer["content"] = reverse("file", args=[found.id, "content.png"])
    return answer


@require_http_methods(["GET", "HEAD"])
def file(request: HttpRequest, name: str, file: str) -> HttpResponse:
    """Returns a picture of a job: the result, or the content as the model saw it."""
    types = RESULTS | {"content.png": "image/png", SMALL: "image/jpeg"}
    if file not in types:
        return _missing()
    try:
        data = (_find(name).folder / file).read_bytes()
    except OSError:
        return _missing()
    response = HttpResponse(data, content_type=types[file])
    response.headers["Cache-Control"] = "private, max-age=3600"
    if "download" in request.GET:
        response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return response


def _find(name):
    found = service().store.find(name)
    if found is None:
        raise Refused(_("There is no such job, or it was deleted after its time."), 404)
    return found


def _missing():
    return answer(_("There is no such picture."), 404)


@require_http_methods(["GET", "HEAD"])
def models(request: HttpRequest) -> JsonResponse:
    """Lists the models with what they take."""
    listed = [
        {
            "model": entry.name,
            "kind": entry.kind,
            "styles": list(entry.styles),
            "directions": list(entry.directions),
            "mixes": entry.mixes,
        }
        for entry in service().registry.entries().values()
    ]
    return JsonResponse({"models": listed})


@require_http_methods(["GET", "HEAD"])
def health(request: HttpRequest) -> JsonResponse:
    """Says that the site answers, and how many jobs wait."""
    return JsonResponse({"status": "ok", "waiting": service().store.waiting()})


def unknown(request: HttpRequest, rest: str) -> JsonResponse:
    """Answers an address of the API that does not exist."""
    return answer(_("There is no such address; /api/ lists them."), 404)
