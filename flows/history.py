"""A run and its deliveries as plain values, for the commands' JSON and tables."""

from typing import Any

from .models import Run


def as_dict(run: Run) -> dict[str, Any]:
    """The run as JSON-ready values: moments in ISO 8601, None where there is nothing yet. Takes prefetched deliveries as they are."""
    return {
        "run": run.pk,
        "flow": str(run.flow),
        "exportDay": run.export_day.isoformat(),
        "purpose": run.purpose,
        "status": run.status,
        "sequence": run.sequence,
        "revision": run.revision,
        "rows": run.rows,
        "file": run.file_name or None,
        "bytes": run.archive_bytes,
        "sha256": run.archive_sha256 or None,
        "error": run.error or None,
        "finishedAt": run.finished_at.isoformat() if run.finished_at else None,
        "deliveries": [
            {
                "location": str(delivery.location),
                "status": delivery.status,
                "sizeVerified": delivery.size_verified,
                "deliveredAt": delivery.delivered_at.isoformat() if delivery.delivered_at else None,
                "error": delivery.error or None,
            }
            for delivery in run.deliveries.all()
        ],
    }
