"""The TypeScript SDK: a runtime that is copied as it is, and the parts that are written from the documents."""

from specbus.sdk.typescript.generator import generate as generate
from specbus.sdk.typescript.toolchain import ToolchainError as ToolchainError
