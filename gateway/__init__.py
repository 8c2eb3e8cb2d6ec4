"""A gateway that receives MQTT devices' messages, opens one ticket for each problem, and notifies the customer first.

Read model/ (the nouns), then flow/gateway.py (the verbs).
"""

__version__ = "0.1.0"
