"""Sounders of a home: a spoken prompt by a program on the gateway, a Zigbee siren."""

import shutil
import subprocess
from typing import Any

import msgspec
import structlog

from edge_agent.alarm.settings import SirenConfig, VoiceConfig
from firmware_profiles.link import mqtt

log = structlog.get_logger(__name__)

SPEAK_S = 20.0
CONNECT_S = 5.0


class Voice:
    """Speaks by a configured program. Blocks while it speaks."""

    def __init__(self, config: VoiceConfig) -> None:
        self._command = config.command

    def say(self, text_zh: str, text_en: str) -> str:
        """Speak; "" where the program ended well, else why not."""
        command = [part.replace("{text}", text_zh).replace("{text_en}", text_en) for part in self._command]
        try:
            subprocess.run(command, timeout=SPEAK_S, check=True, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("voice", reason=str(error))
            return f"{command[0]}: {error}"[:100]
        return ""

    def silence(self) -> None:
        """Do nothing: a prompt ends by itself."""

    def probe(self) -> str:
        return "" if shutil.which(self._command[0]) else f"{self._command[0]} is not installed"


class Siren:
    """A Zigbee siren: Zigbee2MQTT's ``warning`` of the IAS WD cluster (ZCL 8.4), strobe and sound."""

    def __init__(self, config: SirenConfig) -> None:
        self._config = config

    def say(self, text_zh: str, text_en: str) -> str:
        return self._set({"mode": "emergency", "level": "high", "strobe": True, "duration": self._config.seconds})

    def silence(self) -> None:
        self._set({"mode": "stop", "level": "low", "strobe": False, "duration": 0})

    def probe(self) -> str:
        """Connect to the local broker without sounding."""
        return self._publish(None)

    def _set(self, warning: dict[str, Any]) -> str:
        return self._publish(msgspec.json.encode({"warning": warning}))

    def _publish(self, payload: bytes | None) -> str:
        broker = self._config.broker
        client = mqtt.make_client(broker, "shouwang-siren", clean=True)
        try:
            client.connect(broker.host, broker.port)
            client.loop_start()
            if payload is not None:
                topic = f"{self._config.base_topic}/{self._config.name}/set"
                message = client.publish(topic, payload, qos=1)
                message.wait_for_publish(CONNECT_S)
                if not message.is_published():
                    return "the local broker does not acknowledge"
        except (OSError, ValueError, RuntimeError) as error:
            log.warning("siren", reason=str(error))
            return f"{type(error).__name__}: {error}"[:100]
        finally:
            client.disconnect()
            client.loop_stop()
        return ""
