"""`[store]`: where things are kept, and who besides the server hands them out."""

import re

from msgspec import Struct

from cloche.core.errors import BadSetting

LOCATION = re.compile(r"(/(?!\.\.?/)[A-Za-z0-9._~-]+)+/\Z")


class S3(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[store.s3]`: what is not given here comes from the usual AWS_… variables."""

    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    public_endpoint: str | None = None  # where clients find it, if that is elsewhere


class Store(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[store]`: within the data folder unless said otherwise."""

    database: str | None = None  # sqlite:////path or postgresql://…
    blobs: str | None = None  # file:///path or s3://bucket/prefix
    s3: S3 | None = None
    redirect_files: bool = False  # whether clients fetch what is kept from the bucket
    x_accel: str | None = None  # of nginx in front: the internal location that is the folder


def check(store: Store, where: str, *, proxied: bool, secure: bool) -> None:
    """Raise BadSetting for what contradicts itself, or would have no effect.

    `proxied`: a proxy is trusted. `secure`: clients are known to come by https.
    """
    if store.x_accel is not None:
        _check_accel(store, store.x_accel, where, proxied=proxied)
    if store.redirect_files:
        _check_redirects(store.s3 or S3(), where, secure=secure)
    elif store.s3 and store.s3.public_endpoint is not None:
        raise BadSetting(
            f"{where}: store.s3.public_endpoint is given, but no client is sent there; "
            "set store.redirect_files, or remove it"
        )


def _check_accel(store: Store, location: str, where: str, *, proxied: bool) -> None:
    if store.redirect_files:
        raise BadSetting(
            f"{where}: store.x_accel is for blobs in a folder and store.redirect_files for those "
            "in a bucket; remove one of them"
        )
    if not LOCATION.match(location):
        raise BadSetting(
            f"{where}: store.x_accel is {location!r}; give a location of nginx, with a slash at "
            "both ends, such as /-/blobs/"
        )
    if not proxied:
        raise BadSetting(
            f"{where}: store.x_accel is set, but no proxy is trusted to heed it; name nginx's "
            'address in server.trusted_proxies, such as ["127.0.0.1"]'
        )


def _check_redirects(s3: S3, where: str, *, secure: bool) -> None:
    """Whoever reads such an address has the file: it goes in the clear only if all else does."""
    seen = s3.public_endpoint or s3.endpoint or ""
    if secure and seen.lower().startswith("http:"):
        raise BadSetting(
            f"{where}: clients come by https, and store.redirect_files would send them to {seen}; "
            "give an https address in store.s3.public_endpoint"
        )
