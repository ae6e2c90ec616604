"""A backup is restored beside all that runs, and judged by what restore goes by.

It runs in the environment of Airflow, which has pyiceberg: no second Spark beside the
lanes, and a second reader of what Spark wrote.
"""
