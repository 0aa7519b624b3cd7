"""Pages inside Airflow: the history of drills, and one drill's report. They read the evidence and write nothing."""
