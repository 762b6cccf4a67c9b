"""The desk of the dispatch: the live queue, one alert, calls, work orders, hand-over."""
