"""django-import-export: a resource over the joined clicks, its CSV in a ZIP, and paramiko's `put`."""

import zipfile
from typing import Any

from import_export import resources

from .clicks import FIELDS, Click
from .uploads import put


class ClickResource(resources.ModelResource):
    class Meta:
        model = Click
        fields = FIELDS


def export_and_put(path: str, server: dict[str, Any], target: str) -> int:
    """All clicks in order; how many there were."""
    dataset = ClickResource().export(queryset=Click.objects.order_by("event_id"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clicks.csv", dataset.get_csv(delimiter=";"))
    put(**server, path=path, target=target)
    return len(dataset)
