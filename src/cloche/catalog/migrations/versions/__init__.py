"""One file for one step. The newest one's revision is `schema.REVISION`."""
