#!/usr/bin/env bash
# Makes what compose.yml reads its secrets from: random, once, in a folder of your own.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
mkdir -p secrets
chmod 700 secrets
for name in postgres_password catalog_password registry_password s3_access_key s3_secret_key; do
  [ -s "secrets/$name" ] || od -An -N20 -tx1 /dev/urandom | tr -d ' \n' > "secrets/$name"
done
key=$(cat secrets/s3_access_key) secret=$(cat secrets/s3_secret_key)
cat > secrets/s3.json <<JSON
{"identities": [{"name": "lake", "actions": ["Admin"],
  "credentials": [{"accessKey": "$key", "secretKey": "$secret"}]}]}
JSON
# Containers have users of their own; the folder keeps everybody else out.
chmod 444 secrets/*
