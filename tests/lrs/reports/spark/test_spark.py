"""Spark reads the Parquet files as DuckDB does. Needs Java, so it runs where it is named (README, "Test it")."""

import io

import duckdb
from django.core.management import call_command
from pyspark.sql import SparkSession


def test_duckdb_and_spark_read_the_same_from_parquet(demo, tmp_path):
    call_command("export", "parquet", store=demo.name, out=str(tmp_path), stdout=io.StringIO())
    sql = (
        "SELECT kind, verb, count(*) AS amount, max(progress) AS furthest FROM statements WHERE NOT voided"
        " GROUP BY kind, verb ORDER BY kind, verb"
    )
    con = duckdb.connect()
    con.sql(f"CREATE VIEW statements AS SELECT * FROM read_parquet('{tmp_path}/store=*/*/*.parquet')")
    by_duckdb = con.sql(sql).fetchall()
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    try:
        folder = next(tmp_path.glob("store=*"))
        spark.read.parquet(str(folder)).createOrReplaceTempView("statements")
        by_spark = [tuple(row) for row in spark.sql(sql).collect()]
    finally:
        spark.stop()
    assert by_spark == by_duckdb
    assert sum(row[2] for row in by_duckdb) == 1996
