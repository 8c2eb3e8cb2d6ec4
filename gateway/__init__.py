"""A gateway that hears connected devices, opens one ticket for one problem, and tells the customer before they ask.

Read model/ (the nouns), then flow/gateway.py (the verbs).
"""

__version__ = "0.1.0"
