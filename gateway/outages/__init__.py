"""Area outages: many homes of one area dark together, told apart from chance and our own faults. Pure."""

from gateway.outages.assess import assess, joining
from gateway.outages.data_types import AreaStats, Candidate, DarkSite, Limits, OpenOutage, Snapshot, Verdict
from gateway.outages.restoration_estimate import estimate
from gateway.outages.scan import find, needed

__all__ = ["Candidate", "DarkSite", "Limits", "Snapshot", "OpenOutage", "Verdict", "AreaStats", "assess", "estimate",
           "find", "joining",
           "needed"]
