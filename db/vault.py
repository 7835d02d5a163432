"""Encrypts what the database has to give back, such as the secret of a second factor, with a key
that is made of SECRET_KEY: whoever copies the database alone cannot read it."""

import secrets
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from db.settings import Settings


class Vault:
    """Encrypts with SECRET_KEY, and decrypts what SECRET_KEY or SECRET_KEY_OLD encrypted."""

    def __init__(self, *keys: str) -> None:
        self._fernet = MultiFernet([Fernet(_derived(key)) for key in keys])

    @classmethod
    def of(cls, settings: Settings) -> "Vault":
        """The vault of these settings. Without SECRET_KEY nobody signs in, and its key is gone with
        the process."""
        keys = [settings.secret_key or secrets.token_hex(32), settings.secret_key_old]
        return cls(*(key for key in keys if key))

    def encrypt(self, text: str) -> str:
        """`text` as ASCII that nobody reads without the key."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str | None:
        """What was encrypted; None if it was with another key, or is damaged."""
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            return None

    def renew(self, encrypted: str) -> str | None:
        """The same encrypted with SECRET_KEY; None as with `decrypt`."""
        text = self.decrypt(encrypted)
        return None if text is None else self.encrypt(text)


def _derived(key: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"inventory-hub vault")
    return urlsafe_b64encode(hkdf.derive(key.encode()))
