"""One kind of upstream a module: each exports `Settings` and `connect`."""
