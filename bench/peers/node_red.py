"""Configure and start Node-RED: MQTT in → batch → join → function (rows to columns) → PostgreSQL, one INSERT a batch.

Our configuration, with what its documentation offers for speed: QoS 1 and a persistent session, messages parsed by the
MQTT node itself, the ``batch`` node, and ``pg`` in the function node (by ``functionGlobalContext``) with a prepared
INSERT of whole columns (``unnest``), since no PostgreSQL node of the registry does more than one INSERT a message. It
was the fastest of this and COPY, with 1, 2 and 4 connections, in batches of 3,000 to 30,000 readings. No editor, no
HTTP server, no logging of messages. Node-RED acknowledges a message when it has it in memory and does not recognise
repetitions: after a crash messages are lost, and repeated ones are stored twice.
"""

import json
import shutil
from pathlib import Path

from bench.peers import rows
from bench.peers.cache import Command, folder_of
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker

NAME = "Node-RED"
SESSION = "bench-node-red"
FILTER = f"{rows.JSON_TOPIC}/+"
FORMS: dict[rows.Shape, rows.Form] = {"frames": rows.as_json, "moments": rows.as_json}
BATCH_FRAMES = 20
"""Frames in one INSERT, or their moments; the number of frames is a multiple."""
_STORE = Path(__file__).with_name("node_red_store.js")
_SETTINGS = """
module.exports = {{
  uiHost: "127.0.0.1", httpAdminRoot: false, httpNodeRoot: false, disableEditor: true,
  flowFile: "flows.json", credentialSecret: false,
  logging: {{ console: {{ level: "warn", metrics: false, audit: false }} }},
  functionGlobalContext: {{
    pool: new (require("{modules}/pg").Pool)({{
      connectionString: process.env.PEERS_DATABASE_URL, max: {connections},
    }}),
  }},
}};
"""
CONNECTIONS = 2


def missing() -> bool:
    return shutil.which("node") is None or folder_of("node-red") is None


def prepare(folder: Path, shape: rows.Shape, broker: Broker, database_url: str) -> Command:
    """Write its files into ``folder``, and return the command that starts it."""
    home = folder_of("node-red")
    if home is None:
        raise RuntimeError("Node-RED is not installed: run bench/peers/setup.sh")
    modules, settings = home / "node_modules", folder / "settings.js"
    settings.write_text(_SETTINGS.format(modules=modules, connections=CONNECTIONS))
    batch = BATCH_FRAMES * (1 if shape == "frames" else rows.READINGS * len(rows.DEVICES))
    (folder / "flows.json").write_text(json.dumps(_flow(broker, batch)))
    argv = ["node", str(modules / "node-red/red.js"), "--userDir", str(folder), "--settings", str(settings)]
    return argv, {"PEERS_DATABASE_URL": database_url, "NODE_ENV": "production"}


def _flow(broker: Broker, batch: int) -> list[dict[str, object]]:
    tab = {"z": "flow", "x": 0, "y": 0}  # without a place it would be taken for a configuration node
    return [
        {"id": "flow", "type": "tab", "label": "readings"},
        {
            "id": "tls",
            "type": "tls-config",
            "cert": str(broker.cert),
            "key": str(broker.key),
            "ca": str(broker.ca),
            "verifyservercert": True,
        },
        {
            "id": "broker",
            "type": "mqtt-broker",
            "broker": broker.host,
            "port": str(broker.port),
            "tls": "tls",
            "usetls": True,
            "clientid": mqtt.session_name(broker, SESSION),
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": False,
        },
        {
            "id": "in",
            "type": "mqtt in",
            "topic": FILTER,
            "qos": "1",
            "datatype": "json",
            "broker": "broker",
            "wires": [["batch"]],
        }
        | tab,
        {"id": "batch", "type": "batch", "mode": "count", "count": batch, "overlap": 0, "wires": [["join"]]} | tab,
        {"id": "join", "type": "join", "mode": "auto", "wires": [["store"]]} | tab,
        {"id": "store", "type": "function", "func": _STORE.read_text(), "outputs": 0, "wires": []} | tab,
    ]
