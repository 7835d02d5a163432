"""Passwords: which are accepted, and how they are stored."""

import argon2
import pytest

from db import passwords

GOOD = "seven plain copper kettles"
COMMON = (
    "passwordpassword", "123456789012", "qwertyuiop12", "letmeinletmein", "iloveyou1234",
    "inventoryhub", "InventoryHub2026", "aaaaaaaaaaaa", "ana ana ana ana", "Password1234!",
)  # fmt: skip


@pytest.mark.parametrize("password", COMMON)
def test_asvs_6_2_4_common_passwords_are_refused_in_words(password: str) -> None:
    with pytest.raises(passwords.WeakPassword, match="easy to guess"):
        passwords.check_strength(password, ["Ana"])


@pytest.mark.parametrize(
    "password",
    [
        GOOD, "no capitals and no digits here", "пять старых медных чайников",
        "tractor é ü ß 京 rosebud " * 9, " spaces at both ends stay ",
    ],
)  # fmt: skip
def test_asvs_6_2_4_any_other_of_12_letters_or_more_is_taken_as_typed(password: str) -> None:
    passwords.check_strength(password)
    stored = passwords.hash_password(password)
    assert passwords.verify_password(stored, password)
    assert not passwords.verify_password(stored, password.swapcase().strip() + "x")


def test_asvs_6_2_4_eleven_letters_are_too_few() -> None:
    with pytest.raises(passwords.WeakPassword, match="12 characters or more"):
        passwords.check_strength("k9 Vz#q7 w!")


def test_asvs_11_4_2_passwords_are_stored_as_argon2id_with_the_recommended_cost() -> None:
    stored = passwords.hash_password(GOOD)
    used = argon2.extract_parameters(stored)
    assert used.type is argon2.Type.ID
    # RFC 9106's second recommended option, or more.
    assert (used.memory_cost, used.time_cost, used.salt_len) >= (65536, 3, 16)
    assert stored != passwords.hash_password(GOOD)
    assert not passwords.needs_rehash(stored)
