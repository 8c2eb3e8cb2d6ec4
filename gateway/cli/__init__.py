"""The larger commands of `gateway`: backtest, connect, device and explain, and what they share."""
