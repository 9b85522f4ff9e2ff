"""The keys of a cluster: certificates for Dask's own TLS settings.

Dask's machines send each other pickles, so whoever may talk to one may run code on all of them, the
course's machine included. Here every connection is encrypted, and both ends must show a certificate that
this command signed. The authority's own key is never written: nobody can sign another certificate, and
a cluster that needs one gets new ones altogether.

The certificates are made by `cryptography`, as Dask's own temporary ones are: the program `openssl` would
need configuration files for the same, differs between versions, and is not on every machine.
"""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import KitError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import CertificateBuilder, KeyUsage, Name

FOLDER = "cluster"  # in the course's records
VALID_DAYS = 365
ROLES = ("scheduler", "worker", "client")
CA, CERTIFICATE, KEY, CONFIG = "ca.pem", "certificate.pem", "key.pem", "dask.yaml"
EXTRA = "pip install 'autograder-kit[cluster]'"

# What Dask must be told: everything else than TLS is refused, no page is served over plain HTTP, nothing
# of a bundle is written to disk by Dask itself, and the box, not Dask, limits memory.
_CONFIG = """\
distributed:
  scheduler:
    http:
      routes: []
  worker:
    http:
      routes: []
    memory:
      target: false
      spill: false
      pause: false
      terminate: false
  comm:
    default-scheme: tls
    require-encryption: true
    tls:
      min-version: 1.3
"""


def make_keys(folder: Path) -> datetime.datetime:
    """Write the folders `scheduler`, `worker` and `client`, each with all that one machine needs.

    Beside them goes a `dask.yaml` that names all three, for a program that starts a whole cluster.

    Returns:
        until when the certificates are good, in UTC.

    Raises:
        KitError: when there are such folders already, or the cluster's packages are not installed.
    """
    taken = [role for role in ROLES if (folder / role).exists()]
    if taken:
        raise KitError(
            f"There are keys in {folder} already ({', '.join(taken)}). Delete that folder to have new ones "
            "made; scheduler and workers then need the new ones, too."
        )
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)  # clocks differ
    end = start + datetime.timedelta(days=VALID_DAYS)
    ca, pairs = _sign(start, end)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        for role, (certificate, key) in pairs.items():
            (folder / role).mkdir(mode=0o700)
            _write(folder / role / CA, ca)
            _write(folder / role / CERTIFICATE, certificate)
            _write(folder / role / KEY, key)
            _write(folder / role / CONFIG, _config(folder, role))
        _write(folder / CONFIG, _config(folder, "worker", "scheduler", "client"))
    except BaseException:
        for role in ROLES:
            shutil.rmtree(folder / role, ignore_errors=True)
        raise
    return end


def how_to_start(folder: Path) -> str:
    """The commands that start a cluster with the keys in a folder."""
    folder = folder.resolve()
    return f"""\
On the machine that distributes the work (it may be this one):
  DASK_CONFIG={folder}/scheduler dask scheduler --host HOST --port 8786
On each machine that judges, with {folder}/worker at the same place, for 8 submissions at a time:
  DASK_CONFIG={folder}/worker dask worker tls://HOST:8786 --nthreads 1 --nworkers 8
Here:
  autograder grade ASSIGNMENT --cluster tls://HOST:8786
"""


def _config(folder: Path, *roles: str) -> bytes:
    folder = folder.resolve()
    lines = [f'      ca-file: "{folder / roles[0] / CA}"']
    for role in roles:
        place = folder / role
        lines.append(f'      {role}: {{cert: "{place / CERTIFICATE}", key: "{place / KEY}"}}')
    return (_CONFIG + "\n".join(lines) + "\n").encode()


def _write(path: Path, text: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(text)


def _sign(
    start: datetime.datetime, end: datetime.datetime
) -> tuple[bytes, dict[str, tuple[bytes, bytes]]]:
    """An authority's certificate, and by role a certificate that it signed and its key; all as PEM."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID
    except ImportError as error:
        raise KitError(
            f"Keys need a package that is not installed ({error}). Run `{EXTRA}`."
        ) from None

    pem = serialization.Encoding.PEM
    authority, issuer = ec.generate_private_key(ec.SECP256R1()), _name("autograder cluster")
    ca = (
        _about(issuer, authority, issuer, start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_others=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    # A worker is called by other workers and calls them, so each may be at either end.
    ends = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    pairs = {}
    for role in ROLES:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _about(_name(f"autograder {role}"), key, issuer, start, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_others=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(ends), critical=False)
            .add_extension(signer, critical=False)
            .sign(authority, hashes.SHA256())
        )
        secret = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pairs[role] = (certificate.public_bytes(pem), secret)
    return ca.public_bytes(pem), pairs


def _about(
    name: Name,
    key: EllipticCurvePrivateKey,
    issuer: Name,
    start: datetime.datetime,
    end: datetime.datetime,
) -> CertificateBuilder:
    from cryptography import x509

    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(own, critical=False)
    )


def _name(text: str) -> Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _usage(signs_others: bool) -> KeyUsage:
    from cryptography.x509 import KeyUsage

    return KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
