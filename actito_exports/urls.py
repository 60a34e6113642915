"""Where each page is: the stock admin, and the clients' pages."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("flows.pages.urls")),
]
