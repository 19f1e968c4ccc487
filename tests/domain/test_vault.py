"""Secrets at rest: only this installation reads them, and only for the row that they are of."""

import base64

import pytest

import settings
from domain import vault


@pytest.mark.usefixtures("data_dir")
class TestVault:
    def test_what_was_sealed_opens_for_its_row(self) -> None:
        assert vault.opened(vault.sealed("whsec_ä", of="endpoint_a"), of="endpoint_a") == "whsec_ä"

    def test_what_is_kept_holds_no_secret_and_is_never_the_same_twice(self) -> None:
        one, two = vault.sealed("whsec_secret", of="endpoint_a"), vault.sealed("whsec_secret", of="endpoint_a")
        assert one != two
        assert b"secret" not in base64.b64decode(one)

    def test_it_opens_for_no_other_row(self) -> None:
        kept = vault.sealed("whsec_secret", of="endpoint_a")
        with pytest.raises(vault.UnreadableError):
            vault.opened(kept, of="endpoint_b")

    @pytest.mark.parametrize("place", [0, 12, -1])
    def test_what_was_altered_does_not_open(self, place: int) -> None:
        data = bytearray(base64.b64decode(vault.sealed("whsec_secret", of="endpoint_a")))
        data[place] ^= 1
        with pytest.raises(vault.UnreadableError):
            vault.opened(base64.b64encode(data).decode(), of="endpoint_a")

    def test_what_is_nothing_at_all_does_not_open(self) -> None:
        with pytest.raises(vault.UnreadableError):
            vault.opened("", of="endpoint_a")

    def test_another_installation_does_not_open_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = vault.sealed("whsec_secret", of="endpoint_a")
        monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "another installation's, which is long enough")
        settings.load.cache_clear()
        with pytest.raises(vault.UnreadableError):
            vault.opened(kept, of="endpoint_a")
