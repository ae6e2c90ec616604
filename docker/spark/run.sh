#!/usr/bin/env bash
# What a container of the Spark image does: master, worker, connect, bronze EXCHANGE,
# prepare or check. Secrets come from files, and go no further than Spark's settings (mode 0600).
set -euo pipefail
umask 077
role=$1
shift
me=$(hostname -i | cut -d' ' -f1)
case $role in
  master)
    exec spark-class org.apache.spark.deploy.master.Master --host "$HOSTNAME" \
      --port 7077 --webui-port 8090
    ;;
  worker)
    exec spark-class org.apache.spark.deploy.worker.Worker --host "$me" \
      --cores "$WORKER_CORES" --memory "$WORKER_MEMORY" --webui-port 8081 \
      --work-dir /var/bullion/worker "$BULLION_SPARK_MASTER"
    ;;
esac

for name in catalog_password s3_access_key s3_secret_key; do
  variable=BULLION_${name^^}
  export "$variable=$(cat "/run/secrets/$name")"
done
if [ "$role" = check ]; then
  exec python -m spark_apps.run cluster-check
fi
if [ "$role" = prepare ]; then
  python -m ingestion topics
  python -m ingestion schemas
  exec python -m spark_apps.run bootstrap
fi

settings=/opt/bullion/conf/spark-defaults.conf
python -m spark_apps.run conf > "$settings"
# On a network of their own, drivers must be reached by executors.
submit=(
  spark-submit --properties-file "$settings" --driver-memory "$DRIVER_MEMORY"
  --driver-java-options "-XX:+UseSerialGC -Duser.timezone=UTC -Xss2m"
  --conf "spark.driver.host=$me" --conf spark.driver.bindAddress=0.0.0.0
  --conf "spark.cores.max=$CORES" --conf spark.executor.cores=2
  --conf "spark.executor.memory=$EXECUTOR_MEMORY" --conf spark.ui.port=4040
)
case $role in
  connect)
    # Spark 4.1.1 leaves a thread behind for each query with a foreachBatch.
    exec timeout "${BULLION_SPARK_CONNECT_HOURS:-4}h" "${submit[@]}" --name lanes \
      --conf spark.connect.grpc.binding.address=0.0.0.0 \
      --conf spark.connect.grpc.binding.port=15002 \
      /opt/bullion/code/spark_apps/warm_driver.py
    ;;
  bronze)
    exec "${submit[@]}" --name "bronze-$1-stream" \
      /opt/bullion/code/spark_apps/run.py bronze.trades "$1"
    ;;
esac
echo "no such role: $role" >&2
exit 2
