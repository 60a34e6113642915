"""Prints fresh values of the two secrets that the portal does not start without, ready for an environment file."""

import secrets

from cryptography.fernet import Fernet

if __name__ == "__main__":
    print(f"SECRET_KEY={secrets.token_urlsafe(50)}")
    print(f"FIELD_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")
