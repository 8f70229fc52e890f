"""What other parts of the program import from here until they import it from where it is."""

from specbus.spec import ContractError, Json
from specbus.spec.bundle import bundle
from specbus.spec.files import read
from specbus.spec.pointer import at
from specbus.spec.references import check_references, resolved

__all__ = ["ContractError", "Json", "at", "bundle", "check_references", "read", "resolved"]
