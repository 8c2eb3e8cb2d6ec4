"""Mappings: dialects made only of configuration, from one YAML file each, for devices that speak in their own way."""

from gateway.devices.mappings.compile import BadMapping, compile_mapping
from gateway.devices.mappings.mapping import Mapping

__all__ = ["BadMapping", "Mapping", "compile_mapping"]
