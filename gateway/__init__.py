"""A gateway that receives MQTT devices' messages, opens one ticket for each problem, and notifies the customer first.

Read model/ (the nouns), flow/ (the verbs), then tickets/lifecycle.py (what happens to a ticket).
"""

__version__ = "0.1.0"
