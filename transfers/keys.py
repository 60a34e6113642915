"""Private keys of SFTP log-ins: read in the formats people have, made where they have none."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_KINDS = (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)


class KeyRefused(ValueError):
    """A private key that cannot be used; the text is a sentence with the next step, without any of the key."""


def make_key_pair() -> tuple[str, str]:
    """A new Ed25519 key pair: the private half in OpenSSH format, and the public line for `authorized_keys`."""
    key = ed25519.Ed25519PrivateKey.generate()
    return openssh(key), _public_line(key)


def openssh(key: PrivateKey) -> str:
    """The key in OpenSSH format (PROTOCOL.key), without a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode("ascii")


def public_line(text: str, passphrase: str = "") -> str:
    """The public half of a private key, as a line for `authorized_keys`. Raises KeyRefused."""
    return _public_line(load(text, passphrase))


def _public_line(key: PrivateKey) -> str:
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{line.decode('ascii')} export-portal"


def load(text: str, passphrase: str = "") -> PrivateKey:
    """An Ed25519, ECDSA or RSA key from OpenSSH or PEM (PKCS#1, SEC 1, PKCS#8) text. Raises KeyRefused."""
    text = text.strip() + "\n"
    if text.startswith("PuTTY-User-Key-File"):
        raise KeyRefused("The private key is in PuTTY's format. Export it in PuTTYgen as an OpenSSH key, and enter that.")
    if "PRIVATE KEY-----" not in text:
        raise KeyRefused(
            "The private key is not one in OpenSSH or PEM format. Enter the whole text, from -----BEGIN to -----END."
        )
    key = _parsed(text.replace("\r\n", "\n").encode(), passphrase)
    if not isinstance(key, _KINDS):
        raise KeyRefused("The private key is of a kind that servers no longer accept. Use Ed25519, ECDSA or RSA.")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < 2048:
        raise KeyRefused(f"The RSA key has {key.key_size} bits only. Use at least 2048, or better Ed25519.")
    return key


def _parsed(data: bytes, passphrase: str) -> object:
    is_openssh = b"BEGIN OPENSSH" in data
    read = serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    try:
        return read(data, passphrase.encode() or None)
    except TypeError:
        # Both loaders raise it for a missing passphrase, and for one that the key does not have: then it is not needed.
        if passphrase:
            return _parsed(data, "")
        raise KeyRefused("The private key is protected by a passphrase, and none is stored. Enter it at the server.") from None
    except UnsupportedAlgorithm:
        raise KeyRefused("The private key is encrypted or made in a way that is not supported. Use Ed25519 or RSA.") from None
    except ValueError:
        if passphrase:
            raise KeyRefused("The passphrase does not open the private key, or the key is damaged. Enter both again.") from None
        raise KeyRefused("The private key is damaged. Enter the whole text again, from -----BEGIN to -----END.") from None
