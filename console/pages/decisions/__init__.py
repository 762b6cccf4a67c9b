"""The decision page: figures of an area by month, the lists behind them, and their files."""
