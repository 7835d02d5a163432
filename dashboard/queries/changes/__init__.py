"""What changed between two days: bars, the devices behind them, adjustments."""
