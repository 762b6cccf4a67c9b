#!/bin/bash
# pictures.sh: make the pictures of docs/images anew from a running demonstration, in both languages (about three minutes).
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python -m tools.pictures
