"""The shape of the log: one JSON object a line in production, readable lines in the demo; secrets never pass through it."""

from typing import Any

import structlog

chain: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
json = structlog.processors.JSONRenderer()
console = structlog.dev.ConsoleRenderer(colors=False)

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *chain,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
