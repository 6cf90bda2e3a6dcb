"""What the DAG files share. Importing it reads nothing and opens nothing; the hub's work is imported inside the tasks."""
