"""Where each of the clients' pages is."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from . import asking, flows, health, history, people

urlpatterns = [
    path("", people.home, name="home"),
    path("login/", people.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", people.Password.as_view(), name="password"),
    path("history/", history.history, name="history"),
    path("runs/<int:pk>/", history.run, name="run"),
    path("runs/<int:pk>/progress/", history.progress, name="progress"),
    path("runs/<int:pk>/download/", history.download, name="download"),
    path("flows/", flows.flows, name="flows"),
    path("flows/<int:pk>/columns/", flows.columns_of_flow, name="columns_of_flow"),
    path("ask/", asking.ask, name="ask"),
    path("kinds/", flows.kinds, name="kinds"),
    path("kinds/<str:code>/", flows.columns_of_kind, name="columns_of_kind"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
