"""The larger commands of `gateway`: backtest, device, explain, send-test, and what they share."""
