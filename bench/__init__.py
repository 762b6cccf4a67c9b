"""Benchmarks: each module's ``run()`` returns figures with the limit or peer measured in the same run."""
