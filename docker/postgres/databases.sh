#!/usr/bin/env bash
# A role and a database of its own for each program that keeps rows; at the first start.
set -euo pipefail
for name in catalog registry; do
  psql -v ON_ERROR_STOP=1 -q -U postgres -v "password=$(cat "/run/secrets/${name}_password")" <<SQL
CREATE ROLE $name LOGIN PASSWORD :'password';
CREATE DATABASE $name OWNER $name;
SQL
done
# Each query of a stream leaves a connection behind; see stack/steps.py.
psql -v ON_ERROR_STOP=1 -q -U postgres -c "ALTER ROLE catalog SET idle_session_timeout = '30s'"
# A drill loads its backup into a database beside the catalog.
psql -v ON_ERROR_STOP=1 -q -U postgres -c "ALTER ROLE catalog CREATEDB"
