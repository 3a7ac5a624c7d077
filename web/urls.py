"""The addresses of the site."""

from django.urls import path

from web import api, kinds, pages

orders = [
    path(f"api/{action}", api.order, {"action": action}, name=action) for action in kinds.ACTIONS
]
urlpatterns = [
    path("", pages.home, name="home"),
    path("m/<str:name>", pages.model, name="model"),
    path("models", pages.models, name="all"),
    path("api/", pages.documentation, name="api"),
    *orders,
    path("api/models", api.models, name="models"),
    path("api/jobs/<str:name>", api.job, name="job"),
    path("api/jobs/<str:name>/<str:file>", api.file, name="file"),
    path("api/<path:rest>", api.unknown),
    path("examples/<str:name>.jpg", pages.example, name="example"),
    path("previews/<str:name>/<int:number>.jpg", pages.preview, name="preview"),
    path("language", pages.language, name="language"),
    path("health", api.health, name="health"),
]
handler400 = "web.pages.bad_request"
handler403 = "web.pages.forbidden"
handler404 = "web.pages.not_found"
handler500 = "web.pages.broken"
