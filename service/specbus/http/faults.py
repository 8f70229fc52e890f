"""What is wrong with an OpenAPI document, by what connexion says of it."""

import re

from jsonschema import ValidationError

from specbus.spec.pointer import pointer

_MAX_SHOWN = 200
_UNKNOWN = re.compile(r"'([^']*)' does not match any of the regexes|\('([^']*)' was unexpected\)")
_REQUIRED = re.compile(r"'([^']*)' is a required property")


def fault(error: Exception) -> str:
    """One line: the place as a pointer, and what is wrong there."""
    if not isinstance(error, ValidationError):
        return str(error)
    # Where one of several forms is wanted, the one that was meant is that in which the fault is deepest; that of a
    # reference was not, as there is none.
    while inner := [each for each in error.context or () if not _is_of_a_reference(each)]:
        error = max(inner, key=lambda each: len(each.absolute_path))
    return f"#{pointer(*map(str, error.absolute_path))}: {_words(error)}"


def _is_of_a_reference(error: ValidationError) -> bool:
    return "$ref" in str(error.message) and error.validator == "required"


def _words(error: ValidationError) -> str:
    found = _REQUIRED.match(error.message)
    if found:
        return f"{found[1]} is required"
    found = _UNKNOWN.search(error.message)
    if found:
        return f"OpenAPI 3.0 has no field {found[1] or found[2]} here"
    match error.validator:
        case "type":
            return f"must be of type {error.validator_value}"
        case "enum":
            return f"must be one of {error.validator_value}"
    return f"breaks OpenAPI 3.0's rule {error.validator}: {str(error.message)[:_MAX_SHOWN]}"
