"""Support's pages for flows, runs and deliveries, and the buttons of servers that let deliveries go."""

from . import backfills, flow_requests, flows, history, servers

__all__ = ["backfills", "flow_requests", "flows", "history", "servers"]
