"""One kind of blob store a module, named by its URL scheme: each exports `connect`."""
