"""Fall detection on the gateway: signal, features, model, and the fusion of sensors (docs/fall-detection.md)."""

from edge_agent.fall.detector import FallDetector
from edge_agent.fall.events import FallEvent, decode_evidence

__all__ = ["FallDetector", "FallEvent", "decode_evidence"]
