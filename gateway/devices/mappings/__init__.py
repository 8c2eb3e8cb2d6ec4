"""Mappings: dialects defined in YAML, one file each, for devices with a format of their own."""

from gateway.devices.mappings.compile import BadMapping, compile_mapping
from gateway.devices.mappings.mapping import Mapping

__all__ = ["BadMapping", "Mapping", "compile_mapping"]
