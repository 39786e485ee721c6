"""One way of proving who you are a module: each exports a `Login`."""
