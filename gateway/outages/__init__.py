"""Area outages: many homes of one area dark together, told apart from chance and our own faults. Pure."""

from gateway.outages.assess import assess, homes_joining
from gateway.outages.data_types import AreaStats, Candidate, DarkSite, Limits, OpenOutage, Snapshot, Verdict
from gateway.outages.restoration_estimate import estimate_restoration
from gateway.outages.scan import find_candidates, homes_needed

__all__ = ["Candidate", "DarkSite", "Limits", "Snapshot", "OpenOutage", "Verdict", "AreaStats", "assess",
           "estimate_restoration", "find_candidates", "homes_joining", "homes_needed"]
