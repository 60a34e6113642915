"""Support's pages for flows, runs and deliveries, and the buttons of servers that let deliveries go."""

from . import flows, history, servers

__all__ = ["flows", "history", "servers"]
