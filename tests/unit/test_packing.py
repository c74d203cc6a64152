"""Packed attributes: a text is read as it was, or not at all."""

import pytest

from spendgate_service.store.packing import Packing


@pytest.mark.parametrize("dictionary", [b"", b"a usual text"])
def test_a_text_whose_end_is_missing_is_not_read(dictionary: bytes) -> None:
    packing = Packing(dictionary)
    packed = packing.pack("a usual text, and more")
    assert packing.read(packed) == "a usual text, and more"

    for missing in range(1, len(packed["B"])):
        with pytest.raises(ValueError, match="cannot be inflated"):
            packing.read({"B": packed["B"][:-missing]})
