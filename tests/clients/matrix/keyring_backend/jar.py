"""A keyring backend for any client that has keyring: a file of passwords in the user's home."""

import json
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential
from keyring.errors import PasswordSetError


class Jar(KeyringBackend):  # type: ignore[misc]  # keyring is in the clients' environments only
    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        user, password = self._entry(service)
        return password if user == username else None

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        user, password = self._entry(service)
        return SimpleCredential(user, password) if password and username in {None, user} else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError(f"cannot keep {username}'s {len(password)} letters for {service}")

    def _entry(self, service: str) -> tuple[str, str] | tuple[None, None]:
        """Return the user and the password that are kept for the service."""
        entries = json.loads((Path.home() / "jar.json").read_text())
        return tuple(entries.get(service, (None, None)))
