"""The ready mappings that the hub brings keep the contract, as any source without code does: `pytest FILE.yaml` would say the same."""

from hub.sdk.declarative.files import shipped_names, shipped_source
from hub.testing.declared import contract_of_file

for _name in shipped_names():
    _contract = contract_of_file(shipped_source(_name))
    globals()[_contract.__name__] = _contract


def test_there_are_ready_mappings():
    assert "open311" in shipped_names()
