"""The DAG files, read and run by an Airflow of their own."""
