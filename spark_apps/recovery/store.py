"""The files of the lake as Iceberg itself lists and reads them, and its catalog."""

from collections.abc import Mapping
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from schemas.table import CATALOG
from spark_apps.recovery.heads import Metadata, NotRead

HADOOP = "org.apache.iceberg.hadoop.HadoopFileIO"


class Store:
    """The object store, through the FileIO that the catalog's tables use."""

    def __init__(self, spark: SparkSession, catalog: str = CATALOG) -> None:
        jvm: Any = spark._jvm
        iceberg = jvm.org.apache.iceberg
        told = properties(spark, catalog)
        self._io = iceberg.CatalogUtil.loadFileIO(
            told.get("io-impl", HADOOP),
            jvm.java.util.HashMap(told),
            spark._jsc.hadoopConfiguration(),
        )
        self._parser = iceberg.TableMetadataParser
        self.warehouse = told["warehouse"].rstrip("/")

    def list(self, folder: str) -> frozenset[str]:
        """Return where each file below a folder is; nothing if it does not exist."""
        found = set()
        try:
            files = self._io.listPrefix(f"{folder}/").iterator()
            while files.hasNext():
                found.add(str(files.next().location()))
        except Py4JJavaError as error:
            # A file system knows folders that are missing, an object store does not.
            if "FileNotFoundException" not in str(error.java_exception):
                raise
        return frozenset(found)

    def metadata(self, location: str) -> Metadata:
        """Return what a metadata file says.

        Raises:
            NotRead: it, or a manifest list that it names, cannot be read.
        """
        try:
            said = self._parser.read(self._io, location)
            now = said.currentSnapshot()
            lists = {str(each.manifestListLocation()) for each in said.snapshots()}
            manifests = now.allManifests(self._io) if now is not None else ()
            before = [str(each.file()) for each in said.previousFiles()]
            return Metadata(
                location=location,
                uuid=str(said.uuid()),
                updated_ms=int(said.lastUpdatedMillis()),
                before=before[-1] if before else "",
                parts=frozenset(lists | {str(each.path()) for each in manifests}),
            )
        except Py4JJavaError as error:
            said = str(error.java_exception).splitlines()[0]
            raise NotRead(f"{location}: {said}") from error


class Pointers:
    """The catalog: the one metadata file of each table that counts."""

    def __init__(self, spark: SparkSession, catalog: str = CATALOG) -> None:
        jvm: Any = spark._jvm
        self._names = jvm.org.apache.iceberg.catalog.TableIdentifier
        self._catalog = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergCatalog(
            spark._jsparkSession, catalog
        )

    def of(self, identifier: str) -> str:
        """Return where the catalog says that a table's metadata is; empty if nowhere.

        Raises:
            NotRead: it points at a file that cannot be read.
        """
        name = self._names.parse(identifier)
        try:
            if not self._catalog.tableExists(name):
                return ""
            current = self._catalog.loadTable(name).operations().current()
            return str(current.metadataFileLocation())
        except Py4JJavaError as error:
            said = str(error.java_exception).splitlines()[0]
            raise NotRead(f"{identifier}: {said}") from error

    def point(self, identifier: str, location: str) -> None:
        """Let the catalog say that a table's metadata is there; nothing is deleted."""
        name = self._names.parse(identifier)
        space = name.namespace()
        if not self._catalog.namespaceExists(space):
            self._catalog.createNamespace(space)
        self._catalog.dropTable(name, False)
        self._catalog.registerTable(name, location)


def properties(spark: SparkSession, catalog: str) -> Mapping[str, str]:
    """Return what Spark was told of a catalog, by Iceberg's own names."""
    prefix = f"spark.sql.catalog.{catalog}."
    return {
        key.removeprefix(prefix): value
        for key, value in spark.conf.getAll.items()
        if key.startswith(prefix)
    }
