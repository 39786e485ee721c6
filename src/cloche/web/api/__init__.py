"""The management API, version 1. Only `web.management` imports it, when it is first asked for."""
