"""A certificate for the tests' servers on this machine, signed by itself."""

import ipaddress
import os
import pwd
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path


def certificate(root: Path, user: pwd.struct_passwd) -> Path:
    """A certificate of an authority of our own; the authority's file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = root / "server.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = root / "server.key"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    for path in (pem, secret):
        if os.geteuid() == 0:
            shutil.chown(path, user.pw_uid, user.pw_gid)
    return pem
