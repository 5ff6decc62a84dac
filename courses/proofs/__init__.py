"""What the classroom has promised, proved again: receipts, and the bytes behind them."""
