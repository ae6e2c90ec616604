"""Rows that Python holds come into Spark digit by digit, and without a worker."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from spark_apps.frame import frame_of

pytestmark = pytest.mark.spark
DDL = (
    "`id` BIGINT NOT NULL, price DECIMAL(38, 18), at TIMESTAMP, told STRING, "
    "raw BINARY, headers ARRAY<STRUCT<key: STRING, value: BINARY>>, "
    "vendor MAP<STRING, STRING>"
)
ROW = {
    "id": 2**63 - 1,
    "price": Decimal("12345678901234567890.000000000000000001"),
    "at": datetime(2026, 11, 22, 12, 0, 0, 123456, UTC),
    "told": "日本",
    "raw": b"\x00\xff",
    "headers": [{"key": "trace", "value": b"1"}],
    "vendor": {"origin": "rest"},
}


def test_values_come_as_they_are_and_what_lacks_is_null(spark: SparkSession) -> None:
    frame = frame_of(spark, [ROW, {"id": 1}], DDL)

    assert [field.nullable for field in frame.schema.fields] == [False] + [True] * 6
    full, bare = frame.orderBy(frame["id"].desc()).collect()
    assert (full.price, full.told, full.vendor) == (
        *(ROW["price"], ROW["told"], ROW["vendor"]),
    )
    assert bytes(full.raw) == ROW["raw"] and full.id == ROW["id"]
    assert [each.asDict() for each in full.headers] == ROW["headers"]
    (us,) = frame.selectExpr("max(unix_micros(at))").first() or ()
    assert (
        us == int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * 10**6 + 123456
    )
    assert bare.asDict() == dict.fromkeys(ROW) | {"id": 1}


def test_they_are_in_the_plan_and_no_python_makes_them(spark: SparkSession) -> None:
    plan = frame_of(spark, [ROW], DDL)._jdf.queryExecution().optimizedPlan()

    assert plan.nodeName() == "LocalRelation"


@pytest.mark.parametrize(
    "price", [Decimal("1E-19"), Decimal("123456789012345678901"), "1"]
)
def test_what_does_not_fit_is_refused_and_never_rounded(
    spark: SparkSession, price: object
) -> None:
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        frame_of(spark, [{"id": 1, "price": price}], DDL)
