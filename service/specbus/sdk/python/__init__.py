"""The Python SDK: a runtime that is copied as it is, and the parts that are written from the documents."""

from specbus.sdk.python.generator import generate as generate
from specbus.sdk.python.models import models as models
