"""A simulated month of a district: residents with a routine and a body, sensors with faults, and the true episodes.

Everything follows from a seed. One resident is simulated at a time (:func:`device_simulators.month.month.simulate`), so
that a district of any size needs the memory of one home.
"""
