"""The keys of a cluster: certificates for Dask's own TLS settings.

Dask's machines pickle to each other, so whoever may talk to one may run code on all of them, the course's
machine included. Here every connection is encrypted, and both ends must show a certificate that this
command signed. The authority's own key is never written: nobody can sign another certificate, and a
cluster that needs one gets new ones altogether.
"""

from __future__ import annotations

import datetime
import shutil
import textwrap
from pathlib import Path

from autograder.errors import KitError

FOLDER = "cluster"  # in the course's records
VALID_DAYS = 365
ROLES = ("scheduler", "worker", "client")
CA, CERTIFICATE, KEY = "ca.pem", "certificate.pem", "key.pem"
EXTRA = "pip install 'autograder-kit[cluster]'"

# What Dask must be told besides the certificates: everything else than TLS is refused, no page is served
# over plain HTTP, hidden labels are not written to disk, and the box, not Dask, limits memory.
_DASK = """\
distributed:
  comm:
    default-scheme: tls
    require-encryption: true
    tls:
      min-version: 1.3
      ca-file: {folder}/{ca}
      {role}:
        cert: {folder}/{certificate}
        key: {folder}/{key}
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
"""


def make_keys(folder: Path) -> datetime.datetime:
    """Write the folders `scheduler`, `worker` and `client`, each with all that one machine needs.

    Returns:
        until when the certificates are good, in UTC.

    Raises:
        KitError: when there are such folders already, or the cluster's packages are not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise KitError(f"Keys need the package `cryptography`. Run `{EXTRA}` ({error}).") from None

    taken = [role for role in ROLES if (folder / role).exists()]
    if taken:
        raise KitError(
            f"There are keys in {folder} already ({', '.join(taken)}). Delete that folder to have new ones "
            "made; scheduler and workers then need the new ones, too."
        )
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)  # clocks differ
    end = start + datetime.timedelta(days=VALID_DAYS)

    def builder(
        name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )

    def usage(signs_others: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
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

    def _name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("autograder cluster")
    ca = (
        builder("autograder cluster", authority, issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_others=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    # A worker is called by other workers and calls them, so each may be at either end.
    ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        for role in ROLES:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                builder(f"autograder {role}", key, issuer)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(usage(signs_others=False), critical=True)
                .add_extension(ends, critical=False)
                .add_extension(signer, critical=False)
                .sign(authority, hashes.SHA256())
            )
            secret = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            pem = serialization.Encoding.PEM
            _write_role(
                folder / role, role, ca.public_bytes(pem), certificate.public_bytes(pem), secret
            )
    except BaseException:
        for role in ROLES:
            shutil.rmtree(folder / role, ignore_errors=True)
        raise
    return end


def _write_role(folder: Path, role: str, ca: bytes, certificate: bytes, key: bytes) -> None:
    folder.mkdir(mode=0o700)
    texts = {
        "dask.yaml": _DASK.format(
            folder=folder.resolve(), role=role, ca=CA, certificate=CERTIFICATE, key=KEY
        ).encode(),
        CA: ca,
        CERTIFICATE: certificate,
        KEY: key,
    }
    for name, text in texts.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(text)


def how_to_start(folder: Path) -> str:
    """The commands that start a cluster with the keys in a folder."""
    folder = folder.resolve()
    return textwrap.dedent(f"""\
        On the machine that distributes the work (it may be this one):
          DASK_CONFIG={folder}/scheduler dask scheduler --host HOST --port 8786
        On each machine that judges, for 8 hand-ins at a time:
          DASK_CONFIG={folder}/worker dask worker tls://HOST:8786 --nthreads 1 --nworkers 8
        Here:
          autograder grade ASSIGNMENT --cluster tls://HOST:8786
        """)
