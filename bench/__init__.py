"""Benchmarks: each module's ``run()`` gives figures with the limit or peer measured in the same run."""
