"""The TypeScript SDK: a runtime that is copied as it is, and the parts that are written from the documents."""

from sdk.typescript.generator import generate as generate
from sdk.typescript.toolchain import ToolchainError as ToolchainError
