#!/usr/bin/env bash
# Healthy if every probe that is named answers; see stack/when_ready.py for their kinds.
set -euo pipefail
exec python - "$@" <<'PROBES'
import sys

from stack.when_ready import answers

sys.exit(not all(map(answers, sys.argv[1:])))
PROBES
