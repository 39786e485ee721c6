"""OpenPGP signatures that lie beside files. Nobody here judges who made one."""

BESIDE = ".asc"
"""What a file's name and this name together (PEP 503)."""

MAX_SIGNATURE = 64 << 10  # characters
_BEGIN, _END = "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"


def problems(armored: str) -> list[str]:
    """What keeps this from being a detached signature in ASCII armour (RFC 9580, section 6)."""
    if len(armored) > MAX_SIGNATURE:
        return [f"gpg_signature is longer than {MAX_SIGNATURE} characters"]
    text = armored.strip()
    if armored.isascii() and text.startswith(_BEGIN) and text.endswith(_END):
        return []
    return ["gpg_signature is not a signature in ASCII armour; make it with gpg --detach-sign -a"]
